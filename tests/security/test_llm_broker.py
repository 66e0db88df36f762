"""Attacks on the broker: by a worker that was taken over, in the real container, and by a hostile provider."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from bykilt.errors import InvalidInput
from bykilt.llm.broker.broker import Broker
from bykilt.llm.broker.destination import Destination
from bykilt.llm.broker.dialling import Dialler
from bykilt.llm.broker.exchange import CallExchange
from bykilt.llm.broker.http_client import ProviderClient
from bykilt.llm.calls import Call
from bykilt.llm.docker_client import DockerClient
from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.errors import BrokerRefused, LLMError, ProtocolViolation, ProviderFailed, WorkerCrashed
from bykilt.llm.outside import Send
from bykilt.llm.protocol import Asked
from bykilt.llm.remote_backend import RemoteBackend
from tests.support.certificates import Authority
from tests.support.llm import require_image
from tests.support.llm_hostile import obedient_image, search_memory
from tests.support.llm_provider import KEY, FakeProvider, FixedKey, Script, Wire, completion, fake_provider

HONEST = "request(); done(said(answered()))"
MARK = "a-mark-in-the-prompt-5521"
FORMS = {
    "plain": KEY.encode(),
    "base64": base64.b64encode(KEY.encode()).rstrip(b"="),
    "hex": KEY.encode().hex().encode(),
    "utf-16": KEY.encode("utf-16-le"),
    "utf-32": KEY.encode("utf-32-le"),
    "reversed": KEY[::-1].encode(),
}


@pytest.fixture(scope="module")
def hostile_image() -> Iterator[str]:
    with obedient_image() as image:
        yield image


@pytest.fixture
def server() -> Iterator[FakeProvider]:
    with fake_provider() as started:
        yield started


@asynccontextmanager
async def asking(server: FakeProvider, image: str | None = None, **settings: Any) -> AsyncIterator[RemoteBackend]:
    backend = RemoteBackend(server.provider(**settings), FixedKey(), image=image or require_image())
    try:
        yield backend
    finally:
        await backend.stop()


def call(prompt: str = "hello", **context: Any) -> Call:
    return Call.parse(prompt, {"max_tokens": 40, **context})


REQUESTS = {
    "another method": "request(method='PUT')",
    "reading": "request(method='GET')",
    "a method with a header in it": "request(method='POST / HTTP/1.1\\r\\nX: y')",
    "another path": "request(url=url.replace('chat/completions', 'files'))",
    "a dearer path": "request(url=url.replace('chat/completions', 'images/generations'))",
    "a path above": "request(url=url.replace('/v1/', '/admin/'))",
    "a path through above": "request(url=url.replace('chat', '../chat'))",
    "an escaped path": "request(url=url.replace('chat', '%63hat'))",
    "a double slash": "request(url=url.replace('/chat', '//chat'))",
    "a query": "request(url=url + '?key=1')",
    "a fragment": "request(url=url + '#x')",
    "another host": "request(url='http://localhost:1/v1/chat/completions')",
    "another port": "request(url='http://127.0.0.1:1/v1/chat/completions')",
    "another spelling of the host": "request(url=url.replace('127.0.0.1', '127.1'))",
    "metadata": "request(url='http://169.254.169.254/latest/meta-data/')",
    "a user": "request(url=url.replace('127.0.0.1', 'user@127.0.0.1'))",
    "a host behind a user": "request(url=url.replace('http://', 'http://evil.example@'))",
    "a backslash": "request(url=url.replace('/chat', '\\\\chat'))",
    "a line in the url": "request(url=url + '\\r\\nHost: evil.example')",
    "a file": "request(url='file:///etc/passwd')",
    "another model": "request({'model': 'large'})",
    "more tokens": "request({'max_tokens': 4000})",
    "more tokens by another name": "request({'max_completion_tokens': 4000})",
    "more answers": "request({'n': 50})",
    "a dearer tier": "request({'service_tier': 'priority'})",
    "tools": "request({'tools': [{'type': 'web_search'}]})",
    "another prompt": "request({'messages': [{'role': 'user', 'content': 'what I have heard elsewhere'}]})",
    "another stream": "request({'stream': True})",
    "no JSON": "request(b'hello')",
    "a name twice": 'request(json.dumps(ask).encode()[:-1] + b\', "model": "small"}\')',
    "nothing": "request(b'')",
    "a large body": "request({'pad': 'x' * 300_000})",
}


async def test_a_worker_that_asks_for_something_else_is_killed(server: FakeProvider, hostile_image: str) -> None:
    """Whatever is asked beside the call, nothing leaves; the same worker asking for its call is answered."""
    async with asking(server, hostile_image) as backend:
        for what, attack in REQUESTS.items():
            with pytest.raises(BrokerRefused):
                pytest.fail(f"{what}: {await backend.answer(call(attack + '; answered(); done()'))}")
            assert not backend.sandbox.is_running, what
        assert not server.seen
        answer = await backend.answer(call(HONEST))
    assert answer.text == f"pong: {HONEST}"
    assert len(server.seen) == 1


LINES: dict[str, str] = {
    "an answer without asking": "done()",
    "an answer without waiting": "request(); done()",
    "an error without asking": "say(ev='error', id=call, code='x', message='x')",
    "a request without a name": "request(rid='')",
    "a request with a long name": "request(rid='x' * 100)",
    "a request for another call": "say(ev='http.request', id='other', rid='r', method='POST', url=url, body='')",
    "a body that is no base64": "say(ev='http.request', id=call, rid='r', method='POST', url=url, body='?')",
    "a request without a body": "say(ev='http.request', id=call, rid='r', method='POST', url=url)",
    "a url that is no text": "say(ev='http.request', id=call, rid='r', method='POST', url=[url], body='')",
    "dropping what it has not asked": "say(ev='http.cancel', id=call, rid='r7')",
    "dropping another's": "request(); say(ev='http.cancel', id=call, rid='r7')",
    "dropping twice": "request(); [say(ev='http.cancel', id=call, rid='r1') for _ in range(2)]",
    "an endless line": "os.write(1, b'x' * 3_000_000)",
    "a flood": 'exec(\'while True: say(ev="token", id=call, text="x" * 1000)\')',
    "an unknown line": "say(ev='http.connect', id=call, rid='r')",
}


async def test_a_worker_that_breaks_the_protocol_is_killed(server: FakeProvider, hostile_image: str) -> None:
    server.script = lambda wire: wire.wait_until_gone()
    async with asking(server, hostile_image) as backend:
        for what, attack in LINES.items():
            with pytest.raises(ProtocolViolation), anyio.fail_after(30):
                pytest.fail(f"{what}: {await backend.answer(call(attack))}")
            assert not backend.sandbox.is_running, what
    assert len(server.seen) <= 3


async def test_one_request_is_let_out_for_a_call(server: FakeProvider, hostile_image: str) -> None:
    async with asking(server, hostile_image) as backend:
        for attack in (
            "request(); answered(); request(rid='r2'); answered(); done()",
            "request(); request(rid='r2'); answered(); done()",
            "[request(rid=str(n)) for n in range(50)]; answered(); done()",
            "request(); say(ev='http.cancel', id=call, rid='r1'); request(rid='r2'); answered(); done()",
        ):
            server.seen.clear()
            with pytest.raises(BrokerRefused, match="more than the one request"):
                await backend.answer(call(attack))
            assert len(server.seen) <= 1
            assert not backend.sandbox.is_running


async def test_between_calls_nothing_is_let_out(server: FakeProvider, hostile_image: str) -> None:
    async with asking(server, hostile_image) as backend:
        with pytest.raises(ProtocolViolation):
            await two_calls(backend, HONEST + "; request(rid='r9')")
    assert len(server.seen) == 1


async def two_calls(backend: RemoteBackend, first: str) -> None:
    await backend.answer(call(first))
    await backend.answer(call(HONEST))


async def test_headers_of_the_worker_go_nowhere(server: FakeProvider, hostile_image: str) -> None:
    headers = "[['authorization', 'Bearer mine'], ['cookie', 'a=b'], ['host', 'evil.example'], ['x-a', 'b\\r\\nc: d']]"
    async with asking(server, hostile_image) as backend:
        await backend.answer(call(f"request(headers={headers}); done(said(answered()))"))
    (seen,) = server.seen
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["host"] == f"127.0.0.1:{server.port}"
    assert not {"cookie", "x-a", "c"} & set(seen.headers)


async def test_the_count_of_tokens_and_the_failure_are_not_the_workers_word(
    server: FakeProvider, hostile_image: str
) -> None:
    async with asking(server, hostile_image) as backend:
        for lie in ("prompt_tokens=0", "prompt_tokens=1, completion_tokens=1"):
            answer = await backend.answer(call(f"request(); done(said(answered()), {lie})"))
            assert (answer.prompt_tokens, answer.completion_tokens) == (11, 7)
        server.script = lambda wire: wire.answer(429, b"{}", "retry-after: 3")
        with pytest.raises(ProviderFailed) as limited:
            await backend.answer(call("request(); answered(); done('it has worked')"))
        assert (limited.value.status, limited.value.retry_after_s) == (429, 3)
        server.script = lambda wire: wire.answer(200, completion("x"))
        with pytest.raises(ProviderFailed) as pretended:
            await backend.answer(call("request(); answered(); say(ev='error', id=call, code='x', message='try again')"))
        assert not pretended.value.is_retryable


OTHER_WORDS = {
    "another answer": "request(); answered(); done('another')",
    "more": "request(); done(said(answered()) + '!')",
    "less": "request(); done(said(answered())[:-1])",
    "nothing": "request(); answered(); done('')",
    "too early": "request(); hear(); done('')",
    "another end": "request(); done(said(answered()), finish='length')",
    "a piece before the answer": "request(); say(ev='token', id=call, text='pong'); answered()",
    "a piece without asking": "say(ev='token', id=call, text='x')",
    "an invented piece": "request(); answered(); say(ev='token', id=call, text='pong: x')",
    "a piece twice": "request(); answered(); [say(ev='token', id=call, text='pong:') for _ in range(2)]",
}


async def test_a_worker_says_what_the_provider_has_said_or_is_killed(server: FakeProvider, hostile_image: str) -> None:
    """Words of its own reach nobody, whole or in pieces; the provider's own words do."""
    heard: list[str] = []
    async with asking(server, hostile_image) as backend:
        for what, attack in OTHER_WORDS.items():
            for on_token in (None, heard.append):
                if on_token is None and "piece" in what:
                    continue
                with pytest.raises(LLMError) as ended, anyio.fail_after(20):
                    pytest.fail(f"{what}: {await backend.answer(call(attack), on_token)}")
                assert isinstance(ended.value, ProtocolViolation | WorkerCrashed), what
                assert not backend.sandbox.is_running, what
        assert set(heard) <= {"pong:"}
        answer = await backend.answer(call(HONEST))
    assert answer.text == f"pong: {HONEST}"


