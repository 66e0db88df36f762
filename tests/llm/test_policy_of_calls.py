"""The whole way to a provider: `llm.yaml`, vault, real container and broker, and a server on loopback that counts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from bykilt.llm.breaker import BreakerState, ProviderResting
from bykilt.llm.budgets import Account, BudgetExceeded, Limit, Scope
from bykilt.llm.errors import NoAnswer, ProviderFailed
from bykilt.llm.service_gateway import DockerLLMServiceGateway, get_llm_gateway
from bykilt.llm.usage import Grouping
from bykilt.llm.usage_store import FILE_NAME, UsageStore
from bykilt.security.secret import SecretPolicy
from tests.support.llm_provider import KEY, SECRET, FakeProvider, Script, Wire, completion, fake_provider, pong
from tests.support.vaults import VaultHome, everything_in

ALL = Account(Scope.DAY, Limit())
Opened = Callable[..., Any]


@pytest.fixture
def server() -> Iterator[FakeProvider]:
    with fake_provider() as started:
        yield started


@pytest.fixture
def other() -> Iterator[FakeProvider]:
    with fake_provider() as started:
        yield started


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ENABLE_LLM", "true")
    return tmp_path / "environment"


def configure(home: Path, server: FakeProvider, *lines: str, other: FakeProvider | None = None) -> None:
    """Write the home's settings: one provider, or two of which the second is asked where the first gives no answer."""
    providers = {"first": server} | ({"second": other} if other is not None else {})
    text = [f"use: [{', '.join(providers)}]", "providers:"]
    for name, one in providers.items():
        text.append(
            f"  {name}: {{url: '{one.url}', allow_private: true, secret: {SECRET}, "
            "models: {small: {prompt: 1, completion: 2}}}"
        )
    write_settings(home, *text, "retry: {attempts: 3, first_s: 0.01, most_s: 0.05}", *lines)


def write_settings(home: Path, *lines: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "llm.yaml").write_text("\n".join(["schema_version: 1", *lines]))


async def give_key(home: Path, *servers: FakeProvider) -> None:
    origins = tuple(server.url.removesuffix("/v1") for server in servers)
    vault = VaultHome.at(home).vault()
    await vault.set_secret(SECRET, KEY, policy=SecretPolicy(origins=origins))
    await vault.close()


@asynccontextmanager
async def opened() -> AsyncIterator[DockerLLMServiceGateway]:
    gateway = get_llm_gateway(use_docker=True)
    assert isinstance(gateway, DockerLLMServiceGateway)
    try:
        await gateway.initialize()
        yield gateway
    finally:
        await gateway.shutdown()


def store(home: Path) -> UsageStore:
    return UsageStore(home / FILE_NAME)


def statuses(*codes: int, retry_after: str = "0") -> Script:
    """Return a script that answers with these, and then as a provider does."""
    left = list(codes)

    def script(wire: Wire) -> None:
        if left:
            wire.answer(left.pop(0), b'{"error": {"message": "not today"}}', f"retry-after: {retry_after}")
        else:
            pong(wire)

    return script


async def test_a_provider_is_asked_with_the_key_from_the_vault(home: Path, server: FakeProvider) -> None:
    configure(home, server)
    await give_key(home, server)
    pieces: list[str] = []
    async with opened() as gateway:
        result = await gateway.invoke_llm("hello there", {"max_tokens": 40, "owner": "alice", "run": "r1"})
        await gateway.invoke_llm("hello again", {"max_tokens": 40}, on_token=pieces.append)
    assert (result["text"], result["provider"], result["model"]) == ("pong: hello there", "first", "small")
    assert (result["cost"], result["priced"], result["cached"]) == (0.000025, True, False)
    assert result["sandbox"]["network_mode"] == "none"
    assert result["sandbox"]["security"]["second_filter"] is True
    assert "".join(pieces) == "pong: hello again"
    assert len(pieces) > 1
    assert [seen.headers["authorization"] for seen in server.seen] == [f"Bearer {KEY}"] * 2
    (alice, default) = store(home).summary(Grouping.OWNER)
    assert (alice.key, default.key, alice.prompt_tokens, alice.completion_tokens) == ("alice", "default", 11, 7)


async def test_neither_key_nor_texts_are_left_in_the_home(home: Path, server: FakeProvider) -> None:
    configure(home, server, "cache: {mode: exact}")
    await give_key(home, server)
    async with opened() as gateway:
        await gateway.invoke_llm("the marmalade question")
        assert (await gateway.invoke_llm("the marmalade question"))["cached"]
        other_owner = await gateway.invoke_llm("the marmalade question", {"owner": "bob"})
        written = b"".join(everything_in(home).values())
    assert not other_owner["cached"]
    assert len(server.seen) == 2
    for word in (KEY.encode(), b"marmalade", b"pong: "):
        assert word not in written


async def test_a_secret_in_a_prompt_never_reaches_the_provider(home: Path, server: FakeProvider) -> None:
    configure(home, server)
    await give_key(home, server)
    async with opened() as gateway:
        await gateway.invoke_llm(f"my key is {KEY}, is that good?")
    assert server.seen[0].document["messages"] == [{"role": "user", "content": "my key is ***, is that good?"}]


