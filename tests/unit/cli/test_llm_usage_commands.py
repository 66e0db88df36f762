"""`bykilt llm usage` and `bykilt llm providers`: what was used, what is left, and whose key is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bykilt.cli.main import main
from bykilt.llm.usage import Asking, Ending, RequestOutcome, Rules
from bykilt.llm.usage_store import FILE_NAME, UsageStore

SETTINGS = """
schema_version: 1
use: [openai, local]
providers:
  openai:
    kind: openai
    secret: openai_api_key
    models: {gpt-4o-mini: {prompt: 0.15, completion: 0.60}}
    requests_per_minute: 60
  box: {kind: ollama, models: {llama3.2: {prompt: 0, completion: 0}}}
budgets:
  day: {tokens: 1000}
  owners: {alice: {total: {usd: 0.001}}}
breaker: {failures: 2, open_s: 3600}
"""
KEY = "sk-canary-that-must-not-be-shown-0123456789"


class Home:
    """The command in a home of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.env = {"BYKILT_HOME": str(path), "BYKILT_VAULT_KEYRING": "off", "ENABLE_LLM": ""}

    def __call__(self, *arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(main, list(arguments), input=stdin, env=self.env)

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json").stdout)

    def use(self, owner: str = "alice", provider: str = "openai", *, fails: bool = False, **more: Any) -> None:
        """Put a request on record."""
        facts: dict[str, Any] = {"model": "gpt-4o-mini", "run": None, "call": f"{owner}{provider}", **more}
        store = UsageStore(self.path / FILE_NAME)
        asking = Asking(
            owner=owner,
            provider=provider,
            most_prompt_tokens=100,
            most_completion_tokens=50,
            most_parts=None,
            **facts,
        )
        ending = Ending(
            outcome=RequestOutcome.FAILED if fails else RequestOutcome.ANSWERED,
            prompt_tokens=0 if fails else 200,
            completion_tokens=0 if fails else 100,
            parts=0 if fails else 90_000_000,
            provider_is_well=not fails,
        )
        store.end(store.admit(asking, Rules()), ending)
        store.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    (tmp_path / "llm.yaml").write_text(SETTINGS)
    return made


def test_without_calls_there_is_little_to_say(tmp_path: Path) -> None:
    shown = Home(tmp_path)("llm", "usage")
    assert (shown.stdout, shown.exit_code) == ("No calls yet.\n", 0)


def test_usage_is_summed_up_and_budgets_say_what_is_left(home: Home) -> None:
    home.use("alice")
    home.use("bob", run="r7")
    home.use("bob", fails=True)
    lines = home("llm", "usage", "--by", "owner").stdout.splitlines()
    assert lines[0].split() == ["OWNER", "CALLS", "ANSWERED", "CACHED", "FAILED", "KILLED", "PROMPT", "ANSWER", "COST"]
    assert lines[1].split() == ["alice", "1", "1", "0", "0", "0", "200", "100", "$0.000090"]
    assert lines[2].split() == ["bob", "1", "1", "0", "1", "0", "200", "100", "$0.000090"]
    assert lines[4].split() == ["BUDGET", "LEFT", "OF"]
    assert lines[5].split("  ")[0] == "Budget of the day"
    assert "400 tokens" in lines[5]
    assert "$0.000910" in lines[6]
    document = home.json("llm", "usage", "--by", "run")
    assert {line["key"]: line["calls"] for line in document["usage"]} == {"-": 2, "r7": 1}
    assert document["budgets"] == [
        {
            "budget": "day",
            "owner": None,
            "limit": {"tokens": 1000, "usd": None},
            "used": {"tokens": 600, "usd": "0.00018"},
            "left": {"tokens": 400, "usd": None},
        },
        {
            "budget": "owner",
            "owner": "alice",
            "limit": {"tokens": None, "usd": "0.001"},
            "used": {"tokens": 300, "usd": "0.00009"},
            "left": {"tokens": None, "usd": "0.00091"},
        },
    ]


def test_usage_can_be_limited_to_what_is_recent(home: Home) -> None:
    home.use()
    assert len(home.json("llm", "usage", "--since", "1h")["usage"]) == 1
    assert home("llm", "usage", "--since", "2999-01-01").stdout.startswith("No calls since then.")


def test_providers_are_listed_in_their_order_with_what_is_known(home: Home) -> None:
    home.use()
    home("vault", "set", "openai_api_key", "--origin", "https://api.openai.com", stdin=KEY)
    shown = home("llm", "providers")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["openai", "local", "box"]
    assert "1." in lines[1]
    assert "in the vault" in lines[1]
    assert "gpt-4o-mini ($0.15/$0.60)" in lines[1]
    assert "1 of 60 requests" in lines[1]
    assert "when named" in lines[3]
    assert "http://127.0.0.1:11434/v1" in lines[3]
    assert KEY not in shown.output + home("llm", "providers", "--json").output


@pytest.mark.parametrize(
    ("arguments", "state"), [((), "missing"), (("--origin", "https://other.example"), "not for this origin")]
)
def test_a_key_that_cannot_be_used_is_told_with_its_remedy(home: Home, arguments: tuple[str, ...], state: str) -> None:
    if arguments:
        home("vault", "set", "openai_api_key", *arguments, stdin=KEY)
    shown = home("llm", "providers").stdout
    assert state in shown
    assert "bykilt vault set openai_api_key --origin https://api.openai.com" in shown
    assert home.json("llm", "providers")["providers"][0]["key"] == state


def test_a_provider_that_rests_is_told(home: Home) -> None:
    home.use(fails=True)
    home.use(fails=True)
    first = home.json("llm", "providers")["providers"][0]
    assert (first["breaker"], first["rests_s"] > 3590) == ("open", True)
    assert "rests 3" in home("llm", "providers").stdout


def test_a_check_says_who_does_not_answer(home: Home) -> None:
    checked = home("llm", "providers", "--check", "--json")
    assert checked.exit_code == 1
    errors = {one["name"]: one["error"]["code"] for one in json.loads(checked.stdout)["providers"]}
    assert errors == {"openai": "llm_disabled", "local": "llm_disabled", "box": "llm_disabled"}


@pytest.mark.parametrize("command", ["usage", "providers"])
def test_settings_that_cannot_be_used_are_told(home: Home, command: str) -> None:
    (home.path / "llm.yaml").write_text("schema_version: 1\nuse: [opnai]\n")
    shown = home("llm", command)
    assert shown.exit_code == 2
    assert "/use/0: there is no provider 'opnai'" in shown.stderr
