"""What the gateway relies on of whatever answers its calls."""

from __future__ import annotations

import anyio
import pytest

from bykilt.errors import InvalidInput
from bykilt.llm.backend import Backend
from bykilt.llm.calls import Call, Completion

QUESTION = Call.parse("What is the capital of France?", {"max_tokens": 30})


async def test_it_answers_with_counts(backend: Backend) -> None:
    await backend.start()
    answer = await backend.answer(QUESTION)
    assert "Paris" in answer.text
    assert answer.finish == "stop"
    assert answer.prompt_tokens > 0
    assert 0 < answer.completion_tokens <= 30


async def test_it_starts_by_itself_and_only_once(backend: Backend) -> None:
    answers: list[Completion] = []

    async def ask() -> None:
        answers.append(await backend.answer(QUESTION))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(ask)
    await backend.start()
    assert answers[0] == answers[1]
    assert backend.get_metrics()["container_id"]


async def test_pieces_are_the_answer(backend: Backend) -> None:
    pieces: list[str] = []
    answer = await backend.answer(QUESTION, pieces.append)
    assert len(pieces) > 1
    assert "".join(pieces) == answer.text


async def test_a_model_that_it_has_not_is_refused(backend: Backend) -> None:
    with pytest.raises(InvalidInput):
        await backend.answer(Call.parse("Hi", {"model": "another"}))
    assert "Paris" in (await backend.answer(QUESTION)).text


async def test_it_can_be_stopped_twice_and_started_again(backend: Backend) -> None:
    await backend.start()
    await backend.stop()
    await backend.stop()
    assert backend.get_metrics()["container_id"] is None
    assert "Paris" in (await backend.answer(QUESTION)).text
