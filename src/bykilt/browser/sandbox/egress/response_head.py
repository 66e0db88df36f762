"""The head of a plain HTTP answer: what concerns one hop is put right, the rest goes on as it came.

Knows how Chromium finds the fields of an answer, which is more lenient than the grammar. Of a body it knows the end,
where nobody could find it elsewhere: only then may the browser use its connection again.

Source: RFC 9112 section 6.3; net/http/http_stream_parser.cc of Chromium
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
_PLAIN_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_WITHOUT_BODY = frozenset({204, 304})
# Its body is read by some, and not by others.
_DOUBTFUL = frozenset({205})
# Whether the connection stays open is not the server's to say. Only we speak for the sandbox, and we ask for no
# password.
_DROPPED = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", POLICY_FIELD.lower()})


class ResponseHeadFilter:
    """Takes an answer as it comes and returns what goes to the browser.

    With `may_stay` the browser's connection outlives an answer whose end is beyond doubt; `method` is the request's.
    """

    def __init__(self, *, method: str = "GET", may_stay: bool = False) -> None:
        self._buffer = bytearray()
        self._method = method
        self._may_stay = may_stay
        self._missing: int | None = None  # of a body whose end is beyond doubt
        self.status: int | None = None  # of the final answer, once its head is there

    @property
    def is_done(self) -> bool:
        """Whether the answer has ended, and the browser was told that the connection has not."""
        return self._missing == 0

    def feed(self, data: bytes) -> bytes:
        """Return what to send on; nothing while the head is not complete.

        Raises:
            Unreachable: What answers is no HTTP server.
        """
        if self.status is not None:
            return self._of_body(data)
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
            out += self._of_body(bytes(self._buffer))
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
        kept = [first, *_without_dropped(lines)]
        if is_final:
            self.status = status
            if self._may_stay and first.startswith(b"HTTP/1.1"):
                self._missing = _certain_length(status, kept[1:], has_no_body=self._method == "HEAD")
            if self._missing is None:
                kept.append(b"Connection: close")
        return b"\r\n".join(kept) + b"\r\n\r\n", is_final

    def _of_body(self, data: bytes) -> bytes:
        """Return what belongs to the body: what a server sends after it would be the answer to another request."""
        if self._missing is None:
            return data
        taken = data[: self._missing]
        self._missing -= len(taken)
        return taken


def _certain_length(status: int, lines: list[bytes], *, has_no_body: bool) -> int | None:
    """Return how long a body is that everybody takes to be as long; None where there is any doubt."""
    fields = [_PLAIN_FIELD.fullmatch(line) for line in lines]
    if status in _DOUBTFUL or None in fields:
        return None
    named = [(field[1].lower(), field[2]) for field in fields if field is not None]
    if any(b"transfer" in name or (b"length" in name and name != b"content-length") for name, _ in named):
        return None
    if has_no_body or status in _WITHOUT_BODY:
        return 0
    lengths = [value for name, value in named if name == b"content-length"]
    return int(lengths[0]) if len(lengths) == 1 and _LENGTH.fullmatch(lengths[0]) else None


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