async def test_owners_never_share_a_container(home: Path, server: FakeProvider) -> None:
    """Contract: what one owner says never lies in the memory of a worker that another one asks."""
    configure(home, server)
    await give_key(home, server)
    async with opened() as gateway:
        containers = [
            (await gateway.invoke_llm("hello", {"owner": owner}))["sandbox"]["container_id"]
            for owner in ("alice", "bob", "alice")
        ]
    assert containers[0] == containers[2]
    assert containers[0] != containers[1]


async def test_a_call_that_is_cancelled_ends_at_the_provider_and_counts(home: Path, server: FakeProvider) -> None:
    configure(home, server)
    await give_key(home, server)

    def never_ends(wire: Wire) -> None:
        wire.begin_stream()
        wire.event("The capital")
        wire.wait_until_gone()

    server.script = never_ends
    async with opened() as gateway:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                heard = anyio.Event()

                async def ask() -> None:
                    await gateway.invoke_llm("hello", {"max_tokens": 40}, on_token=lambda _: heard.set())

                tasks.start_soon(ask)
                await heard.wait()
                tasks.cancel_scope.cancel()
        assert await anyio.to_thread.run_sync(server.hung_up.wait, 20)
        assert store(home).used(ALL).tokens == len("hello") + 16 + 64 + 40
        server.script = pong
        assert (await gateway.invoke_llm("hello"))["text"] == "pong: hello"


async def test_a_budget_stops_a_call_before_the_provider_hears_of_it(home: Path, server: FakeProvider) -> None:
    """Spec: hard budgets, per run and per owner, in tokens and in money."""
    configure(home, server, "budgets: {run: {tokens: 300}, owners: {bob: {total: {usd: 0.000100}}}}")
    await give_key(home, server)
    async with opened() as gateway:
        await gateway.invoke_llm("one", {"max_tokens": 100, "run": "r1"})
        with pytest.raises(BudgetExceeded, match="run 'r1'"):
            await gateway.invoke_llm("two", {"max_tokens": 250, "run": "r1"})
        with pytest.raises(BudgetExceeded, match="owner 'bob'"):
            await gateway.invoke_llm("three", {"max_tokens": 100, "owner": "bob"})
    assert len(server.seen) == 1


async def test_a_provider_that_is_busy_is_asked_again_when_it_says(home: Path, server: FakeProvider) -> None:
    configure(home, server)
    await give_key(home, server)
    server.script = statuses(429, 500)
    async with opened() as gateway:
        assert (await gateway.invoke_llm("hello"))["text"] == "pong: hello"
        assert len(server.seen) == 3
        server.script = statuses(429, retry_after="60")
        with pytest.raises(ProviderFailed) as told:
            await gateway.invoke_llm("hello", {"deadline_s": 20})  # it asks for more time than there is
    assert (told.value.status, told.value.retry_after_s, len(server.seen)) == (429, 60, 4)
    assert store(home).used(ALL).tokens == 18  # errors cost nothing


async def test_a_wrong_key_is_not_tried_again(home: Path, server: FakeProvider) -> None:
    configure(home, server)
    await give_key(home, server)
    server.script = statuses(401, 401, 401)
    async with opened() as gateway:
        with pytest.raises(ProviderFailed):
            await gateway.invoke_llm("hello")
    assert len(server.seen) == 1


async def test_the_breaker_leaves_a_provider_alone_and_then_tries_it(home: Path, server: FakeProvider) -> None:
    configure(home, server, "breaker: {failures: 3, open_s: 1}")
    await give_key(home, server)
    server.script = statuses(500, 502, 503)
    async with opened() as gateway:
        with pytest.raises(ProviderFailed):
            await gateway.invoke_llm("hello")
        with pytest.raises(ProviderResting) as told:
            await gateway.invoke_llm("hello")
        assert len(server.seen) == 3
        record = store(home)
        settings = gateway._pipeline.settings.breaker  # type: ignore[union-attr]
        while record.breaker_state("first", settings)[0] is BreakerState.OPEN:
            pass  # a second at most: it is the system's own clock
        assert (await gateway.invoke_llm("hello"))["text"] == "pong: hello"
    assert told.value.retry_after_s <= 1
    assert record.breaker_state("first", settings)[0] is BreakerState.CLOSED


async def test_another_provider_answers_only_where_it_is_configured(
    home: Path, server: FakeProvider, other: FakeProvider
) -> None:
    configure(home, server, "breaker: {failures: 50}", other=other)
    await give_key(home, server, other)
    server.script = statuses(500, 500, 500)
    async with opened() as gateway:
        result = await gateway.invoke_llm("hello")
        assert (result["provider"], len(server.seen), len(other.seen)) == ("second", 3, 1)
        server.script = other.script = statuses(*[503] * 6)
        with pytest.raises(NoAnswer):
            await gateway.invoke_llm("hello")
    asked = len(other.seen)
    configure(home, server, "breaker: {failures: 50}")
    server.script = statuses(500, 500, 500)
    async with opened() as gateway:
        with pytest.raises(ProviderFailed):
            await gateway.invoke_llm("hello")
    assert len(other.seen) == asked


