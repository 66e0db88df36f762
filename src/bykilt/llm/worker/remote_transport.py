"""HTTP without sockets, for a library that wants to send a request: it becomes a line, and lines are its answer.

Knows the http.* lines. What they carry out of the container, and what not, is decided on the other side.
"""

from __future__ import annotations

import base64
import itertools
import queue
from collections.abc import Callable, Iterator
from typing import Any

import httpx2

Send = Callable[[dict[str, Any]], None]

CANCELLED = "cancelled"


class Cancelled(BaseException):
    """Nobody waits for the call's answer any more. The library would take any other exception for a broken network."""


class LineTransport(httpx2.BaseTransport):  # type: ignore[misc]  # the library is in the image alone
    """Sends one request at a time, for one call at a time."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._numbers = itertools.count(1)
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.call = ""

    def received(self, message: dict[str, Any]) -> None:
        """Take in a line that belongs to a request, or one that is `CANCELLED`; called from another thread."""
        self._answers.put(message)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the answer, whose body is still on its way."""
        name = f"r{next(self._numbers)}"
        body = base64.b64encode(request.read()).decode("ascii")
        self._send(
            {
                "ev": "http.request",
                "id": self.call,
                "rid": name,
                "method": request.method,
                "url": str(request.url),
                "body": body,
            }
        )
        head = self._next(name)
        if head["op"] != "http.head":
            raise httpx2.ConnectError("there is no answer", request=request)
        stream = _Body(lambda: self._next(name), lambda: self._drop(name))
        return httpx2.Response(head["status"], headers=head["headers"], stream=stream, request=request)

    def _next(self, name: str) -> dict[str, Any]:
        while True:
            message = self._answers.get()
            if message.get("id") != self.call:
                continue  # it came too late for its call
            if message.get("op") == CANCELLED:
                raise Cancelled
            if message.get("rid") == name:
                return message

    def _drop(self, name: str) -> None:
        self._send({"ev": "http.cancel", "id": self.call, "rid": name})


class _Body(httpx2.SyncByteStream):  # type: ignore[misc]  # the same
    def __init__(self, following: Callable[[], dict[str, Any]], drop: Callable[[], None]) -> None:
        self._following = following
        self._drop = drop
        self._is_over = False

    def __iter__(self) -> Iterator[bytes]:
        while not self._is_over:
            message = self._following()
            if message["op"] == "http.body":
                yield base64.b64decode(message["b64"])
                continue
            self._is_over = True
            if message["op"] != "http.end":
                raise httpx2.ReadError("the answer broke off")

    def close(self) -> None:
        """Say that the rest is not wanted, if there is one."""
        if not self._is_over:
            self._is_over = True
            self._drop()
