"""One contract for the two libraries that run a model, each in the real container."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import anyio
import pytest

from bykilt.llm.calls import LocalEngine
from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.errors import CallRefused

QUESTION = "What is the capital of France?"
STORY = "Tell me a very long story about the sea."
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "is_capital": {"type": "boolean"}},
    "required": ["city", "is_capital"],
    "additionalProperties": False,
}


@pytest.fixture(params=list(LocalEngine), ids=str)
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[DockerLLMSandbox]:
    started = DockerLLMSandbox(engine=request.param)
    await started.start()
    yield started
    await started.stop()


async def test_an_answer_comes_with_its_counts_and_its_end(sandbox: DockerLLMSandbox) -> None:
    pieces: list[str] = []
    answer = await sandbox.invoke_llm(QUESTION, {"max_tokens": 30}, on_token=pieces.append)
    assert answer.text == "".join(pieces) == "The capital of France is Paris."
    assert (answer.finish, answer.prompt_tokens, answer.completion_tokens) == ("stop", 27, 7)
    cut = await sandbox.invoke_llm(QUESTION, {"max_tokens": 3})
    assert (cut.finish, cut.completion_tokens) == ("length", 3)
    assert answer.text.startswith(cut.text)


async def test_an_answer_to_a_schema_is_a_document_of_it(sandbox: DockerLLMSandbox) -> None:
    for temperature in (0.0, 1.5):
        context = {"max_tokens": 120, "temperature": temperature, "seed": 3}
        answer = await sandbox.invoke_llm("Name the capital of France.", context, schema=CITY)
        document = json.loads(answer.text)
        assert answer.finish == "stop"
        assert document.keys() == {"city", "is_capital"}
        assert isinstance(document["is_capital"], bool)


async def test_the_same_call_has_the_same_answer_whatever_was_asked_before(sandbox: DockerLLMSandbox) -> None:
    """The start that two prompts share is kept in memory, and nothing else of the one before."""
    context = {"max_tokens": 12, "temperature": 0.8, "seed": 7}
    first = await sandbox.invoke_llm("Tell me of the sea.", context)
    await sandbox.invoke_llm("Tell me of the mountains, and of " + "snow and " * 300, {"max_tokens": 5})
    again = await sandbox.invoke_llm("Tell me of the sea.", context)
    assert again == first
    assert (await sandbox.invoke_llm("Tell me of the sea.", context | {"seed": 8})).text != first.text


async def test_a_cancelled_call_stops_and_the_next_is_answered(sandbox: DockerLLMSandbox) -> None:
    pieces: list[str] = []

    def on_token(text: str) -> None:
        pieces.append(text)
        if len(pieces) == 5:
            scope.cancel()

    with anyio.fail_after(30), anyio.CancelScope() as scope:
        await sandbox.invoke_llm(STORY, {"max_tokens": 1500}, on_token=on_token)
    assert 5 <= len(pieces) < 200
    assert (await sandbox.invoke_llm(QUESTION, {"max_tokens": 30})).text == "The capital of France is Paris."
    assert sandbox.get_metrics()["starts"] == 1


async def test_what_cannot_be_held_is_refused(sandbox: DockerLLMSandbox) -> None:
    with pytest.raises(CallRefused, match="the model holds 2048"):
        await sandbox.invoke_llm("word " * 4000)
    with pytest.raises(CallRefused, match="schema"):
        await sandbox.invoke_llm(QUESTION, schema={"$ref": "#/nowhere"})
    assert (await sandbox.invoke_llm(QUESTION, {"max_tokens": 30})).finish == "stop"


async def test_text_beyond_ascii_goes_in_and_comes_out_whole(sandbox: DockerLLMSandbox) -> None:
    pieces: list[str] = []
    call = {"max_tokens": 40, "system": "Repeat what the user says."}
    answer = await sandbox.invoke_llm("東京 – Zürich – 🗼", call, on_token=pieces.append)
    assert "".join(pieces) == answer.text
    assert answer.prompt_tokens > 15
