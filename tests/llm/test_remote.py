"""A provider that is asked from inside the real container, through the broker."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest

from bykilt.audit.errors import AuditUnavailable
from bykilt.audit.ledger import Ledger
from bykilt.audit.record import AuditOutcome, Who
from bykilt.errors import InvalidInput
from bykilt.llm.broker.broker import Broker
from bykilt.llm.broker.keys import NoKeys, VaultKeys
from bykilt.llm.broker.records import ExchangeRecord, LedgerRecords
from bykilt.llm.calls import Call
from bykilt.llm.errors import ProviderFailed
from bykilt.llm.remote_backend import RemoteBackend
from bykilt.security.errors import SecretRefused
from bykilt.security.secret import SecretPolicy
from tests.support.llm_provider import (
    KEY,
    SECRET,
    USAGE,
    FakeProvider,
    FixedKey,
    Script,
    Wire,
    completion,
    fake_provider,
)
from tests.support.vaults import VaultHome

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@dataclass
class Noted:
    """Records kept in a list."""

    records: list[ExchangeRecord] = field(default_factory=list)

    async def note(self, record: ExchangeRecord) -> None:
        self.records.append(record)


@pytest.fixture
def server() -> Iterator[FakeProvider]:
    with fake_provider() as started:
        yield started


@asynccontextmanager
async def asking(server: FakeProvider, **changes: Any) -> AsyncIterator[RemoteBackend]:
    keys, records = changes.pop("keys", FixedKey()), changes.pop("records", None)
    backend = RemoteBackend(server.provider(**changes), keys, records=records)
    await backend.start()
    try:
        yield backend
    finally:
        await backend.stop()


def call(prompt: str = "hello there", schema: dict[str, Any] | None = None, **context: Any) -> Call:
    return Call.parse(prompt, {"max_tokens": 40, **context}, schema)


async def test_the_provider_is_asked_for_exactly_the_call(server: FakeProvider) -> None:
    """Its key comes from here and is nowhere in the container; tokens are as the provider counts them."""
    async with asking(server) as backend:
        answer = await backend.answer(call(model="large", temperature=0.5, seed=9, system="Be brief."))
        metrics = backend.get_metrics()
    assert (answer.text, answer.finish) == ("pong: hello there", "stop")
    assert (answer.prompt_tokens, answer.completion_tokens) == (11, 7)
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("POST", "/v1/chat/completions")
    assert seen.document == {
        "model": "large",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello there"}],
        "max_tokens": 40,
        "temperature": 0.5,
        "seed": 9,
    }
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["accept-encoding"] == "identity"
    assert set(seen.headers) == {
        "host", "content-type", "content-length", "accept", "accept-encoding", "user-agent", "authorization",
    }  # fmt: skip
    assert metrics["network_mode"] == "none"
    assert metrics["attested"]["interfaces"] == ["lo"]
    assert metrics["security"]["second_filter"] is True
    assert (metrics["prompt_tokens"], metrics["completion_tokens"]) == (11, 7)


async def test_pieces_arrive_while_the_provider_still_speaks(server: FakeProvider) -> None:
    """The provider does not go on before the first piece has been seen here."""

    def script(wire: Wire) -> None:
        wire.begin_stream()
        wire.event("first")
        server.wait_for_gate()
        wire.event(" second")
        wire.end_stream(finish="length")

    server.script = script
    pieces: list[str] = []

    def on_token(text: str) -> None:
        pieces.append(text)
        server.gate.set()

    async with asking(server) as backend:
        answer = await backend.answer(call(), on_token)
    assert pieces == ["first", " second"]
    assert (answer.text, answer.finish) == ("first second", "length")
    assert (answer.prompt_tokens, answer.completion_tokens) == (11, 7)
    assert server.seen[0].document["stream_options"] == {"include_usage": True}


async def test_calls_share_a_connection_and_a_container(server: FakeProvider) -> None:
    async with asking(server) as backend:
        for number in range(3):
            assert (await backend.answer(call(f"{number}"))).text == f"pong: {number}"
            assert (await backend.answer(call(f"{number}"), lambda text: None)).text == f"pong: {number}"
        assert backend.get_metrics()["starts"] == 1
    assert server.connections == 1


async def test_a_schema_goes_to_the_provider(server: FakeProvider) -> None:
    server.script = lambda wire: wire.answer(200, completion('{"city": "Paris"}'))
    strict = {**CITY, "additionalProperties": False}
    async with asking(server) as backend:
        assert json.loads((await backend.answer(call(schema=CITY))).text) == {"city": "Paris"}
        await backend.answer(call(schema=strict))
    loose, tight = (seen.document["response_format"]["json_schema"] for seen in server.seen)
    assert (loose["schema"], loose["strict"]) == (CITY, False)
    assert (tight["schema"], tight["strict"]) == (strict, True)


async def test_what_a_provider_does_not_know_is_left_out(server: FakeProvider) -> None:
    unsupported = frozenset({"seed", "temperature", "response_format"})
    async with asking(server, unsupported=unsupported, max_tokens_parameter="max_completion_tokens") as backend:
        await backend.answer(call(schema=CITY))
    document = server.seen[0].document
    assert set(document) == {"model", "messages", "max_completion_tokens"}
    assert json.dumps(CITY) in document["messages"][0]["content"]


async def test_a_provider_that_does_not_know_how_to_count_a_stream_is_not_asked_to(server: FakeProvider) -> None:
    pieces: list[str] = []
    async with asking(server, unsupported=frozenset({"stream_options"})) as backend:
        answer = await backend.answer(call(), pieces.append)
    assert server.seen[0].document["stream"] is True
    assert "stream_options" not in server.seen[0].document
    assert "".join(pieces) == answer.text != ""


async def test_a_cancelled_call_hangs_up_and_the_container_answers_the_next(server: FakeProvider) -> None:
    def script(wire: Wire) -> None:
        wire.begin_stream()
        wire.event("first")
        wire.wait_until_gone()

    server.script = script
    async with asking(server) as backend:
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(backend.answer, call(), lambda text: tasks.cancel_scope.cancel())
            assert await anyio.to_thread.run_sync(server.hung_up.wait, 20)
        server.script = lambda wire: wire.answer(200, completion("again"))
        assert (await backend.answer(call())).text == "again"
        assert backend.get_metrics()["starts"] == 1


async def test_a_provider_that_is_too_slow_is_left_and_the_container_stays(server: FakeProvider) -> None:
    server.script = lambda wire: wire.wait_until_gone()
    noted = Noted()
    async with asking(server, records=noted) as backend:
        with anyio.fail_after(20):
            with pytest.raises(ProviderFailed) as failed:
                await backend.answer(call(deadline_s=2))
            assert await anyio.to_thread.run_sync(server.hung_up.wait, 20)
        assert failed.value.is_retryable
        server.script = lambda wire: wire.answer(200, completion("again"))
        assert (await backend.answer(call())).text == "again"
        assert backend.get_metrics()["starts"] == 1
    assert [record.outcome for record in noted.records] == [
        AuditOutcome.ALLOWED, AuditOutcome.FAILED, AuditOutcome.ALLOWED, AuditOutcome.SUCCEEDED,
    ]  # fmt: skip


REFUSALS = {400: False, 401: False, 404: False, 408: True, 409: True, 429: True, 500: True, 503: True}


async def test_what_a_provider_refuses_says_whether_to_try_again(server: FakeProvider) -> None:
    said = json.dumps({"error": {"message": "not\x1b[2J now"}}).encode()
    async with asking(server) as backend:
        for status, is_retryable in REFUSALS.items():
            server.script = lambda wire, status=status: wire.answer(status, said, "retry-after: 7")  # type: ignore[misc]
            for on_token in (None, lambda text: None):
                with pytest.raises(ProviderFailed, match=r"not \[2J now") as failed:
                    await backend.answer(call(), on_token)
                assert (failed.value.status, failed.value.is_retryable) == (status, is_retryable)
                assert failed.value.retry_after_s == 7
    assert len(server.seen) == 2 * len(REFUSALS), "the provider's library must not try again by itself"


async def test_how_long_to_wait_is_read_in_every_form(server: FakeProvider) -> None:
    date = "date: Tue, 24 Nov 2026 10:00:00 GMT"
    forms: dict[tuple[str, ...], float | None] = {
        ("retry-after: 7",): 7,
        ("retry-after: 0.5",): 0.5,
        ("retry-after: 2", "retry-after-ms: 1500"): 1.5,
        (date, "retry-after: Tue, 24 Nov 2026 10:01:30 GMT"): 90,
        (date, "retry-after: Tue, 24 Nov 2026 09:00:00 GMT"): 0,
        ("retry-after: Tue, 24 Nov 2026 10:01:30 GMT",): None,
        ("retry-after: -5",): None,
        ("retry-after: 99999999999999999999",): None,
        ("retry-after: soon", date): None,
        (): None,
    }
    async with asking(server) as backend:
        for headers, expected in forms.items():
            server.script = lambda wire, headers=headers: wire.answer(429, b"{}", *headers)  # type: ignore[misc]
            with pytest.raises(ProviderFailed) as failed:
                await backend.answer(call())
            assert failed.value.retry_after_s == expected, headers


async def test_a_provider_that_gives_up_in_the_middle_is_worth_another_try(server: FakeProvider) -> None:
    def script(wire: Wire) -> None:
        wire.begin_stream()
        wire.event("half an")
        wire.part(b'data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n')
        wire.send(b"0\r\n\r\n")

    server.script = script
    async with asking(server) as backend:
        with pytest.raises(ProviderFailed, match="gave up in the middle of its answer: overloaded") as failed:
            await backend.answer(call(), lambda text: None)
    assert failed.value.is_retryable


async def test_containers_around_one_broker_keep_their_answers_apart(server: FakeProvider) -> None:
    """Owners' containers share connections to the provider, and nothing else."""
    broker = Broker(server.provider(), FixedKey())
    backends = [RemoteBackend(server.provider(), FixedKey(), broker=broker) for _ in range(2)]
    answers: dict[str, str] = {}

    async def ask(backend: RemoteBackend, name: str) -> None:
        for number in range(10):
            prompt = f"{name}-{number}"
            on_token = None if number % 2 else (lambda text: None)
            answers[prompt] = (await backend.answer(call(prompt), on_token)).text

    try:
        async with anyio.create_task_group() as tasks:
            for backend, name in zip(backends, ("anna", "berta"), strict=True):
                tasks.start_soon(ask, backend, name)
        assert len({backend.get_metrics()["container_id"] for backend in backends}) == 2
    finally:
        for backend in backends:
            await backend.stop()
        await broker.close()
    assert len(answers) == 20
    assert all(text == f"pong: {prompt}" for prompt, text in answers.items())


