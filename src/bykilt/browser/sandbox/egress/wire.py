"""One TCP connection, read and written as the kernel is ready for it.

Knows sockets. It holds no more than what was put back, so that a slow reader slows down the writer and costs no memory.
"""

from __future__ import annotations

import socket
import struct

import anyio
from anyio import lowlevel

READ_BYTES = 128 * 1024
# Of what a refused client still sends, so that it gets to read why: closing at once would tear down the answer.
_FAREWELL_BYTES = 1 << 20
_FAREWELL_S = 2.0


class Wire:
    """A connected, non-blocking socket, which it owns. What the network does wrong comes out as OSError."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        # Small messages in both directions are what proxies are slow at.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._socket = connection
        self._put_back = b""
        self._has_more = False  # probably: the last read was full

    async def receive(self) -> bytes:
        """Return what has come; empty once the other side has finished sending."""
        if self._put_back:
            data, self._put_back = self._put_back, b""
            return data
        while True:
            # Also where more is there already: a fast connection must not keep the others from their turn.
            await (lowlevel.checkpoint() if self._has_more else anyio.wait_readable(self._socket))
            try:
                data = self._socket.recv(READ_BYTES)
            except BlockingIOError:
                self._has_more = False
                continue
            self._has_more = len(data) == READ_BYTES
            return data

    def put_back(self, data: bytes) -> None:
        """Let the next `receive` return `data` first."""
        self._put_back = data + self._put_back

    async def send(self, data: bytes) -> None:
        """Return once the kernel has taken all of it."""
        unsent = memoryview(data)
        while unsent:
            try:
                unsent = unsent[self._socket.send(unsent) :]
            except BlockingIOError:
                await anyio.wait_writable(self._socket)

    def send_eof(self) -> None:
        """Tell the other side that nothing more will come."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it is gone already, and the next read or write will say so

    async def close_after_answer(self) -> None:
        """Close so that the other side can still read what was sent last; takes a few seconds at most."""
        self.send_eof()
        unread = _FAREWELL_BYTES
        with anyio.move_on_after(_FAREWELL_S):
            try:
                while unread > 0 and (data := await self.receive()):
                    unread -= len(data)
            except OSError:
                pass
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._socket.close()

    def abort(self) -> None:
        """Tear the connection down, so that the other side does not take what it got for the whole."""
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        self._socket.close()