async def test_a_worker_that_does_not_listen_ends_at_the_deadline(server: FakeProvider, hostile_image: str) -> None:
    server.script = lambda wire: wire.answer(200, completion("x" * 300_000))
    async with asking(server, hostile_image) as backend:
        with pytest.raises(LLMError), anyio.fail_after(20):
            await backend.answer(call("request(); threading.Event().wait()", deadline_s=0.5))
        assert not backend.sandbox.is_running


async def test_a_near_address_is_refused_and_the_container_stays(server: FakeProvider) -> None:
    """A name whose owner points it at this machine: nothing is sent, and an honest worker is not to blame."""
    places = {"public": "8.8.8.8", "near": "127.0.0.1", "metadata": "169.254.169.254"}

    async def resolve(host: str, port: int) -> list[str]:
        return [places[host.partition(".")[0]]]

    for name in ("near", "metadata"):
        provider = server.provider(url=f"https://{name}.example:{server.port}/v1", allow_private=False)
        backend = RemoteBackend(provider, FixedKey(), resolve=resolve)
        try:
            for _ in range(2):
                with pytest.raises(BrokerRefused, match="leads to"):
                    await backend.answer(call())
            assert backend.get_metrics()["starts"] == 1
        finally:
            await backend.stop()
    assert server.connections == 0


