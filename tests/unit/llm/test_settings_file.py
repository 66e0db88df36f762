"""The file of model settings: what is read, what stands in for what is left out, and how every mistake is told."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from bykilt.llm.budgets import Limit, OwnerLimits
from bykilt.llm.calls import LocalEngine
from bykilt.llm.money import PARTS_PER_DOLLAR
from bykilt.llm.presets import PRESETS
from bykilt.llm.providers import Price
from bykilt.llm.rates import Rate
from bykilt.llm.settings import ContainerSettings, LLMSettings, WhenUnavailable
from bykilt.llm.settings_file import SettingsError, load_settings, parse_settings, settings_schema

GOOD = """
schema_version: 1
use: [openai, box, local]
providers:
  openai:
    kind: openai
    secret: openai_api_key
    models:
      gpt-4o-mini: {prompt: 0.15, completion: "0.60"}
    requests_per_minute: 60
  box:
    kind: ollama
    models: {llama3.2: {prompt: 0, completion: 0}}
  own:
    url: https://models.example:8443/api/v1/
    models: {large: {prompt: 1, completion: 2}}
budgets:
  run: {tokens: 20000, usd: 0.10}
  day: {usd: 5}
  owner: {day: {tokens: 100000}}
  owners:
    alice: {day: {usd: 1}, total: {usd: 20}}
rates:
  owner: {requests_per_minute: 10}
  local: {tokens_per_minute: 5000}
cache: {mode: exact, ttl_s: 60}
when_unavailable: stub
"""


def problems_of(text: str) -> list[str]:
    """Return what is wrong with a file, each as `pointer: reason`."""
    with pytest.raises(SettingsError) as refused:
        parse_settings(text, "llm.yaml")
    assert refused.value.code == "invalid_llm_settings"
    assert refused.value.exit_code == 2
    return [f"{problem.pointer}: {problem.reason}" for problem in refused.value.problems]


def provider(settings: str) -> str:
    return f"schema_version: 1\nproviders:\n  p: {settings}\n"


def test_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "llm.yaml").write_text(GOOD)
    settings = load_settings(tmp_path)
    assert settings.use == ("openai", "box", "local")
    assert settings.providers["openai"].models == {"gpt-4o-mini": Price(Decimal("0.15"), Decimal("0.60"))}
    assert settings.providers["openai"].url == PRESETS["openai"].url  # type: ignore[index]
    assert settings.providers["own"].url == "https://models.example:8443/api/v1"
    assert settings.budgets.run == Limit(20_000, PARTS_PER_DOLLAR // 10)
    assert settings.budgets.owners["alice"] == OwnerLimits(
        day=Limit(None, PARTS_PER_DOLLAR), total=Limit(None, 20 * PARTS_PER_DOLLAR)
    )
    assert settings.rates.providers["openai"] == Rate(60, None)
    assert settings.rates.providers["local"] == Rate(None, 5000)
    assert settings.rates.owner == Rate(10, None)
    assert (settings.cache.exact, settings.cache.ttl_s) == (True, 60)
    assert settings.when_unavailable is WhenUnavailable.STUB


def test_json_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "llm.json").write_text(json.dumps(yaml.safe_load(GOOD)))
    (other := tmp_path / "other").mkdir()
    (other / "llm.yaml").write_text(GOOD)
    assert load_settings(tmp_path) == load_settings(other)


def test_without_a_file_the_local_model_alone_is_asked(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings == LLMSettings()
    assert settings.use == ("local",)
    assert not settings.cache.exact
    assert settings.when_unavailable is WhenUnavailable.REFUSE


def test_two_files_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "llm.yaml").write_text(GOOD)
    (tmp_path / "llm.json").write_text("{}")
    with pytest.raises(SettingsError, match=r"llm\.yaml is there, too"):
        load_settings(tmp_path)


def test_every_problem_is_told_with_its_place() -> None:
    assert problems_of(
        """
schema_version: 1
use: [locl, local, local]
providers:
  nowhere: {models: {m: null}}
  key_in_the_clear: {url: "http://models.example/v1", secret: k, models: {m: null}}
  inside: {url: "http://10.0.0.1/v1", models: {m: null}}
  local: {kind: groq, models: {m: null}}
  cheap: {kind: groq, models: {m: {prompt: 0.0000001, completion: -1}}}
