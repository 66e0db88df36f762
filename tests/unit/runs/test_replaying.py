"""Runs whose answers come from the record of another run: no model is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bykilt.errors import InvalidInput
from bykilt.history.model import RunStatus, UnknownRun
from bykilt.json_types import JsonObject
from bykilt.llm.errors import AnswerIncomplete
from tests.support.asking_runs import ABOUT_THE_PAGE, ASK, READ, House


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def house(home: Path) -> House:
    return House(home)


async def test_a_replay_gives_the_same_answers_without_any_model(house: House) -> None:
    """Contract: with the model switched off, with the same outcome, and marked as replayed."""
    loop: JsonObject = {"action": "for_each", "items": [1, 2], "steps": [{**ASK, "id": "each", "data": "${item}"}]}
    first = await house.run(*ABOUT_THE_PAGE, loop, answers=[{"n": 3}, {"n": 1}, {"n": 2}])
    off = House(house.home, gateway=None)
    again = await off.run(*ABOUT_THE_PAGE, loop, replay_llm=first.run.id)

    assert again.run.status is RunStatus.SUCCEEDED
    assert again.result["outputs"] == first.result["outputs"]
    assert [fact.answer for fact in again.answered] == [{"n": 3}, {"n": 1}, {"n": 2}]
    assert [fact.prompt_sha256 for fact in again.answered] == [fact.prompt_sha256 for fact in first.answered]
    assert {fact.replayed_from for fact in again.answered} == {first.run.id}
    assert {fact.model for fact in again.answered} == {"scripted-1"}
    totals = again.result["llm"]
    assert (totals["calls"], totals["replayed"], totals["prompt_tokens"], totals["cost_usd"]) == (3, 3, 0, 0)
    assert json.loads(again.folder.request.read_bytes())["replay_llm"] == first.run.id


async def test_a_replay_can_be_replayed(house: House) -> None:
    first = await house.run(*ABOUT_THE_PAGE, answers=[{"n": 3}])
    second = await house.run(*ABOUT_THE_PAGE, replay_llm=first.run.id[:-1])
    third = await house.run(*ABOUT_THE_PAGE, replay_llm="latest")

    assert third.result["outputs"] == first.result["outputs"]
    assert third.answered[0].replayed_from == second.run.id
    assert house.gateway is not None
    assert len(house.gateway.asked) == 1


async def test_a_page_that_has_changed_ends_the_replay_and_says_where(house: House) -> None:
    first = await house.run(*ABOUT_THE_PAGE, answers=[{"n": 3}])
    house.page = "4 apples"
    again = await house.run(*ABOUT_THE_PAGE, replay_llm=first.run.id)

    assert again.code == "llm_replay_differs"
    failure = again.run.failure
    assert failure is not None
    assert "step 'it'" in failure.message
    assert "the data" in failure.message
    assert "3 apples" in failure.message
    assert "4 apples" in failure.message
    assert "--replay-llm-loose" in failure.hint


async def test_taken_loosely_an_answer_to_another_question_will_do(house: House) -> None:
    first = await house.run(*ABOUT_THE_PAGE, answers=[{"n": 3}])
    house.page = "4 apples"
    again = await house.run(*ABOUT_THE_PAGE, replay_llm=first.run.id, replay_llm_loosely=True)

    assert again.result["outputs"] == {"it": {"n": 3}}
    assert [warning.code for warning in again.warnings] == ["llm_replay_differs"]


async def test_even_loosely_an_answer_has_to_fit_the_schema_of_today(house: House) -> None:
    first = await house.run(ASK, answers=[{"n": 3}])
    schema: JsonObject = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 2}}}
    again = await house.run({**ASK, "schema": schema}, replay_llm=first.run.id, replay_llm_loosely=True)

    assert again.code == "llm_answer_invalid"
    assert "JSON Schema" in again.warnings[0].message


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"question": "How few?"}, "the question: «…Question: How many? Answer"),
        ({"schema": {"type": "object"}}, "the JSON Schema of the answer"),
    ],
)
async def test_a_flow_that_has_changed_ends_the_replay_and_says_where(
    house: House, changed: JsonObject, what: str
) -> None:
    first = await house.run(ASK, answers=[{"n": 3}])
    again = await house.run({**ASK, **changed}, replay_llm=first.run.id)

    assert again.run.failure is not None
    assert what in again.run.failure.message


async def test_a_question_that_was_never_asked_has_no_answer(house: House) -> None:
    first = await house.run({**READ, "id": "it"})
    again = await house.run(ASK, replay_llm=first.run.id)

    assert again.code == "llm_replay_missing"


async def test_what_failed_then_fails_again_in_the_same_way(house: House) -> None:
    """Contract: retries and `on_error` take the same turns."""
    steps = {**ASK, "retry": {"attempts": 2, "delay_ms": 0}}
    first = await house.run(steps, answers=[AnswerIncomplete("cut off", hint="more"), {"n": 3}])
    again = await house.run(steps, replay_llm=first.run.id)

    assert [fact.failure for fact in again.answered] == [fact.failure for fact in first.answered]
    assert again.answered[0].failure is not None
    assert again.answered[0].failure.code == "llm_answer_incomplete"
    assert again.result["outputs"] == {"it": {"n": 3}}


async def test_an_answer_that_was_not_waited_for_is_missing_in_the_replay(house: House) -> None:
    first = await house.run({**ASK, "timeout_ms": 30}, answers=[])
    again = await house.run({**ASK, "timeout_ms": 30}, replay_llm=first.run.id)

    assert again.code == "llm_replay_missing"


async def test_a_run_that_is_not_there_is_refused_at_once(house: House) -> None:
    with pytest.raises(UnknownRun):
        await house.run(ASK, replay_llm="01zzzz")


async def test_what_was_answered_for_one_owner_is_not_replayed_for_another(house: House) -> None:
    first = await house.run(ASK, answers=[{"n": 3}], owner="aiko")

    with pytest.raises(InvalidInput, match="was not for 'ben'"):
        await house.run(ASK, replay_llm=first.run.id, owner="ben")
    assert (await house.run(ASK, replay_llm=first.run.id, owner="aiko")).run.status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"path": 1}'])
async def test_a_record_that_is_damaged_is_refused_at_once(house: House, line: str) -> None:
    first = await house.run(ASK, answers=[{"n": 3}])
    with first.folder.llm_answers.open("a") as file:
        file.write(line + "\n")

    with pytest.raises(InvalidInput, match="line 2 of"):
        await house.run(ASK, replay_llm=first.run.id)


async def test_a_line_that_was_torn_by_a_kill_is_left_out(house: House) -> None:
    first = await house.run(ASK, answers=[{"n": 3}])
    with first.folder.llm_answers.open("a") as file:
        file.write('{"path": "/st')

    assert (await house.run(ASK, replay_llm=first.run.id)).run.status is RunStatus.SUCCEEDED