def drip(wire: Wire) -> None:
    wire.begin_stream()
    while not wire.server.gate.wait(0.02):
        wire.part(b": a comment\n\n")


def endless(wire: Wire) -> None:
    wire.begin_stream()
    while True:
        wire.event("x" * 10_000)


def endless_line(wire: Wire) -> None:
    wire.begin_stream()
    while True:
        wire.part(b"x" * 10_000)


def endless_error(wire: Wire) -> None:
    wire.send(b"HTTP/1.1 500 x\r\ncontent-length: 999999999\r\n\r\n")
    while True:
        wire.send(b"x" * 10_000)


def endless_informing(wire: Wire) -> None:
    while True:
        wire.send(b"HTTP/1.1 100 continue\r\n\r\n")


@pytest.mark.parametrize("script", [drip, endless, endless_line, endless_error, endless_informing])
async def test_a_provider_that_does_not_end_is_left(server: FakeProvider, script: Script) -> None:
    server.script = script
    async with asking(server) as backend:
        with anyio.fail_after(30):
            with pytest.raises(ProviderFailed):
                await backend.answer(call(deadline_s=3), lambda text: None)
            assert await anyio.to_thread.run_sync(server.hung_up.wait, 20)
        server.script = lambda wire: wire.answer(200, completion("fine"))
        assert (await backend.answer(call())).text == "fine"


