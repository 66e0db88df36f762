"""The roads to a browser: a pair of pipes, or a WebSocket. Knows messages as bytes, nothing of what they say.

Plain asyncio is used here, and in `connection`, for speed: a task switch per message would cost more than the
message does.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

from bykilt.browser.cdp.errors import ConnectionClosed

MAX_MESSAGE_BYTES = 256 << 20
_CHUNK_BYTES = 1 << 20
_FAREWELL_S = 2.0

OnMessage = Callable[[bytes], None]
OnClose = Callable[[str], None]


class Transport(Protocol):
    """Carries whole messages, in order, until it closes; says so exactly once."""

    def start(self, on_message: OnMessage, on_close: OnClose) -> None:
        """Begin to deliver. Both callbacks run in the event loop's thread."""
        ...

    def send(self, message: bytes) -> None:
        """Queue one message.

        Raises:
            ConnectionClosed: The road is closed.
        """
        ...

    def close(self, reason: str) -> None:
        """Close the road; the reason is what `on_close` is told."""
        ...

    async def wait_until_gone(self) -> None:
        """Return once nothing is left of a road that was closed. Bounded, and never fails."""
        ...


class PipeTransport:
    """`--remote-debugging-pipe`: messages end with a NUL byte. Owns both descriptors.

    Source: https://chromium.googlesource.com/chromium/src/+/main/content/browser/devtools/devtools_pipe_handler.cc
    """

    def __init__(self, read_fd: int, write_fd: int, *, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._max_message_bytes = max_message_bytes
        self._parts: list[bytes] = []
        self._held_bytes = 0
        self._unsent = bytearray()
        self._closed_because: str | None = None
        self._loop = asyncio.get_running_loop()
        self._on_message: OnMessage = _ignore
        self._on_close: OnClose = _ignore

    def start(self, on_message: OnMessage, on_close: OnClose) -> None:
        self._on_message = on_message
        self._on_close = on_close
        os.set_blocking(self._read_fd, False)
        os.set_blocking(self._write_fd, False)
        self._loop.add_reader(self._read_fd, self._read)

    def _read(self) -> None:
        try:
            chunk = os.read(self._read_fd, _CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.close(f"reading from the browser failed: {error}")
            return
        if not chunk:
            self.close("the browser closed its end of the pipe")
            return
        *messages, rest = chunk.split(b"\0")
        if messages:
            if self._parts:
                self._parts.append(messages[0])
                messages[0] = b"".join(self._parts)
                self._parts.clear()
                self._held_bytes = 0
            for message in messages:
                self._on_message(message)
        if rest:
            self._parts.append(rest)
            self._held_bytes += len(rest)
            if self._held_bytes > self._max_message_bytes:
                self.close(f"the browser sent a message of more than {self._max_message_bytes} bytes")

    def send(self, message: bytes) -> None:
        if self._closed_because is not None:
            raise ConnectionClosed(self._closed_because)
        data = message + b"\0"
        if not self._unsent:
            sent = self._write(data)
            if sent == len(data):
                return
            data = data[sent:]
            if self._closed_because is not None:
                raise ConnectionClosed(self._closed_because)
            self._loop.add_writer(self._write_fd, self._flush)
        self._unsent += data

    def _write(self, data: bytes | bytearray) -> int:
        try:
            return os.write(self._write_fd, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self.close(f"writing to the browser failed: {error}")
            return 0

    def _flush(self) -> None:
        sent = self._write(self._unsent)
        if self._closed_because is not None:
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._write_fd)

    def close(self, reason: str) -> None:
        if self._closed_because is not None:
            return
        self._closed_because = reason
        self._loop.remove_reader(self._read_fd)
        self._loop.remove_writer(self._write_fd)
        os.close(self._read_fd)
        os.close(self._write_fd)
        self._on_close(reason)

    async def wait_until_gone(self) -> None:
        """Return at once: pipes are closed by us alone."""


def shown_address(url: str) -> str:
    """Return an address as messages may show it: what stands before the host or in the query may be a password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


class WebSocketTransport:
    """A browser that runs elsewhere, by its `ws://` address."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self._url = url
        self._headers = dict(headers or {})
        self._outbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._closed_because: str | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._on_message: OnMessage = _ignore
        self._on_close: OnClose = _ignore

    async def connect(self, timeout_s: float) -> None:
        """Open the WebSocket.

        Raises:
            ConnectionClosed: Nobody answers there, or not in time.
        """
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        class StayHere(connect):
            """Follows no redirect: the headers are for this host only."""

            def process_redirect(self, exc: Exception) -> Exception:
                return exc

        try:
            # An HTTP proxy from the environment would be asked even for loopback; compression costs
            # more than it saves on a local road.
            self._socket = await StayHere(
                self._url,
                additional_headers=self._headers,
                max_size=MAX_MESSAGE_BYTES,
                compression=None,
                proxy=None,
                open_timeout=timeout_s,
                ping_interval=None,
            )
        except (OSError, WebSocketException, TimeoutError) as error:
            raise ConnectionClosed(
                f"no browser answers at {shown_address(self._url)}: {str(error) or 'timed out'}"
            ) from error

    def start(self, on_message: OnMessage, on_close: OnClose) -> None:
        self._on_message = on_message
        self._on_close = on_close
        self._tasks = [asyncio.create_task(self._receive()), asyncio.create_task(self._transmit())]

    async def _receive(self) -> None:
        from websockets.exceptions import ConnectionClosed as SocketClosed

        try:
            async for message in self._socket:
                self._on_message(message if isinstance(message, bytes) else message.encode())
        except (SocketClosed, OSError) as error:
            self.close(f"the WebSocket broke: {error}")
        else:
            self.close("the browser closed the WebSocket")

    async def _transmit(self) -> None:
        from websockets.exceptions import ConnectionClosed as SocketClosed

        try:
            while (message := await self._outbox.get()) is not None:
                await self._socket.send(message, text=True)
            await self._socket.close()
        except (SocketClosed, OSError) as error:
            self.close(f"the WebSocket broke: {error}")

    def send(self, message: bytes) -> None:
        if self._closed_because is not None:
            raise ConnectionClosed(self._closed_because)
        self._outbox.put_nowait(message)

    def close(self, reason: str) -> None:
        if self._closed_because is not None:
            return
        self._closed_because = reason
        self._outbox.put_nowait(None)
        self._on_close(reason)

    async def wait_until_gone(self) -> None:
        if not self._tasks:
            return
        _, open_still = await asyncio.wait(self._tasks, timeout=_FAREWELL_S)
        for task in open_still:
            task.cancel()
        if open_still:
            self._socket.transport.abort()
            await asyncio.wait(open_still)


def _ignore(_: object) -> None:
    """Stand in until `start`."""
