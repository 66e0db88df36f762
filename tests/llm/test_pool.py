"""Whose call goes to which container, in real containers: their worker answers with all that it was ever told."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from functools import partial

import anyio
import docker
import pytest

from bykilt.llm import owners
from bykilt.llm.calls import Call
from bykilt.llm.docker_client import DockerClient
from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.errors import ImageMissing, LLMBusy, SandboxRefused, StartPaused, WorkerCrashed
from bykilt.llm.pool import WorkerPool
from tests.support.llm import image_with_worker

# "wait" is never answered; everything else is answered with what was said before, and with it.
REMEMBERING = """
told = []
while line:
    message = json.loads(line)
    if message["op"] == "ping":
        say(id=message["id"], ev="pong")
    elif message["op"] == "chat":
        told.append(message["messages"][-1]["content"])
        if told[-1] != "wait":
            text = json.dumps(told)
            say(id=message["id"], ev="done", text=text, finish="stop", prompt_tokens=1, completion_tokens=1)
        elif message["stream"]:
            say(id=message["id"], ev="token", text="waiting")
    line = sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with image_with_worker(REMEMBERING) as made:
        yield made


class SettableClock:
    """Time as the test sets it."""

    now_s = 1000.0

    def wall_s(self) -> float:
        return self.now_s

    def monotonic_s(self) -> float:
        return self.now_s


def small(image: str, model: str) -> DockerLLMSandbox:
    return DockerLLMSandbox(image=image, memory_limit="64m", model=model)


@asynccontextmanager
async def pool_of(image: str, **settings: object) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(partial(small, image), **settings)  # type: ignore[arg-type]
    try:
        with anyio.fail_after(60):
            yield pool
    finally:
        await pool.stop()
        assert containers() == set()


def containers() -> set[str]:
    """The containers that this process has made."""
    with closing(DockerClient()) as client:
        return {one for one, mark in client.labelled(owners.LABEL).items() if mark == owners.own_mark()}


async def said_to(pool: WorkerPool, owner: str, text: str) -> list[str]:
    """Say something for an owner; return all that its container was ever told."""
    told: list[str] = json.loads((await pool.answer(Call.parse(text, {"owner": owner}))).text)
    return told


async def wait_for(pool: WorkerPool, owner: str, began: Callable[[str], None], deadline_s: float = 30) -> None:
    """Make a call that is never answered; `began` is called once it is in its container."""
    await pool.answer(Call.parse("wait", {"owner": owner, "deadline_s": deadline_s}), began)


def container_of(pool: WorkerPool, owner: str) -> str:
    ((container,),) = [[place["container_id"] for place in pool.get_metrics()["owners"][owner]]]
    return str(container)


def kill(container: str) -> None:
    subprocess.run(["docker", "kill", "--signal=KILL", container], check=True, capture_output=True, timeout=30)


async def test_no_owner_gets_a_container_that_another_one_has_used(image: str) -> None:
    async with pool_of(image) as pool:
        assert await said_to(pool, "a", "secret of a") == ["secret of a"]
        assert await said_to(pool, "b", "secret of b") == ["secret of b"]
        assert await said_to(pool, "a", "more") == ["secret of a", "more"]
        assert container_of(pool, "a") != container_of(pool, "b")
        first = pool.get_metrics()
        assert first["container_id"] == container_of(pool, "a")
        assert (first["network_mode"], first["pool"]["containers"]) == ("none", 2)


async def test_an_owner_that_makes_room_takes_its_memory_along(image: str) -> None:
    """One container for two owners in turn would be enough, were it not for what it remembers."""
    async with pool_of(image, containers=1) as pool:
        await said_to(pool, "a", "secret of a")
        used = container_of(pool, "a")
        assert await said_to(pool, "b", "hello") == ["hello"]
        assert container_of(pool, "b") != used
        assert used not in containers()
        assert await said_to(pool, "a", "hello") == ["hello"]


async def test_the_container_in_reserve_was_asked_nothing_and_is_used_first(image: str) -> None:
    async with pool_of(image) as pool:
        await pool.start()
        assert pool.get_metrics()["pool"] | {"has_spare": True, "containers": 0} == pool.get_metrics()["pool"]
        (spare,) = containers()
        assert pool.get_metrics()["container_id"] == spare
        assert await said_to(pool, "a", "first") == ["first"]
        assert container_of(pool, "a") == spare


async def test_a_spare_that_came_up_unheard_is_used_and_one_that_was_killed_is_replaced(image: str) -> None:
    async with pool_of(image) as pool:
        await said_to(pool, "a", "x")
        (spare,) = await until(lambda: containers() - {container_of(pool, "a")} if has_spare(pool) else None)
        assert await said_to(pool, "b", "y") == ["y"]
        assert container_of(pool, "b") == spare
        used = {container_of(pool, "a"), spare}
        (next_spare,) = await until(lambda: containers() - used if has_spare(pool) else None)
        await anyio.to_thread.run_sync(kill, next_spare)
        assert await said_to(pool, "c", "z") == ["z"]
        assert container_of(pool, "c") not in used | {next_spare}


def has_spare(pool: WorkerPool) -> bool:
    return bool(pool.get_metrics()["pool"]["has_spare"])


