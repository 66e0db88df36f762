"""Runs that ask a model: what is sent, told and recorded. No model takes part."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import fail_after

from bykilt.events.model import Outcome
from bykilt.flows.loader import load_flow_text
from bykilt.history.model import RunStatus
from bykilt.json_types import JsonObject
from bykilt.llm.errors import AnswerIncomplete, LLMDisabled
from bykilt.runs.model import RunRequest
from bykilt.runs.secrecy import OpenSecrecy, VaultSecrecy
from bykilt.security.redaction import SecretRedactor
from bykilt.security.secrets_vault import SecretsVault
from bykilt.storage.run_folder import RunFolder
from tests.support.asking_runs import ABOUT_THE_PAGE, ASK, READ, SCHEMA, SECRET, House
from tests.support.run_services import run_service
from tests.support.scripted_engine import ScriptedEngines
from tests.support.scripted_gateway import ScriptedGateway
from tests.support.vaults import VaultHome


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def house(home: Path) -> House:
    return House(home)


# ---- asking


async def test_an_answer_is_used_told_and_put_on_record(house: House) -> None:
    ended = await house.run(*ABOUT_THE_PAGE, answers=[{"n": 3}], owner="aiko")

    assert ended.run.status is RunStatus.SUCCEEDED
    assert ended.result["outputs"] == {"it": {"n": 3}}
    assert house.gateway is not None
    (asked,) = house.gateway.asked
    assert asked.schema == SCHEMA
    assert {name: asked.context[name] for name in ("owner", "run", "max_tokens", "model", "provider")} == {
        "owner": "aiko",
        "run": ended.run.id,
        "max_tokens": 256,
        "model": None,
        "provider": None,
    }
    (told,) = ended.answered
    assert (told.step_id, told.outcome, told.answer) == ("it", Outcome.SUCCEEDED, {"n": 3})
    assert (told.provider, told.model, told.cost_usd) == ("nobody", "scripted-1", 0.002)
    assert (told.prompt_tokens, told.completion_tokens, told.replayed_from) == (100, 7, "")
    (line,) = ended.recorded
    assert [each["content"] for each in line["messages"]] == [each.content for each in asked.messages]
    assert (line["answer"], line["schema"], line["prompt_sha256"]) == ({"n": 3}, SCHEMA, told.prompt_sha256)
    assert stat.S_IMODE(ended.folder.llm_answers.stat().st_mode) == 0o600


async def test_the_result_adds_up_what_was_asked(house: House) -> None:
    steps = [{**ASK, "id": name, "on_error": "continue"} for name in ("a", "b", "it")]
    ended = await house.run(*steps, answers=[{"n": 1}, AnswerIncomplete("cut off"), {"n": 2}])

    assert ended.result["llm"] == {
        "calls": 3,
        "failed": 1,
        "cached": 0,
        "replayed": 0,
        "prompt_tokens": 200,
        "completion_tokens": 14,
        "cost_usd": 0.004,
        "unpriced": 0,
    }


async def test_what_costs_nobody_knows_how_much_is_not_called_free(house: House) -> None:
    assert house.gateway is not None
    house.gateway.more = {"cost": 0.0, "priced": False}
    ended = await house.run(ASK, answers=[{"n": 1}])

    assert ended.answered[0].cost_usd is None
    assert (ended.result["llm"]["cost_usd"], ended.result["llm"]["unpriced"]) == (0, 1)


@pytest.mark.parametrize("answer", [{"n": "three"}, {}, "three", None])
async def test_an_answer_that_does_not_fit_is_never_used(house: House, answer: Any) -> None:
    """Contract: whatever the gateway has let through."""
    ended = await house.run(ASK, answers=[answer])

    assert ended.code == "llm_answer_invalid"
    assert (ended.answered[0].outcome, ended.answered[0].answer) == (Outcome.FAILED, None)
    assert ended.result["llm"]["prompt_tokens"] == 100


async def test_a_second_attempt_may_have_another_answer(house: House) -> None:
    """Contract: the first one is what the model takes for the likeliest, which asked again would be the same."""
    await house.run({**ASK, "retry": {"attempts": 3, "delay_ms": 0}}, answers=[{}, {}, {"n": 3}])

    assert house.gateway is not None
    ways = [(asked.context.get("temperature", 0), asked.context.get("seed")) for asked in house.gateway.asked]
    assert ways == [(0, None), (0.5, 2), (0.5, 3)]


async def test_a_text_that_was_cut_off_is_no_answer(house: House) -> None:
    assert house.gateway is not None
    house.gateway.more = {"finish": "length"}
    ended = await house.run({"id": "it", "action": "ask", "question": "Tell."}, answers=["Once upon a"])

    assert ended.code == "llm_answer_incomplete"


@pytest.mark.parametrize(
    ("sandbox", "code"), [({}, "llm_disabled"), ({"problem": "no Docker", "hint": "start it"}, "missing_capability")]
)
async def test_a_gateway_that_only_says_that_it_is_off_has_not_answered(
    house: House, sandbox: dict[str, str], code: str
) -> None:
    """Contract: a stub that the user has set is no model."""
    assert house.gateway is not None
    house.gateway.more = {"disabled": True, "sandbox": sandbox}
    ended = await house.run({"id": "it", "action": "ask", "question": "Tell."}, answers=["the model is off"])

    assert ended.code == code


@pytest.mark.parametrize("gateway", [None, ScriptedGateway(unready=LLMDisabled())], ids=["no gateway", "switched off"])
async def test_without_a_model_the_run_ends_before_a_browser_starts(
    home: Path, gateway: ScriptedGateway | None
) -> None:
    ended = await House(home, gateway=gateway).run({"action": "if", "condition": False, "then": [ASK]})

    assert ended.code == "llm_disabled"
    assert ended.engines.made == []


async def test_a_run_that_asks_nothing_never_calls_for_a_gateway(home: Path) -> None:
    house = House(home, gateway=ScriptedGateway(unready=LLMDisabled()))
    ended = await house.run({**READ, "id": "it"})

    assert ended.run.status is RunStatus.SUCCEEDED
    assert not ended.folder.llm_answers.exists()
    assert ended.result["llm"]["calls"] == 0


async def test_a_question_that_nobody_waits_for_any_more_is_on_record_as_such(house: House) -> None:
    ended = await house.run({**ASK, "timeout_ms": 30, "on_error": "continue"}, {**READ, "id": "other"}, answers=[])

    assert [fact.outcome for fact in ended.answered] == [Outcome.CANCELLED]
    assert ended.recorded[0]["failure"]["code"] == "llm_not_awaited"


async def test_an_answer_that_cannot_be_recorded_is_not_used(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunFolder, "llm_answers", property(lambda folder: folder.path / "nowhere" / "llm.jsonl"))
    ended = await house.run(ASK, answers=[{"n": 3}])

    assert ended.run.status is RunStatus.FAILED
    assert ended.code in {warning.code for warning in ended.warnings}
    assert "it" not in ended.result["outputs"]


# ---- secrets


async def test_no_secret_is_asked_told_or_recorded(home: Path) -> None:
    """Contract: what is known as secret is masked before the prompt is made, and in what comes back."""
    house = House(home, page=f'the word is {SECRET}, card 4111 1111 1111 1111, "{SECRET}"', secrets=(SECRET,))
    ask: JsonObject = {
        "id": "it",
        "action": "ask",
        "question": "What is ${steps.read.result}?",
        "data": {SECRET: "${steps.read.result}"},
    }
    ended = await house.run(READ, ask, answers=[f"it is {SECRET}"])

    assert house.gateway is not None
    (asked,) = house.gateway.asked
    assert SECRET not in asked.text
    assert "4111" not in asked.text
    assert "the word is ***" in asked.text
    assert ended.result["outputs"] == {"it": "it is ***"}
    for file in ended.folder.path.rglob("*.json*"):
        assert file.name == "request.json" or SECRET not in file.read_text(), file


async def test_a_secret_that_becomes_known_while_the_model_answers_is_not_recorded(home: Path) -> None:
    """Contract: the gateway learns what was put into the vault meanwhile, and this hides it, too."""
    redactor = SecretRedactor()

    @dataclass
    class Learning(ScriptedGateway):
        async def invoke_llm(self, *asked: Any, **more: Any) -> Any:
            redactor.add(SECRET)
            return await super().invoke_llm(*asked, **more)

    house = House(home, page=f"the word is {SECRET}", secrecy=OpenSecrecy(redactor), gateway=Learning())
    ended = await house.run(*ABOUT_THE_PAGE, answers=[{"n": 3}])

    assert ended.run.status is RunStatus.SUCCEEDED
    assert SECRET not in ended.folder.llm_answers.read_text()


async def test_a_text_comes_without_the_space_around_it(house: House) -> None:
    ended = await house.run({"id": "it", "action": "ask", "question": "Why?"}, answers=["\n because \n"])

    assert ended.result["outputs"] == {"it": "because"}


async def test_a_schema_that_holds_a_secret_is_not_sent(home: Path) -> None:
    house = House(home, secrets=(SECRET,))
    ended = await house.run({**ASK, "schema": {"enum": [SECRET]}}, answers=[SECRET])

    assert ended.code == "invalid_input"
    assert house.gateway is not None
    assert house.gateway.asked == []


async def test_a_secret_that_the_flow_does_not_use_is_not_asked_either(home: Path) -> None:
    """Contract: a page may show any secret of the vault to a flow that asks about it."""
    vault = VaultHome.at(home)
    await vault.vault().set_secret("elsewhere", SECRET)

    async def opened() -> SecretsVault:
        return vault.vault()

    house = House(home, page=f"the word is {SECRET}", secrecy=VaultSecrecy(opened, SecretRedactor()))
    ended = await house.run(*ABOUT_THE_PAGE, answers=[{"n": 3}])

    assert ended.run.status is RunStatus.SUCCEEDED
    assert SECRET not in ended.folder.llm_answers.read_text()
    assert "the word is ***" in ended.recorded[0]["messages"][1]["content"]


async def test_a_vault_that_cannot_be_opened_lets_nothing_be_asked(home: Path) -> None:
    """Contract: it cannot be known what is secret, so nothing is told to a model."""
    vault = VaultHome.at(home)
    await vault.vault().set_secret("elsewhere", SECRET)
    vault.key_file.unlink()

    async def opened() -> SecretsVault:
        return vault.vault()

    house = House(home, secrecy=VaultSecrecy(opened, SecretRedactor()))
    ended = await house.run(ASK, answers=[{"n": 3}])

    assert ended.run.status is RunStatus.FAILED
    assert ended.engines.made == []
    assert house.gateway is not None
    assert house.gateway.asked == []


async def test_a_vault_that_was_never_made_is_not_made_for_it(home: Path) -> None:
    async def opened() -> SecretsVault:
        raise AssertionError("there is no vault to be opened")

    house = House(home, secrecy=VaultSecrecy(opened, SecretRedactor(), lambda: False))

    assert (await house.run(ASK, answers=[{"n": 3}])).run.status is RunStatus.SUCCEEDED


# ---- what is not there


def test_a_flow_that_asks_no_model_imports_nothing_of_models() -> None:
    """Contract: neither does the service that runs it."""
    program = """
import sys
import bykilt.app, bykilt.runs.service, bykilt.flows.interpreter
from bykilt.flows.loader import load_flow_text
load_flow_text('{"bykilt": 1, "name": "a", "steps": [{"action": "reload"}]}', "a.json")
print([name for name in sys.modules if name.startswith("bykilt.llm") or name in ("docker", "jsonschema_rs")])
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert said.stdout.strip() == "[]"


async def test_cancelling_a_run_that_waits_for_an_answer_ends_it(home: Path) -> None:
    gateway = ScriptedGateway()
    flow = load_flow_text(json.dumps({"bykilt": 1, "name": "asks", "steps": [ASK]}), "asks.json")
    with fail_after(10):
        async with run_service(home, ScriptedEngines(), models=gateway) as service:
            run_id = await service.submit(RunRequest(flow=flow, trace=False))
            while not gateway.asked:
                await anyio.lowlevel.checkpoint()
            await service.cancel(run_id)
            run = await service.wait(run_id)

    assert run.status is RunStatus.CANCELLED
