"""The head of a plain HTTP answer: what concerns one hop is put right, the rest goes on as it came.

Knows how Chromium finds the fields of an answer, which is more lenient than the grammar. It does not look at bodies.
"""

from __future__ import annotations

import re

from bykilt.browser.sandbox.egress.decisions import Unreachable, UnreachableReason

# As much as Chromium itself accepts.
MAX_HEAD_BYTES = 256 * 1024
POLICY_FIELD = b"X-Sandbox-Policy"
_END = re.compile(rb"\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])( .*)?")
_LINE_ENDS = re.compile(rb"[\r\n]+")
# One request per connection, whatever the server would like. Only we speak for the sandbox, and we ask for no password.
_DROPPED = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", POLICY_FIELD.lower()})


class ResponseHeadFilter:
    """Takes an answer as it comes and returns what goes to the browser."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.status: int | None = None  # of the final answer, once its head is there

    def feed(self, data: bytes) -> bytes:
        """Return what to send on; nothing while the head is not complete.

        Raises:
            Unreachable: What answers is no HTTP server.
        """
        if self.status is not None:
            return data
        searched = max(0, len(self._buffer) - 2)
        self._buffer += data
        if not b"HTTP/1.".startswith(bytes(self._buffer[:7])):
            raise _bad_answer("the server does not answer in HTTP")
        out = bytearray()
        is_final = False
        while not is_final and (end := _END.search(self._buffer, searched)) is not None:
            head, is_final = self._filtered(bytes(self._buffer[: end.end()]))
            out += head
            del self._buffer[: end.end()]
            searched = 0
        if is_final:
            out += self._buffer
            self._buffer.clear()
        elif len(self._buffer) > MAX_HEAD_BYTES:
            raise _bad_answer("the head of the server's answer is too large")
        return bytes(out)

    def _filtered(self, head: bytes) -> tuple[bytes, bool]:
        """Return what to send of a head, and whether it is that of the final answer."""
        first, *lines = _LINE_ENDS.split(head.rstrip(b"\r\n"))
        status_line = _STATUS.fullmatch(first)
        if status_line is None or b"\0" in head:
            raise _bad_answer("the head of the server's answer is malformed")
        status = int(status_line[1])
        if status == 101:
            raise _bad_answer("the server changes to a protocol that nobody asked for")
        is_final = status >= 200
        kept = [first, *_without_dropped(lines), *([b"Connection: close"] if is_final else [])]
        self.status = status if is_final else None
        return b"\r\n".join(kept) + b"\r\n\r\n", is_final


def _without_dropped(lines: list[bytes]) -> list[bytes]:
    kept: list[bytes] = []
    is_dropping = False
    for line in lines:
        # A line that begins with white space goes on with the field before it.
        if not line.startswith((b" ", b"\t")):
            is_dropping = line.partition(b":")[0].strip().lower() in _DROPPED
        if not is_dropping:
            kept.append(line)
    return kept


def _bad_answer(message: str) -> Unreachable:
    return Unreachable(UnreachableReason.BAD_ANSWER, message)
