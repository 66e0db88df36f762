"""A provider of models on loopback, for tests: it speaks OpenAI's chat completions and misbehaves as it is told.

Real sockets, a thread for each connection. It remembers what it was sent, headers included. Knows no test.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bykilt.llm.providers import Price, Provider

KEY = "sk-test-7fQ2/x+Zb9Lw4Kd8Vn1Rt6Ys3"
SECRET = "provider_key"
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
_PATIENCE_S = 20


@dataclass(frozen=True)
class Seen:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """What the body says."""
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document


class Wire:
    """The server's end of one request: what an answer is made with."""

    def __init__(self, connection: socket.socket, seen: Seen, server: FakeProvider) -> None:
        self.connection = connection
        self.seen = seen
        self.server = server

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.connection.sendall(data)

    def answer(self, status: int, body: bytes, *headers: str, kind: str = "application/json") -> None:
        """Send a whole answer."""
        lines = [f"HTTP/1.1 {status} x", f"content-type: {kind}", f"content-length: {len(body)}", *headers]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def begin_stream(self) -> None:
        """Send the head of a stream of events."""
        self.send(b"HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")

    def part(self, data: bytes) -> None:
        """Send a piece of a stream."""
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, text: str | None = None, *, finish: str | None = None, usage: object = None) -> None:
        """Send one event: a piece of text, why the answer ended, or what it has used."""
        choices = [] if usage else [{"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}]
        document = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
        self.part(f"data: {json.dumps(document | {'usage': usage})}\n\n".encode())

    def end_stream(self, *, finish: str = "stop", usage: object = USAGE) -> None:
        """Send what ends a stream."""
        self.event(finish=finish)
        if usage:
            self.event(usage=usage)
        self.part(b"data: [DONE]\n\n")
        self.send(b"0\r\n\r\n")

    def wait_until_gone(self) -> None:
        """Return when the other side has hung up, and note it."""
        try:
            while self.connection.recv(4096):
                pass
        except ConnectionResetError:
            pass
        self.server.hung_up.set()


Script = Callable[[Wire], None]


def completion(text: str, *, finish: str = "stop", usage: object = USAGE) -> bytes:
    """Return a whole answer."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    document = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return json.dumps(document | ({"usage": usage} if usage else {})).encode()


def pong(wire: Wire) -> None:
    """Answer as a provider does, with the last message in the answer."""
    text = f"pong: {wire.seen.document['messages'][-1]['content']}"
    if not wire.seen.document.get("stream"):
        wire.answer(200, completion(text))
        return
    wire.begin_stream()
    for piece in text.split(" "):
        wire.event(piece if piece == "pong:" else f" {piece}")
    wire.end_stream()


@dataclass
class FakeProvider:
    """The server. `script` makes the answers; `seen` is what was asked."""

    script: Script = pong
    port: int = 0
    scheme: str = "http"
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    """For scripts that wait until the test has seen something."""
    hung_up: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """What its paths begin with."""
        return f"{self.scheme}://127.0.0.1:{self.port}/v1"

    def provider(self, **changes: Any) -> Provider:
        """Return the settings that lead here."""
        settings: dict[str, Any] = {
            "name": "fake",
            "url": self.url,
            "models": {"small": Price(), "large": Price()},
            "secret": SECRET,
            "allow_private": True,
        }
        return Provider(**settings | changes)

    def wait_for_gate(self) -> None:
        """Wait for the test.

        Raises:
            TimeoutError: It does not come.
        """
        if not self.gate.wait(_PATIENCE_S):
            raise TimeoutError


@contextmanager
def fake_provider(script: Script = pong, *, tls: ssl.SSLContext | None = None) -> Iterator[FakeProvider]:
    """Run a provider on loopback."""
    state = FakeProvider(script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            state.connections += 1

        def do_POST(self) -> None:
            self._handle()

        def do_GET(self) -> None:
            self._handle()

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(self.command, self.path, headers, body)
            state.seen.append(seen)
            try:
                state.script(Wire(self.connection, seen, state))
            except OSError:  # the other side may hang up at any moment
                self.close_connection = True
                state.hung_up.set()

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A connection that ended is no news."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            state.scheme = "https"
        state.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield state
        finally:
            state.gate.set()
            server.shutdown()
            thread.join()


class FixedKey:
    """A source of keys that has one."""

    def __init__(self, key: str | None = KEY) -> None:
        self.key = key

    async def key_for(self, provider: Provider) -> str | None:
        """Return it."""
        return self.key