async def fetched(server: FakeProvider, tls: ssl.SSLContext | None, **settings: Any) -> bytes:
    """Return what the broker's own client gets from a server."""
    provider = server.provider(**settings)
    client = ProviderClient(provider, Dialler(Destination.of(provider), allow_private=True), tls=tls)
    try:
        with anyio.fail_after(20):
            async with client.post("/v1/chat/completions", b'{"messages": [{"content": "x"}]}', KEY) as answer:
                return b"".join([part async for part in answer.body])
    finally:
        await client.close()


async def test_the_key_goes_to_who_has_the_certificate_of_the_name(tmp_path: Path) -> None:
    authority = Authority()
    with fake_provider(tls=authority.server_context("localhost", tmp_path)) as server:
        named, unnamed = f"https://localhost:{server.port}/v1", f"https://127.0.0.1:{server.port}/v1"
        trusted = authority.client_context()
        assert b"pong: x" in await fetched(server, trusted, url=named)
        assert server.seen.pop().headers["host"] == f"localhost:{server.port}"
        for tls, url in ((trusted, unnamed), (None, named), (Authority().client_context(), named)):
            with pytest.raises(ProviderFailed, match="certificate") as failed:
                await fetched(server, tls, url=url)
            assert not failed.value.is_retryable
        assert not server.seen


