"""Both ends of the egress proxy: a server that remembers every byte it got, and a browser's side that sends any bytes.

Knows sockets, not the proxy's inside. Names below `.test` lead to loopback, as far as the rules let them.
"""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream

from bykilt.browser.sandbox.egress.decisions import EgressDecision
from bykilt.browser.sandbox.egress.host_rules import EgressMode, EgressRules
from bykilt.browser.sandbox.egress.limits import ProxyLimits
from bykilt.browser.sandbox.egress.proxy import EgressProxy, open_proxy
from bykilt.browser.sandbox.egress.upstream_proxy import UpstreamProxy
from bykilt.network.connecting import Connect, Resolve, connect_tcp

PATIENCE_S = 10
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def loopback(host: str, port: int) -> list[str]:
    """Resolve every name to this machine."""
    return ["127.0.0.1"]


@dataclass
class Upstream:
    """What a server saw: the bytes of each connection, in the order in which the connections came."""

    port: int = 0
    seen: list[bytearray] = field(default_factory=list)

    @property
    def everything(self) -> bytes:
        """All bytes of all connections."""
        return b"".join(self.seen)

    async def receive(self, stream: ByteStream, into: bytearray) -> bytes:
        """Return what came next and remember it; empty at the end."""
        try:
            data = await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return b""
        into += data
        changed()
        return data

    async def receive_head(self, stream: ByteStream, into: bytearray) -> None:
        """Return once the empty line after a request head is there, or the client has gone."""
        while b"\r\n\r\n" not in into:
            if not await self.receive(stream, into):
                return


Handler = Callable[[Upstream, SocketStream, bytearray], Awaitable[None]]


async def answer_each(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
    """Answer one request, then listen to what else comes."""
    await upstream.receive_head(stream, seen)
    await stream.send(ANSWER)
    await stream.send_eof()
    while await upstream.receive(stream, seen):
        pass


async def echo(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
    """Send back what comes."""
    while data := await upstream.receive(stream, seen):
        await stream.send(data)
    await stream.send_eof()


@asynccontextmanager
async def open_upstream(handler: Handler = answer_each) -> AsyncIterator[Upstream]:
    """Run a server on loopback."""
    upstream = Upstream()

    async def serve(stream: SocketStream) -> None:
        seen = bytearray()
        upstream.seen.append(seen)
        changed()
        async with stream:
            try:
                await handler(upstream, stream, seen)
            except anyio.BrokenResourceError:
                pass  # the proxy has gone, which a test may be about

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as group:
        upstream.port = listener.extra(SocketAttribute.local_port)
        group.start_soon(listener.serve, serve)
        yield upstream
        group.cancel_scope.cancel()


@dataclass
class Egress:
    """A running proxy and what it told."""

    port: int
    proxy: EgressProxy
    decisions: list[EgressDecision]

    async def connect(self) -> SocketStream:
        """Return a connection of the browser to the proxy."""
        return await anyio.connect_tcp("127.0.0.1", self.port)

    async def ask(self, *pieces: bytes) -> bytes:
        """Return what is answered to a request, sent in pieces; everything until the proxy closes."""
        async with await self.connect() as stream:
            for piece in pieces:
                await stream.send(piece)
            return await read_all(stream)

    async def open_tunnel(self, host: str, port: int) -> SocketStream:
        """Return a connection through a granted CONNECT."""
        stream = await self.connect()
        try:
            await stream.send(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            answer = await read_head(stream)
            assert answer.startswith(b"HTTP/1.1 200 "), answer
        except BaseException:
            await anyio.aclose_forcefully(stream)
            raise
        return stream


@asynccontextmanager
async def open_egress(
    *rules: str,
    mode: EgressMode = EgressMode.RESTRICTED,
    resolve: Resolve = loopback,
    connect: Connect = connect_tcp,
    upstream: UpstreamProxy | None = None,
    limits: ProxyLimits | None = None,
    is_for_browser: bool = False,
) -> AsyncIterator[Egress]:
    """Run the proxy on loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    decisions: list[EgressDecision] = []

    def decided(decision: EgressDecision) -> None:
        decisions.append(decision)
        changed()

    with anyio.fail_after(3 * PATIENCE_S):
        async with open_proxy(
            [listener],
            EgressRules.parse(mode, rules),
            on_decision=decided,
            resolve=resolve,
            connect=connect,
            upstream=upstream,
            limits=limits,
            is_for_browser=is_for_browser,
        ) as proxy:
            yield Egress(port, proxy, decisions)


async def read_head(stream: ByteStream) -> bytes:
    """Return an answer's head; nothing may have come after it."""
    head = b""
    with anyio.fail_after(PATIENCE_S):
        while not head.endswith(b"\r\n\r\n"):
            head += await stream.receive(1)
    return head


async def read_answer(stream: ByteStream, body_bytes: int) -> bytes:
    """Return an answer whose body is so long; nothing may have come after it."""
    answer = await read_head(stream)
    end = len(answer) + body_bytes
    with anyio.fail_after(PATIENCE_S):
        while len(answer) < end:
            answer += await stream.receive(end - len(answer))
    return answer


async def read_all(stream: ByteStream) -> bytes:
    """Return everything until the other side closes, however it does."""
    received = bytearray()
    with anyio.fail_after(PATIENCE_S):
        try:
            while True:
                received += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return bytes(received)


_waiting: set[anyio.Event] = set()


def changed() -> None:
    """Let everybody look again who waits for something in here."""
    for waiting in tuple(_waiting):
        waiting.set()


async def until(is_so: Callable[[], bool]) -> None:
    """Return once something is so that `changed` tells of."""
    with anyio.fail_after(PATIENCE_S):
        while not is_so():
            waiting = anyio.Event()
            _waiting.add(waiting)
            try:
                await waiting.wait()
            finally:
                _waiting.discard(waiting)


def client_hello(name: str | None, *, extra: Sequence[tuple[int, bytes]] = (), record_bytes: int = 1 << 14) -> bytes:
    """Return a ClientHello for a name, cut into records of a size; `extra` are more extensions."""
    extensions = [*([(0, server_name(name))] if name is not None else []), *extra]
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\x00\x02\x13\x01" + b"\x01\0"
    listed = b"".join(kind.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data for kind, data in extensions)
    body += len(listed).to_bytes(2, "big") + listed
    return records(b"\x01" + len(body).to_bytes(3, "big") + body, record_bytes)


def server_name(name: str) -> bytes:
    """Return the content of a server_name extension."""
    encoded = name.encode()
    entry = b"\0" + len(encoded).to_bytes(2, "big") + encoded
    return len(entry).to_bytes(2, "big") + entry


def records(message: bytes, record_bytes: int = 1 << 14) -> bytes:
    """Return a handshake message in TLS records of at most so many bytes."""
    pieces = [message[start : start + record_bytes] for start in range(0, len(message), record_bytes)]
    return b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece for piece in pieces)


def get(host: str, port: int, path: str = "/") -> bytes:
    """Return a plain request, as a browser sends it to a proxy."""
    return f"GET http://{host}:{port}{path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()


def body_of(answer: bytes) -> dict[str, object]:
    """Return the document that an answer holds."""
    found = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert isinstance(found, dict)
    return found


async def only_decision(egress: Egress) -> EgressDecision:
    """Return the one decision that is made, waiting for it."""
    await until(lambda: bool(egress.decisions))
    assert len(egress.decisions) == 1
    return egress.decisions[0]