async def until(found: Callable[[], set[str] | None]) -> set[str]:
    """Return what is found once there is something; looking asks Docker, which takes its time."""
    while not (seen := await anyio.to_thread.run_sync(found)):
        await anyio.lowlevel.checkpoint()
    return seen


async def test_owners_do_not_wait_for_each_other(image: str) -> None:
    began = anyio.Event()
    async with pool_of(image) as pool, anyio.create_task_group() as tasks:
        tasks.start_soon(wait_for, pool, "a", lambda text: began.set())
        await began.wait()
        assert await said_to(pool, "b", "hello") == ["hello"]
        tasks.cancel_scope.cancel()


async def test_calls_of_one_owner_share_its_container(image: str) -> None:
    async with pool_of(image) as pool:
        async with anyio.create_task_group() as tasks:
            for text in "xyz":
                tasks.start_soon(said_to, pool, "a", text)
        assert sorted(await said_to(pool, "a", "last")) == ["last", "x", "y", "z"]


async def test_whoever_finds_all_containers_in_use_waits_and_is_told(image: str) -> None:
    began, is_waiting = anyio.Event(), anyio.Event()
    answers: list[list[str]] = []

    async def ask_b() -> None:
        is_waiting.set()
        answers.append(await said_to(pool, "b", "hello"))

    async with pool_of(image, containers=1) as pool, anyio.create_task_group() as tasks:
        a = anyio.CancelScope()

        async def ask_a() -> None:
            with a:
                await wait_for(pool, "a", lambda text: began.set())

        tasks.start_soon(ask_a)
        await began.wait()
        with pytest.raises(LLMBusy):
            await pool.answer(Call.parse("x", {"owner": "b", "deadline_s": 0.05}))
        tasks.start_soon(ask_b)
        await is_waiting.wait()
        assert answers == []
        a.cancel()
    assert answers == [["hello"]]


async def test_a_container_that_is_killed_in_use_is_told_and_the_next_call_gets_another(image: str) -> None:
    began = anyio.Event()
    async with pool_of(image) as pool:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(crashes, pool, lambda text: began.set())
            await began.wait()
            killed = container_of(pool, "a")
            await anyio.to_thread.run_sync(kill, killed)
        assert await said_to(pool, "a", "again") == ["again"]
        assert container_of(pool, "a") != killed


async def crashes(pool: WorkerPool, began: Callable[[str], None]) -> None:
    with pytest.raises(WorkerCrashed, match="ended with 137"):
        await wait_for(pool, "a", began)


async def test_a_container_that_was_killed_between_two_calls_is_replaced_unseen(image: str) -> None:
    async with pool_of(image) as pool:
        await said_to(pool, "a", "x")
        await anyio.to_thread.run_sync(kill, container_of(pool, "a"))
        assert await said_to(pool, "a", "y") == ["y"]


async def test_a_container_that_idles_is_removed(image: str) -> None:
    async with pool_of(image, idle_s=0.2, keep_spare=False) as pool:
        await said_to(pool, "a", "secret of a")
        await anyio.to_thread.run_sync(wait_until_removed, container_of(pool, "a"))
        assert await said_to(pool, "a", "hello") == ["hello"]


def wait_until_removed(container: str) -> None:
    with closing(docker.APIClient(version="auto")) as api:
        try:
            api.wait(container, timeout=30, condition="removed")
        except docker.errors.NotFound:
            return


async def test_stopping_ends_the_calls_and_removes_every_container(image: str) -> None:
    began = anyio.Event()
    endings: list[str] = []

    async def ask() -> None:
        try:
            await wait_for(pool, "a", lambda text: began.set())
        except WorkerCrashed as error:
            endings.append(error.message)

    async with pool_of(image) as pool:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await began.wait()
            await pool.stop()
        assert endings == ["the sandbox is not running"]
        assert containers() == set()
        assert not pool.is_running
        assert await said_to(pool, "a", "again") == ["again"]


async def test_whoever_is_cancelled_while_a_container_comes_up_leaves_none(image: str) -> None:
    """None that the pool does not know: one that is up by then waits for its owner's next call."""
    async with pool_of(image, keep_spare=False) as pool:
        await said_to(pool, "a", "x")
        a = container_of(pool, "a")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(said_to, pool, "b", "y")
            await until(lambda: containers() - {a})
            tasks.cancel_scope.cancel()
        known = {container_of(pool, owner) for owner in pool.get_metrics()["owners"]} - {"None"}
        assert containers() == known
        assert a in known


async def test_a_container_that_does_not_come_up_is_tried_again_later_each_time() -> None:
    clock = SettableClock()
    with image_with_worker("pass", second_filter=False) as image:
        async with pool_of(image, clock=clock) as pool:
            for pause_s in (1.0, 2.0):
                with pytest.raises(SandboxRefused):
                    await pool.start()
                with pytest.raises(StartPaused, match="own filter") as told:
                    await said_to(pool, "a", "x")
                assert told.value.retry_after_s == pause_s
                clock.now_s += pause_s


async def test_what_is_missing_on_this_machine_is_told_each_time() -> None:
    """No pause: whoever builds the image is not kept waiting."""
    async with pool_of("bykilt/none:latest") as pool:
        for _ in range(2):
            with pytest.raises(ImageMissing):
                await pool.start()
