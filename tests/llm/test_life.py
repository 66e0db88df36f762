"""How calls and containers end: cancelled, late, out of memory, hostile, killed; and that nothing is left of them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import anyio
import pytest

from bykilt.llm import owners
from bykilt.llm.docker_client import DockerClient
from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.errors import (
    CallTimedOut,
    ImageMissing,
    ProtocolViolation,
    SandboxRefused,
    WorkerCrashed,
    WorkerOutOfMemory,
)
from tests.support.llm import image_with_worker

STORY = "Tell me a very long story."


def exists(container: str) -> bool:
    with closing(DockerClient()) as client:
        return container in client.labelled(owners.LABEL)


def id_of(sandbox: DockerLLMSandbox) -> str:
    return str(sandbox.get_metrics()["container_id"])


async def test_a_cancelled_call_stops_and_the_container_answers_the_next(sandbox: DockerLLMSandbox) -> None:
    pieces: list[str] = []
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:

            def on_token(text: str) -> None:
                pieces.append(text)
                if len(pieces) == 5:
                    tasks.cancel_scope.cancel()

            async def ask() -> None:
                await sandbox.invoke_llm(STORY, {"max_tokens": 1500}, on_token=on_token)

            tasks.start_soon(ask)
        assert 5 <= len(pieces) < 200
        answer = await sandbox.invoke_llm("What is the capital of France?", {"max_tokens": 30})
    assert answer.text == "The capital of France is Paris."
    assert sandbox.get_metrics()["starts"] == 1


async def test_a_call_that_takes_too_long_ends_at_its_deadline_and_its_container_with_it(
    sandbox: DockerLLMSandbox,
) -> None:
    container = id_of(sandbox)
    began = anyio.current_time()
    with pytest.raises(CallTimedOut):
        await sandbox.invoke_llm(STORY, {"max_tokens": 1900, "deadline_s": 0.5})
    assert anyio.current_time() - began < 5
    assert not sandbox.is_running
    assert not exists(container)
    await sandbox.start()
    assert (await sandbox.invoke_llm("Hi", {"max_tokens": 3})).completion_tokens <= 3


async def test_calls_wait_for_each_other(sandbox: DockerLLMSandbox) -> None:
    answers: list[str] = []

    async def ask(question: str) -> None:
        answers.append((await sandbox.invoke_llm(question, {"max_tokens": 12})).text)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ask, "What is the capital of France?")
    assert answers == ["The capital of France is Paris."] * 3


async def test_stopping_during_a_call_ends_the_call(sandbox: DockerLLMSandbox) -> None:
    began, endings = anyio.Event(), []

    async def ask() -> None:
        try:
            await sandbox.invoke_llm(STORY, {"max_tokens": 1500}, on_token=lambda text: began.set())
        except WorkerCrashed as error:
            endings.append(str(error))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await began.wait()
            await sandbox.stop()
    assert endings == ["the sandbox is not running"]


async def test_an_image_that_is_not_here_is_told() -> None:
    with pytest.raises(ImageMissing, match="bykilt/none"):
        await DockerLLMSandbox(image="bykilt/none:latest").start()


@asynccontextmanager
async def hostile(worker: str, memory_limit: str = "128m") -> AsyncIterator[DockerLLMSandbox]:
    """A sandbox whose worker is another program: it says what an honest one says, then does its worst at the call."""
    with image_with_worker(worker) as image:
        sandbox = DockerLLMSandbox(image=image, memory_limit=memory_limit)
        try:
            await sandbox.start()
            yield sandbox
        finally:
            await sandbox.stop()


async def test_a_worker_that_takes_all_memory_is_ended_and_told() -> None:
    async with hostile("block = [bytearray(b'x' * (8 << 20)) for _ in range(64)]") as sandbox:
        container = id_of(sandbox)
        with pytest.raises(WorkerOutOfMemory, match="128 MiB"):
            await sandbox.invoke_llm("Hi")
        assert not exists(container)


async def test_a_worker_that_crashes_is_told_with_its_last_words() -> None:
    async with hostile("raise SystemExit('\\x1b[31mI give up')") as sandbox:
        with pytest.raises(WorkerCrashed, match=r"ended with 1: .*I give up") as told:
            await sandbox.invoke_llm("Hi")
        assert "\x1b" not in str(told.value)
        assert not sandbox.is_running


@pytest.mark.parametrize(
    "worker",
    [
        "while True: os.write(1, b'x' * 65536)",
        "while True: os.write(1, b'{}\\n' * 10000)",
        "os.write(1, b'[' * 100000 + b'\\n')",
        "say(id='another', ev='done', text='x', finish='stop', prompt_tokens=1, completion_tokens=1)",
        "say(id=call, ev='done', text='x', finish='stop', prompt_tokens=-1, completion_tokens=1)",
        "say(id=call, ev='exec', text='rm -rf')",
    ],
    ids=["an endless line", "a flood of lines", "deep nesting", "another's answer", "impossible counts", "an order"],
)
async def test_a_worker_that_breaks_the_protocol_is_killed(worker: str) -> None:
    async with hostile(worker) as sandbox:
        container = id_of(sandbox)
        with anyio.fail_after(30), pytest.raises(ProtocolViolation):
            await sandbox.invoke_llm("Hi")
        assert not exists(container)


async def test_a_worker_that_never_answers_and_ignores_signals_is_killed_at_the_deadline() -> None:
    async with hostile("import threading; threading.Event().wait()") as sandbox:
        container = id_of(sandbox)
        with pytest.raises(CallTimedOut):
            await sandbox.invoke_llm("Hi", {"deadline_s": 0.5})
        assert not exists(container)


async def test_a_worker_that_floods_its_errors_costs_no_memory_here() -> None:
    async with hostile("for _ in range(400): os.write(2, b'e' * 65536)\nraise SystemExit(3)") as sandbox:
        with pytest.raises(WorkerCrashed, match="ended with 3"):
            await sandbox.invoke_llm("Hi")


async def test_a_worker_that_sees_other_walls_is_not_asked() -> None:
    """The limits that it tells are the kernel's; here its own filter is not on."""
    with image_with_worker("pass", second_filter=False) as image:
        sandbox = DockerLLMSandbox(image=image)
        with pytest.raises(SandboxRefused, match="own filter"):
            await sandbox.start()
        assert sandbox.get_metrics()["container_id"] is None


