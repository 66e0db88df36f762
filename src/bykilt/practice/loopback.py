"""A small threaded HTTP/1.1 server on an ephemeral loopback port that stops at once.

Knows sockets, keep-alive and how to end a conversation that hangs. What is answered is decided
by the function it is given: a `Request` comes in, a `Response` goes out, `None` hangs up.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MAX_BODY_BYTES = 256 * 1024 * 1024
_JOIN_S = 0.3


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived. Header names are lower case; `path` is without the query."""

    method: str
    path: str
    query: Mapping[str, tuple[str, ...]]
    headers: Mapping[str, str]
    body: bytes = b""

    def param(self, name: str, default: str = "") -> str:
        """Return the first value of a query parameter, or `default`."""
        return self.query.get(name, (default,))[0]

    def number(self, name: str, default: int) -> int:
        """Return a query parameter as a number not below 0; what is no number is `default`."""
        text = self.param(name)
        return int(text) if text.isascii() and text.isdigit() else default

    def form(self) -> dict[str, str]:
        """Return the fields of a URL-encoded body (the last value of each name)."""
        parsed = parse_qs(self.body.decode("utf-8", errors="replace"), keep_blank_values=True)
        return {name: values[-1] for name, values in parsed.items()}

    def cookie(self, name: str) -> str | None:
        """Return the value of a cookie, or None."""
        try:
            morsel = SimpleCookie(self.headers.get("cookie", "")).get(name)
        except CookieError:
            return None
        return None if morsel is None else morsel.value


@dataclass(frozen=True, slots=True)
class Response:
    """One answer. A body that is an iterator is sent in chunks as it yields."""

    body: bytes | Iterator[bytes] = b""
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = field(default=())


Respond = Callable[[Request], Response | None]


class LoopbackServer:
    """Serves `respond` on 127.0.0.1, one thread for each connection."""

    def __init__(self, respond: Respond, *, name: str = "loopback") -> None:
        """Bind the port; nothing is answered before `start`. `name` names the threads."""
        self._name = name
        self._stopping = threading.Event()
        self._server = _Server(respond, thread_name=name)
        self._acceptor: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port the system chose."""
        return int(self._server.server_address[1])

    @property
    def failures(self) -> tuple[BaseException, ...]:
        """The bugs met so far; what `respond` raised was answered with status 500."""
        return tuple(self._server.failures)

    def start(self) -> None:
        """Begin to answer, on threads of its own."""
        self._acceptor = threading.Thread(target=self._accept, name=f"{self._name}-accept", daemon=True)
        self._acceptor.start()

    def stop(self) -> None:
        """Close the port and every connection, also those that still wait for an answer."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        if self._acceptor is not None:
            self._wake_acceptor()
            self._acceptor.join(_JOIN_S)
        self._server.server_close()
        self._server.hang_up()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            self._server.handle_request()

    def _wake_acceptor(self) -> None:
        # It sleeps until somebody connects. `serve_forever` would poll instead.
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=_JOIN_S).close()
        except OSError:
            return

    def pause(self, seconds: float) -> bool:
        """Hold an answer back; return False as soon as the server is being stopped."""
        return not self._stopping.wait(seconds)

    def wait_until_stopped(self) -> None:
        """Hold an answer back for ever, that is until `stop`."""
        self._stopping.wait()


class _Server(ThreadingHTTPServer):
    """The standard server, with open connections remembered so that they can be closed."""

    request_queue_size = 128

    def __init__(self, respond: Respond, thread_name: str) -> None:
        self.respond = respond
        self.thread_name = thread_name
        self.failures: list[BaseException] = []
        self._open: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Conversation)

    def server_bind(self) -> None:
        # HTTPServer asks the resolver for the host's full name here, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self._converse, args=(request, client_address), name=self.thread_name, daemon=True
        )
        with self._lock:
            self._open[request] = thread
        thread.start()

    def _converse(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.pop(request, None)

    def hang_up(self) -> None:
        """Shut every open connection and wait a moment for its thread to notice."""
        with self._lock:
            waiting = dict(self._open)
        for connection in waiting:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        deadline = time.monotonic() + _JOIN_S
        for thread in waiting.values():
            thread.join(max(0.0, deadline - time.monotonic()))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Remember a bug; say nothing of a connection that ended early, as browsers' often do."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.failures.append(error)


class _Conversation(BaseHTTPRequestHandler):
    """One keep-alive connection."""

    protocol_version = "HTTP/1.1"
    server_version = "bykilt-loopback"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the sites remember what they saw."""

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def _answer(self) -> None:
        body = self._read_body()
        if body is None:
            return
        parts = urlsplit(self.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        request = Request(
            method=self.command,
            path=parts.path,
            query={name: tuple(values) for name, values in query.items()},
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        try:
            response = self.server.respond(request)
        except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
            self.server.failures.append(error)
            response = Response(f"{type(error).__name__}: {error}".encode(), 500, "text/plain; charset=utf-8")
        if response is None:
            self.close_connection = True
        else:
            self._send(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer

    def _read_body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.send_error(413 if length.isdigit() else 400)
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _send(self, response: Response) -> None:
        names = {name.lower() for name, _ in response.headers}
        bodiless = response.status in (204, 304)
        self.send_response(response.status)
        if response.body:
            self.send_header("Content-Type", response.content_type)
        if not isinstance(response.body, bytes):
            self.send_header("Transfer-Encoding", "chunked")
        elif "content-length" not in names and not bodiless:
            self.send_header("Content-Length", str(len(response.body)))
        if "cache-control" not in names:
            self.send_header("Cache-Control", "no-store")
        for name, value in response.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and not bodiless:
            self._send_body(response.body)

    def _send_body(self, body: bytes | Iterator[bytes]) -> None:
        if isinstance(body, bytes):
            self.wfile.write(body)
            return
        for chunk in body:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
