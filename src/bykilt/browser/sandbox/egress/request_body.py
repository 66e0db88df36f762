"""Where the body of a request ends, so that not one byte after it reaches the server.

Knows both framings of HTTP/1.1. A body in chunks is read strictly and cut anew: no extensions, no trailers.

Source: RFC 9112 sections 6 and 7.1.
"""

from __future__ import annotations

import re
from typing import Protocol

from bykilt.browser.sandbox.egress.decisions import MalformedRequest

_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")
_MAX_SIZE_LINE = 10


class RequestBody(Protocol):
    """Takes what the browser sends and returns what goes on."""

    @property
    def is_done(self) -> bool:
        """Whether the body has ended."""
        ...

    @property
    def has_surplus(self) -> bool:
        """Whether more came than the body."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Return what to send.

        Raises:
            MalformedRequest: The framing is broken.
        """
        ...


class SizedBody:
    """A body of a stated length, which may be none."""

    def __init__(self, length: int) -> None:
        self._missing = length
        self.has_surplus = False

    @property
    def is_done(self) -> bool:
        return self._missing == 0

    def feed(self, data: bytes) -> bytes:
        taken = data[: self._missing]
        self._missing -= len(taken)
        self.has_surplus = self.has_surplus or len(data) > len(taken)
        return taken


class ChunkedBody:
    """A body in chunks."""

    def __init__(self) -> None:
        self._unread = bytearray()
        self._missing = 0  # of the chunk that has begun
        self._is_in_chunk = False
        self._is_last = False
        self.is_done = False

    @property
    def has_surplus(self) -> bool:
        return self.is_done and bool(self._unread)

    def feed(self, data: bytes) -> bytes:
        was_done = self.is_done
        self._unread += data
        out = bytearray()
        while not self.is_done and self._unread and self._advance(out):
            pass
        if self.is_done and not was_done:
            out += b"0\r\n\r\n"
        return bytes(out)

    def _advance(self, out: bytearray) -> bool:
        """Take the next part; return whether there was enough for it."""
        if self._missing:
            self._take_payload(out)
            return True
        return self._take_line_end() if self._is_in_chunk else self._take_size()

    def _take_payload(self, out: bytearray) -> None:
        payload = bytes(self._unread[: self._missing])
        del self._unread[: len(payload)]
        self._missing -= len(payload)
        out += b"%x\r\n%b\r\n" % (len(payload), payload)

    def _take_line_end(self) -> bool:
        """Take what ends a chunk, and after the last one everything: trailers would stand in its place."""
        found = bytes(self._unread[:2])
        if not b"\r\n".startswith(found):
            raise MalformedRequest("a chunk of the request ends wrongly, or has trailers")
        if len(found) < 2:
            return False
        del self._unread[:2]
        self._is_in_chunk = False
        self.is_done = self._is_last
        return True

    def _take_size(self) -> bool:
        line, end, _ = bytes(self._unread[:_MAX_SIZE_LINE]).partition(b"\r\n")
        digits = line if end else line.removesuffix(b"\r")
        if not _SIZE.fullmatch(digits) or (not end and len(line) == _MAX_SIZE_LINE):
            raise MalformedRequest("a chunk of the request has no proper size")
        if not end:
            return False
        del self._unread[: len(line) + 2]
        self._missing = int(digits, 16)
        self._is_in_chunk = True
        self._is_last = self._missing == 0
        return True