PARENT = """
import anyio
from bykilt.llm.docker_sandbox import DockerLLMSandbox

async def main():
    sandbox = DockerLLMSandbox(image={image!r})
    await sandbox.start()
    print(sandbox.get_metrics()["container_id"], flush=True)
    await anyio.sleep_forever()

anyio.run(main)
"""


def killed_parent(image: str) -> str:
    """Return the id of a container whose process was killed with SIGKILL."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT.format(image=image)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        container = parent.stdout.readline().strip()
        parent.send_signal(signal.SIGKILL)
    assert parent.returncode == -signal.SIGKILL
    return container


async def test_a_worker_whose_host_was_killed_ends_and_is_removed_at_the_next_start() -> None:
    container = await anyio.to_thread.run_sync(killed_parent, DockerLLMSandbox().image)
    with closing(DockerClient()) as client:
        assert client.wait(container) == 0
    async with hostile("pass"):
        assert not exists(container)


async def test_a_container_that_would_not_end_is_removed_at_the_next_start_too() -> None:
    with image_with_worker("pass", heeds_end_of_input=False) as image:
        container = await anyio.to_thread.run_sync(killed_parent, image)
        assert exists(container)
        async with hostile("pass"):
            assert not exists(container)


async def test_containers_of_living_processes_are_left_alone(sandbox: DockerLLMSandbox) -> None:
    async with hostile("pass"):
        assert exists(id_of(sandbox))
    assert (await sandbox.invoke_llm("Hi", {"max_tokens": 2})).completion_tokens <= 2