async def test_a_backend_that_was_stopped_starts_again(server: FakeProvider) -> None:
    async with asking(server) as backend:
        await backend.answer(call("a"))
        await backend.stop()
        assert not backend.sandbox.is_running
        assert (await backend.answer(call("b"))).text == "pong: b"


def cut_off(wire: Wire) -> None:
    wire.begin_stream()
    wire.event("half an")
    wire.connection.shutdown(2)


BROKEN: dict[str, Script] = {
    "no completion": lambda wire: wire.answer(200, b'{"hello": "there"}'),
    "no JSON": lambda wire: wire.answer(200, b'{"choices": ['),
    "an array": lambda wire: wire.answer(200, b"[1, 2]"),
    "deep JSON": lambda wire: wire.answer(200, b"[" * 100_000),
    "withheld": lambda wire: wire.answer(200, completion("", finish="content_filter")),
    "HTML": lambda wire: wire.answer(200, b"<html>", kind="text/html"),
    "packed": lambda wire: wire.answer(200, b"\x1f\x8b", "content-encoding: gzip"),
    "no HTTP": lambda wire: wire.send(b"hello\r\n\r\n"),
    "a head without end": lambda wire: wire.send(b"HTTP/1.1 200 x\r\n" + b"a: b\r\n" * 200_000),
    "cut off": cut_off,
    "nothing": lambda wire: wire.connection.shutdown(2),
}