async def test_a_provider_that_cannot_be_reached_costs_nothing(home: Path, server: FakeProvider) -> None:
    configure(home, server)
    text = (home / "llm.yaml").read_text()
    (home / "llm.yaml").write_text(text.replace(str(server.port), "1"))
    vault = VaultHome.at(home).vault()
    await vault.set_secret(SECRET, KEY, policy=SecretPolicy(origins=("http://127.0.0.1:1",)))
    async with opened() as gateway:
        with pytest.raises(ProviderFailed):
            await gateway.invoke_llm("hello")
    assert store(home).used(ALL).tokens == 0


async def test_an_answer_without_counts_is_counted(home: Path, server: FakeProvider) -> None:
    configure(home, server)
    await give_key(home, server)
    server.script = lambda wire: wire.answer(200, completion("some text of an answer", usage=None))
    async with opened() as gateway:
        result = await gateway.invoke_llm("hello", {"max_tokens": 40})
    assert result["usage"]["prompt_tokens"] > 0
    assert store(home).used(ALL).tokens == len("hello") + 16 + 64 + 40


PROGRAM = """
import sys
import anyio
from bykilt.llm.service_gateway import get_llm_gateway

async def main():
    gateway = get_llm_gateway()
    await gateway.initialize()
    await gateway.invoke_llm("hello", {"max_tokens": 100, "owner": "alice"})

anyio.run(main)
"""


def kill_in_the_middle(server: FakeProvider) -> None:
    """Have another process make a call, and kill it once the provider has heard of it."""
    arrived = threading.Event()

    def script(wire: Wire) -> None:
        arrived.set()
        wire.server.wait_for_gate()

    server.script = script
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    try:
        assert arrived.wait(60)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        server.gate.set()


async def test_a_process_that_is_killed_in_the_middle_of_a_call_has_spent_it(home: Path, server: FakeProvider) -> None:
    """Contract: what a provider may charge for stays spent, for every process of the home."""
    configure(home, server, "budgets: {owner: {total: {tokens: 400}}}")
    await give_key(home, server)
    await anyio.to_thread.run_sync(kill_in_the_middle, server)
    server.script = pong
    (line,) = store(home).summary(Grouping.OWNER)
    spent = line.prompt_tokens + line.completion_tokens
    assert line.abandoned == 1
    assert spent > 100
    async with opened() as gateway:
        with pytest.raises(BudgetExceeded, match=f"{spent} are used"):
            await gateway.invoke_llm("hello", {"max_tokens": 300, "owner": "alice"})
        await gateway.invoke_llm("hello", {"max_tokens": 50, "owner": "alice"})
    assert len(server.seen) == 2


def test_the_command_line_asks_the_provider(home: Path, server: FakeProvider) -> None:
    configure(home, server)
    vault = subprocess.run(
        [sys.executable, "-m", "bykilt", "vault", "set", SECRET, "--origin", server.url.removesuffix("/v1")],
        input=KEY,
        text=True,
        capture_output=True,
        check=False,
    )
    assert vault.returncode == 0, vault.stderr
    asked = subprocess.run(
        [sys.executable, "-m", "bykilt", "llm", "ask", "hello", "--json"], capture_output=True, text=True, check=False
    )
    assert json.loads(asked.stdout)["text"] == "pong: hello", asked.stderr
    verified = subprocess.run([sys.executable, "-m", "bykilt", "audit", "verify"], capture_output=True, check=False)
    assert verified.returncode == 0


def test_each_provider_is_checked_with_a_single_token(home: Path, server: FakeProvider, other: FakeProvider) -> None:
    configure(home, server, other=other)
    for one in (server, other):
        one.script = statuses(*([401] if one is other else []))
    text = (home / "llm.yaml").read_text()
    (home / "llm.yaml").write_text(text.replace(f"secret: {SECRET}, ", ""))
    checked = subprocess.run(
        [sys.executable, "-m", "bykilt", "llm", "providers", "--check", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 1
    found = {one["name"]: one for one in json.loads(checked.stdout)["providers"]}
    assert found["first"]["error"] is None
    assert found["first"]["check_ms"] > 0
    assert found["second"]["error"]["code"] == "llm_provider_failed"
    assert found["local"]["error"] is None
    assert server.seen[0].document["max_tokens"] == 1


async def test_containers_are_held_as_the_settings_say(home: Path) -> None:
    write_settings(home, "container: {memory: 300m, cpus: 0.5, engine: llama_cpp, containers: 1}")
    async with opened() as gateway:
        answer = await gateway.invoke_llm("What is the capital of France?", {"max_tokens": 20})
        metrics = gateway._sandbox.get_metrics()
    assert "Paris" in answer["text"]
    assert answer["sandbox"]["resource_limits"]["memory_bytes"] == 300 << 20
    assert answer["sandbox"]["resource_limits"]["cpu_quota"] == 50_000
    assert (metrics["container_id"], metrics["engine"]) == (answer["sandbox"]["container_id"], "llama_cpp")