async def test_what_the_environment_says_of_proxies_is_not_heeded(
    server: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_provider() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert b"pong: x" in await fetched(server, None)
        assert proxy.connections == 0


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"X-A": "b\r\nc: d"}, {"X\r\nA": "b"}, {"Content-Length": "0"}, {"": "x"}, {"X-A": "ü"}],
    ids=str,
)
def test_settings_cannot_smuggle_headers(server: FakeProvider, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        Broker(server.provider(extra_headers=headers), FixedKey())


class Tap:
    """The broker, with everything written down that goes to the worker."""

    def __init__(self, broker: Broker) -> None:
        self.name = broker.name
        self.environment: Mapping[str, str] = broker.environment
        self.written: list[bytes] = [json.dumps(dict(broker.environment)).encode()]
        self._broker = broker

    def open(self, call: Call, name: str, *, stream: bool) -> tuple[dict[str, Any], CallExchange]:
        """Return what the broker does."""
        request, exchange = self._broker.open(call, name, stream=stream)
        self.written.append(json.dumps(request).encode())
        carry = exchange.carry

        async def tapped(asked: Asked, send: Send) -> None:
            async def tapped_send(line: bytes) -> None:
                message = json.loads(line)
                self.written.append(line + base64.b64decode(message.get("b64", "")))
                await send(line)

            await carry(asked, tapped_send)

        exchange.carry = tapped  # type: ignore[method-assign]  # the broker's own, with an ear at it
        return request, exchange


def in_stream(*texts: str) -> Script:
    def script(wire: Wire) -> None:
        wire.begin_stream()
        for text in texts:
            wire.event(text)
        wire.end_stream()

    return script


def cut_in_two(wire: Wire) -> None:
    wire.begin_stream()
    whole = f'data: {{"choices": [{{"index": 0, "delta": {{"content": "{KEY}"}}}}]}}\n\n'.encode()
    middle = whole.index(KEY.encode()) + 9
    wire.part(whole[:middle])
    wire.part(whole[middle:])
    wire.end_stream()


ECHOES: dict[str, Script] = {
    "whole": lambda wire: wire.answer(200, completion(f"your key is {KEY}")),
    "in base64": lambda wire: wire.answer(200, completion(base64.b64encode(KEY.encode()).decode())),
    "in hex": lambda wire: wire.answer(200, completion(KEY.encode().hex())),
    "letter by letter": lambda wire: wire.answer(
        200, completion("@").replace(b"@", "".join(f"\\u{ord(sign):04x}" for sign in KEY).encode())
    ),
    "half of it escaped": lambda wire: wire.answer(
        200, completion("@").replace(b"@", (KEY[:9] + "".join(f"\\u{ord(sign):04x}" for sign in KEY[9:])).encode())
    ),
    "in a header": lambda wire: wire.answer(200, completion("hello"), f"x-key: {KEY}", f"set-cookie: k={KEY}"),
    "in the kind": lambda wire: wire.answer(200, completion("hello"), kind=f"application/json; k={KEY}"),
    "in an error": lambda wire: wire.answer(401, json.dumps({"error": {"message": f"wrong key {KEY}"}}).encode()),
    "in a place to go": lambda wire: wire.answer(302, b"", f"location: http://127.0.0.1/{KEY}"),
    "as the name of the kind": lambda wire: wire.answer(200, b"", kind=KEY),
    "as it came": lambda wire: wire.answer(200, completion(str(dict(wire.seen.headers)))),
    "in one event": in_stream("your key is", KEY),
    "in two parts of one event": cut_in_two,
    "in two events": in_stream("your key is ", KEY[:10], KEY[10:], " indeed"),
    "letter by letter in events": in_stream(*KEY),
}


async def test_the_key_is_nowhere_in_the_container_and_in_no_answer(server: FakeProvider) -> None:
    """In its memory, its environment, what Docker knows of it, and what is written to it: nothing of the key.

    A prompt is found in all but Docker's knowledge, so the search can find.
    """
    broker = Broker(server.provider(), FixedKey())
    tap = Tap(broker)
    sandbox = DockerLLMSandbox(outside=tap)
    await sandbox.start()
    try:
        for what, script in ECHOES.items():
            server.script = script
            told = await what_is_told(sandbox, call(f"{MARK} {what}"))
            assert KEY not in told, what
        server.script = lambda wire: wire.answer(200, completion("the last"))
        assert "the last" in await what_is_told(sandbox, call(MARK))
        container = str(sandbox.get_metrics()["container_id"])
        assert sandbox.get_metrics()["starts"] == 1
        wanted = FORMS | {"mark": MARK.encode()}
        size, found = await anyio.to_thread.run_sync(search_memory, container, wanted)
        with closing(DockerClient()) as client:
            inspected = json.dumps(client.inspect(container)).encode()
    finally:
        await sandbox.stop()
        await broker.close()
    assert size > 20 << 20
    assert found.pop("mark") > 0
    assert found == dict.fromkeys(FORMS, 0)
    written = b"".join(tap.written)
    assert MARK.encode() in written
    assert not [form for form, text in FORMS.items() if text in inspected or text in written]
    assert all(seen.headers["authorization"] == f"Bearer {KEY}" for seen in server.seen)
    assert len(server.seen) == len(ECHOES) * 2 + 2


async def what_is_told(sandbox: DockerLLMSandbox, asked: Call) -> str:
    """Return everything that the caller gets to see, with a stream and without."""
    told: list[str] = []
    for on_token in (None, told.append):
        try:
            told.append((await sandbox.answer(asked, on_token)).text)
        except ProviderFailed as error:
            told.append(f"{error.message} {error.hint}")
    return "".join(told)


async def test_the_search_for_the_key_finds_one_that_is_there(server: FakeProvider, hostile_image: str) -> None:
    """The control: a worker that was told the key has it in its memory."""
    async with asking(server, hostile_image) as backend:
        await backend.answer(call(f"kept = {KEY!r}; request(); done(said(answered()))"))
        container = str(backend.get_metrics()["container_id"])
        _, found = await anyio.to_thread.run_sync(search_memory, container, FORMS)
    assert found["plain"] > 0