async def test_an_answer_that_cannot_be_used_is_an_error_and_no_more(server: FakeProvider) -> None:
    async with asking(server) as backend:
        for what, script in BROKEN.items():
            server.script = script
            for on_token in (None, lambda text: None):
                try:
                    answer = await backend.answer(call(), on_token)
                except ProviderFailed:
                    continue
                pytest.fail(f"{what}: {answer}")
        server.script = lambda wire: wire.answer(200, completion("fine"))
        assert (await backend.answer(call())).text == "fine"
        assert backend.get_metrics()["starts"] == 1


async def test_a_redirect_is_told_and_not_followed(server: FakeProvider) -> None:
    with fake_provider() as elsewhere:
        server.script = lambda wire: wire.answer(307, b"{}", f"location: {elsewhere.url}/chat/completions")
        async with asking(server) as backend:
            with pytest.raises(ProviderFailed) as failed:
                await backend.answer(call())
        assert not elsewhere.seen
    assert (failed.value.status, failed.value.is_retryable) == (307, False)


async def test_a_server_that_does_not_count_is_counted_for(server: FakeProvider) -> None:
    """A guess on the dear side, so that a budget holds; the record says that it is one."""
    server.script = lambda wire: wire.answer(200, completion("a" * 30, usage=None))
    noted = Noted()
    async with asking(server, records=noted) as backend:
        answer = await backend.answer(call("word " * 100))
    assert 200 < answer.prompt_tokens < 500
    assert answer.completion_tokens == 40
    assert noted.records[-1].is_estimated


