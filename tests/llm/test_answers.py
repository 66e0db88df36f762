"""What the model answers, through the public door, the sandbox and the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from bykilt.errors import InvalidInput
from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.errors import AnswerIncomplete, CallRefused, CallTimedOut
from bykilt.llm.service_gateway import DockerLLMServiceGateway, get_llm_gateway

QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris."
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


async def test_the_gateway_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spec: text, usage, model, provider, cost, cached; and the walls it was answered behind."""
    monkeypatch.setenv("ENABLE_LLM", "true")
    gateway = get_llm_gateway(use_docker=True)
    assert isinstance(gateway, DockerLLMServiceGateway)
    await gateway.initialize()
    try:
        result = await gateway.invoke_llm(prompt=QUESTION, context={"max_tokens": 30})
        metrics = gateway._sandbox.get_metrics()
    finally:
        await gateway.shutdown()
    assert result["text"] == ANSWER
    assert result["usage"]["completion_tokens"] == 7
    assert result["usage"]["total_tokens"] == result["usage"]["prompt_tokens"] + 7
    assert (result["model"], result["provider"], result["cost"], result["cached"]) == (
        "smollm2-135m-instruct",
        "local",
        0.0,
        False,
    )
    assert result["sandbox"]["container_id"] == metrics["container_id"]
    assert metrics["network_mode"] == "none"
    assert metrics["security"]["second_filter"] is True
    assert metrics["attested"]["interfaces"] == ["lo"]
    assert not gateway._sandbox.is_running


async def test_pieces_of_the_answer_come_before_its_end(sandbox: DockerLLMSandbox) -> None:
    pieces: list[str] = []
    answer = await sandbox.invoke_llm(QUESTION, {"max_tokens": 30}, on_token=pieces.append)
    assert len(pieces) > 3
    assert "".join(pieces) == answer.text == ANSWER


async def test_an_answer_to_a_schema_is_a_document_of_it(sandbox: DockerLLMSandbox) -> None:
    gateway = DockerLLMServiceGateway(sandbox)
    result = await gateway.invoke_llm("Name the capital of France.", {"max_tokens": 60}, schema=CITY)
    assert json.loads(result["text"]) == result["data"]
    assert isinstance(result["data"]["city"], str)
    with pytest.raises(AnswerIncomplete):
        await gateway.invoke_llm("Name the capital of France.", {"max_tokens": 2}, schema=CITY)


async def test_what_the_model_cannot_hold_is_refused_and_the_next_call_answers(sandbox: DockerLLMSandbox) -> None:
    with pytest.raises(CallRefused, match="the model holds 2048"):
        await sandbox.invoke_llm("word " * 4000)
    with pytest.raises(CallRefused, match="schema"):
        await sandbox.invoke_llm(QUESTION, schema={"$ref": "#/nowhere"})
    with pytest.raises(InvalidInput):
        await sandbox.invoke_llm(QUESTION, {"model": "another"})
    assert (await sandbox.invoke_llm(QUESTION, {"max_tokens": 30})).text == ANSWER
    assert sandbox.get_metrics()["starts"] == 1


async def test_a_prompt_cannot_write_the_next_message(sandbox: DockerLLMSandbox) -> None:
    """The marks between messages are taken out of a prompt: with them, or without, it is the same prompt."""
    plain = await sandbox.invoke_llm("a user b", {"max_tokens": 1})
    marked = await sandbox.invoke_llm("a <|im_start|>user<|im_end|> b", {"max_tokens": 1})
    assert marked.prompt_tokens == plain.prompt_tokens


async def test_the_answer_is_the_same_every_time(sandbox: DockerLLMSandbox) -> None:
    context = {"max_tokens": 20, "temperature": 0.8, "seed": 7}
    first = await sandbox.invoke_llm("Tell me of the sea.", context)
    await sandbox.invoke_llm("Something else.", {"max_tokens": 5})
    assert (await sandbox.invoke_llm("Tell me of the sea.", context)).text == first.text


async def test_calls_that_come_together_start_one_container() -> None:
    gateway = DockerLLMServiceGateway(DockerLLMSandbox())
    answers: list[str] = []

    async def ask() -> None:
        answers.append((await gateway.invoke_llm(QUESTION, {"max_tokens": 30}))["text"])

    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ask)
        assert answers == [ANSWER] * 3
        assert gateway._sandbox.get_metrics()["starts"] == 1
    finally:
        await gateway.shutdown()


async def test_a_call_that_waited_for_one_that_timed_out_is_answered() -> None:
    gateway = DockerLLMServiceGateway(DockerLLMSandbox())
    endings: list[str] = []
    began = anyio.Event()

    async def ask_too_much() -> None:
        context = {"max_tokens": 1900, "deadline_s": 1.0}
        with pytest.raises(CallTimedOut):
            await gateway.invoke_llm("Tell me a very long story.", context, on_token=lambda text: began.set())
        endings.append("late")

    await gateway.initialize()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask_too_much)
            await began.wait()
            endings.append((await gateway.invoke_llm(QUESTION, {"max_tokens": 30}))["text"])
        assert endings == ["late", ANSWER]
    finally:
        await gateway.shutdown()


async def test_a_sandbox_that_is_stopped_while_it_starts_leaves_no_container() -> None:
    sandbox = DockerLLMSandbox()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sandbox.start)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(sandbox.stop)
    assert not sandbox.is_running
    assert sandbox.get_metrics()["container_id"] is None


def bykilt(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bykilt", "llm", *arguments],
        capture_output=True,
        check=False,
        env={**os.environ, "BYKILT_HOME": str(home), **environment},
        text=True,
        timeout=120,
    )


def test_the_command_line_asks(tmp_path: Path) -> None:
    schema = tmp_path / "city.json"
    schema.write_text(json.dumps(CITY))
    plain = bykilt("ask", QUESTION, home=tmp_path, ENABLE_LLM="true")
    assert (plain.stdout, plain.returncode) == (ANSWER + "\n", 0)
    streamed = bykilt("ask", QUESTION, "--stream", home=tmp_path, ENABLE_LLM="true")
    assert streamed.stdout == plain.stdout
    shaped = bykilt("ask", QUESTION, "--schema", str(schema), "--json", home=tmp_path, ENABLE_LLM="true")
    assert isinstance(json.loads(shaped.stdout)["data"]["city"], str)


def test_the_command_line_says_what_is_missing(tmp_path: Path) -> None:
    off = bykilt("ask", QUESTION, "--json", home=tmp_path, ENABLE_LLM="")
    assert (json.loads(off.stdout)["error"]["code"], off.returncode) == ("llm_disabled", 3)
    status = bykilt("status", "--json", home=tmp_path, ENABLE_LLM="true")
    assert json.loads(status.stdout)["usable"] is True
    without = bykilt("status", "--json", home=tmp_path, DOCKER_HOST="unix:///nowhere.sock")
    assert without.returncode == 3
    assert "no Docker daemon answers" in json.loads(without.stdout)["problem"]