budgets: {run: {}, day: {usd: much}}
"""
    ) == [
        "/providers/nowhere: neither its kind nor its url is there",
        "/providers/key_in_the_clear/url: the key would go to 'models.example' in the clear",
        "/providers/inside/url: 'http://10.0.0.1/v1' leads to this machine or a private network",
        "/providers/cheap/models/m: 1e-07 has more than six decimals",
        "/providers/local: 'local' is the model in the container",
        "/use/0: there is no provider 'locl'",
        "/use/2: 'local' is there twice",
        "/budgets/run: a budget of nothing in particular",
        "/budgets/day/usd: 'much' is no amount of money",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "models.example/v1",
        "ftp://models.example",
        "https://",
        "https://u:p@models.example/v1",
        "https://models.example/v1?key=1",
        "https://models.example/v1#x",
        "https://models.example/../v1",
        "https://models.example/a%2fb",
        "https://models.example:0/v1",
        "https://models.example:99999/v1",
        "https://2130706433/v1",
        "https://[fe80::1%25eth0]/v1",
        "http://localhost:11434/v1",
        "https://169.254.169.254/v1",
    ],
)
def test_an_address_that_could_mislead_is_refused(url: str) -> None:
    (problem,) = problems_of(provider(f"{{url: {json.dumps(url)}, models: {{m: null}}}}"))
    assert problem.startswith("/providers/p/url: ")


def test_what_is_on_this_machine_must_be_allowed() -> None:
    text = provider('{url: "http://127.0.0.1:9/v1", secret: k, allow_private: true, models: {m: null}}')
    assert parse_settings(text, "llm.yaml").providers["p"].allow_private
    assert parse_settings(provider("{kind: vllm, models: {m: null}}"), "llm.yaml").providers["p"].allow_private


@pytest.mark.parametrize("budget", ["run: {usd: 1}", "owner: {total: {usd: 1}}", "owners: {a: {day: {usd: 1}}}"])
def test_a_budget_in_money_wants_every_price(budget: str) -> None:
    """Spec: prices are never preset, and what has none cannot be held to a budget."""
    text = provider("{kind: openai, models: {gpt: null}}") + f"budgets: {{{budget}}}\n"
    assert problems_of(text) == [
        "/providers/p/models/gpt: there is a budget in money, and this model has no price",
    ]
    parse_settings(text.replace("usd", "tokens"), "llm.yaml")


def test_headers_that_carry_the_key_are_not_free() -> None:
    text = provider("{kind: openai, models: {m: null}, extra_headers: {Authorization: x, OpenAI-Organization: y}}")
    assert problems_of(text) == ["/providers/p/extra_headers/Authorization: this header is not free to choose"]


def test_the_schema_takes_what_the_reader_takes() -> None:
    validator = jsonschema_rs.validator_for(dict(settings_schema()))
    assert validator.is_valid(yaml.safe_load(GOOD))
    assert not validator.is_valid({"schema_version": 1, "provider": {}})


@pytest.mark.parametrize("text", ["", "[]", "schema_version: 2", "use: [local]", "schema_version: 1\nuse: []"])
def test_what_is_no_such_file_is_refused(text: str) -> None:
    assert len(problems_of(text)) == 1


def test_how_containers_are_held_is_read() -> None:
    text = "schema_version: 1\ncontainer: {runtime: runsc, memory: 1g, cpus: 1.5, engine: llama_cpp, containers: 2}\n"
    held = parse_settings(text, "llm.yaml").container
    assert held == ContainerSettings(runtime="runsc", memory="1g", cpus=1.5, engine=LocalEngine.LLAMA_CPP, containers=2)
    assert held.cpu_quota == 150_000


@pytest.mark.parametrize(
    "container",
    ["memory: 3m", "memory: lots", "cpus: 0", "engine: other", "runtime: 'a b'", "containers: 0", "network: host"],
)
def test_containers_that_cannot_be_held_like_this_are_refused(container: str) -> None:
    (problem,) = problems_of(f"schema_version: 1\ncontainer: {{{container}}}\n")
    assert problem.startswith("/container/")