async def test_a_model_that_the_provider_has_not_got_is_refused(server: FakeProvider) -> None:
    async with asking(server) as backend:
        with pytest.raises(InvalidInput, match="has no model"):
            await backend.answer(call(model="dear"))
    assert not server.seen


async def test_a_call_that_is_too_large_is_refused_before_the_container_is_asked(server: FakeProvider) -> None:
    async with asking(server, max_request_bytes=1000) as backend:
        with pytest.raises(InvalidInput, match="1000"):
            await backend.answer(call("x" * 1000))
        assert (await backend.answer(call("x"))).text == "pong: x"
        assert backend.get_metrics()["starts"] == 1
    assert len(server.seen) == 1


async def test_a_provider_without_a_key_is_asked_without_one(server: FakeProvider) -> None:
    async with asking(server, secret=None, keys=NoKeys()) as backend:
        assert (await backend.answer(call("x"))).text == "pong: x"
    assert "authorization" not in server.seen[0].headers


async def test_another_header_carries_the_key_where_the_provider_wants_it(server: FakeProvider) -> None:
    more = {"X-Project": "p1"}
    async with asking(server, auth_header="x-api-key", auth_scheme="", extra_headers=more) as backend:
        await backend.answer(call())
    headers = server.seen[0].headers
    assert (headers["x-api-key"], headers["x-project"]) == (KEY, "p1")
    assert "authorization" not in headers


async def test_the_key_comes_from_the_vault_and_goes_to_its_own_origin_alone(
    server: FakeProvider, tmp_path: Path
) -> None:
    vault = VaultHome.at(tmp_path).vault()
    await vault.set_secret(SECRET, KEY)
    async with asking(server, keys=VaultKeys(vault)) as backend:
        with pytest.raises(SecretRefused, match="bound to no origin"):
            await backend.answer(call())
        await vault.set_secret(SECRET, KEY, policy=SecretPolicy(origins=("https://api.example",)))
        with pytest.raises(SecretRefused, match=r"api\.example"):
            await backend.answer(call())
        assert not server.seen
        await vault.set_secret(SECRET, KEY, policy=SecretPolicy(origins=(server.url.removesuffix("/v1"),)))
        assert (await backend.answer(call("x"))).text == "pong: x"
        assert backend.get_metrics()["starts"] == 1
    assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"


async def test_requests_are_in_the_ledger_by_their_hashes(server: FakeProvider, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "audit", Who.this_process("test"))
    async with asking(server, records=LedgerRecords(ledger)) as backend:
        await backend.answer(call("a secret plan", owner="anna", run="run-1"))
    allowed, succeeded = list(ledger.since(None))
    assert (allowed.action, allowed.what, allowed.outcome) == ("llm.sent", "fake", "allowed")
    assert succeeded.outcome == "succeeded"
    assert succeeded.part("where") == {"origin": server.url.removesuffix("/v1"), "run": "run-1"}
    detail = dict(succeeded.part("detail"))
    assert detail["request_sha256"] == hashlib.sha256(server.seen[0].body).hexdigest()
    assert detail["answer_sha256"] == hashlib.sha256(completion("pong: a secret plan")).hexdigest()
    assert (detail["address"], detail["status"], detail["owner"]) == ("127.0.0.1", 200, "anna")
    assert (detail["prompt_tokens"], detail["completion_tokens"]) == (11, 7)
    written = b"".join(path.read_bytes() for path in (tmp_path / "audit").iterdir())
    assert b"secret plan" not in written
    assert KEY.encode() not in written


async def test_nothing_is_sent_that_cannot_be_put_on_record(server: FakeProvider, tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("no folder")
    ledger = Ledger(tmp_path / "audit", Who.this_process("test"))
    async with asking(server, records=LedgerRecords(ledger)) as backend:
        with pytest.raises(AuditUnavailable):
            await backend.answer(call())
    assert not server.seen


async def test_a_stream_that_has_said_its_last_is_not_waited_for(server: FakeProvider) -> None:
    """A provider that leaves the connection open after the end: the answer is whole, and on record as that."""

    def script(wire: Wire) -> None:
        wire.begin_stream()
        wire.event("all of it")
        wire.event(finish="stop")
        wire.event(usage=USAGE)
        wire.part(b"data: [DONE]\n\n")
        wire.wait_until_gone()

    server.script = script
    noted = Noted()
    async with asking(server, records=noted) as backend:
        with anyio.fail_after(20):
            answer = await backend.answer(call(), lambda text: None)
            assert await anyio.to_thread.run_sync(server.hung_up.wait, 20)
    assert (answer.text, answer.prompt_tokens) == ("all of it", 11)
    assert noted.records[-1].outcome is AuditOutcome.SUCCEEDED
