"""The lines between us and the container, seen from our side: whoever writes them is taken to be hostile.

Pure: bytes in, messages out, every amount bounded. Knows Docker's framing of an attached stream and the shape of each
message. Does not know sockets or containers.

Source: framing, https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bykilt.llm.errors import ProtocolViolation

MAX_LINE_BYTES = 1 << 20
MAX_STDERR_BYTES = 1 << 16
_HEADER_BYTES = 8
_MAX_PART_BYTES = 192 << 10
_MAX_NAME = 64
_STDOUT, _STDERR = 1, 2


class AttachedStream:
    """Takes an attached stream apart into lines of standard output, and the end of standard error.

    At most `MAX_LINE_BYTES` of a line and `MAX_STDERR_BYTES` of errors are ever held; a frame is never held whole.
    """

    def __init__(self) -> None:
        self._header = b""
        self._left = 0
        self._kind = 0
        self._line = bytearray()
        self._stderr = bytearray()
        self._budget = MAX_LINE_BYTES

    def allow(self, max_bytes: int) -> None:
        """Set how many bytes of standard output may come until this is called again."""
        self._budget = max_bytes

    @property
    def stderr(self) -> str:
        """The last of what came on standard error, made harmless for a terminal."""
        text = self._stderr.decode("utf-8", "replace")
        return "".join(sign if sign.isprintable() or sign == "\n" else "�" for sign in text)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the lines that are complete.

        Raises:
            ProtocolViolation: A line or the whole is too long, or the framing is broken.
        """
        view = memoryview(data)
        while view:
            if self._left == 0:
                view = self._take_header(view)
                continue
            part, view = view[: self._left], view[self._left :]
            self._left -= len(part)
            if self._kind == _STDERR:
                self._stderr += part
                del self._stderr[:-MAX_STDERR_BYTES]
            else:
                yield from self._take_output(bytes(part))

    def _take_header(self, view: memoryview) -> memoryview:
        needed = _HEADER_BYTES - len(self._header)
        self._header += bytes(view[:needed])
        if len(self._header) == _HEADER_BYTES:
            self._kind, self._left = self._header[0], int.from_bytes(self._header[4:], "big")
            self._header = b""
            if self._kind not in (_STDOUT, _STDERR):
                raise ProtocolViolation(f"a frame of the unknown kind {self._kind}")
        return view[needed:]

    def _take_output(self, part: bytes) -> Iterator[bytes]:
        self._budget -= len(part)
        if self._budget < 0:
            raise ProtocolViolation("more output than the call can need")
        *ends, rest = part.split(b"\n")
        for end in ends:
            self._line += end
            yield self._whole_line()
        self._line += rest
        if len(self._line) > MAX_LINE_BYTES:
            raise ProtocolViolation(f"a line of more than {MAX_LINE_BYTES} bytes")

    def _whole_line(self) -> bytes:
        line = bytes(self._line)
        self._line.clear()
        if len(line) > MAX_LINE_BYTES:
            raise ProtocolViolation(f"a line of more than {MAX_LINE_BYTES} bytes")
        return line


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker is up; what it says of its own limits."""

    second_filter: bool
    limits: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The answer; `finish` is `stop`, `length` or `cancelled`."""

    text: str
    finish: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The worker cannot carry out the call."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The worker wants something of the world outside; `request` is its name for it."""

    request: str
    method: str
    url: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Dropped:
    """The worker no longer wants to hear of a request."""

    request: str


@dataclass(frozen=True, slots=True)
class Pong:
    """The worker is there."""


Said = Ready | Token | Done | Refusal | Asked | Dropped | Pong


def decode(line: bytes, call: str | None) -> Said:
    """Return what a line says; `call` is the id that it must carry, None before the first call.

    Raises:
        ProtocolViolation: It is not such a line, or it answers something else.
    """
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise ProtocolViolation("a line that is no JSON") from None
    if not isinstance(said, dict):
        raise ProtocolViolation("a line that is no JSON object")
    if said.get("id") != call:
        raise ProtocolViolation("an answer to a call that nobody made")
    kind = said.get("ev")
    if kind == "ready" and call is None:
        limits = said.get("limits")
        if not isinstance(limits, dict):
            raise ProtocolViolation("a worker that does not tell its limits")
        return Ready(said.get("second_filter") is True, limits)
    if kind == "token" and call is not None:
        return Token(_text(said, "text"))
    if kind == "done" and call is not None:
        finish = _text(said, "finish")
        if finish not in ("stop", "length", "cancelled"):
            raise ProtocolViolation("an answer that ended for no known reason")
        counts = (_count(said, "prompt_tokens"), _count(said, "completion_tokens"))
        return Done(_text(said, "text"), finish, *counts)
    if kind == "pong" and call is not None:
        return Pong()
    if kind == "error" and call is not None:
        return Refusal(_text(said, "code")[:64], _text(said, "message")[:500])
    if kind == "http.request" and call is not None:
        return Asked(_name(said), _text(said, "method"), _text(said, "url"), _bytes(said, "body"))
    if kind == "http.cancel" and call is not None:
        return Dropped(_name(said))
    raise ProtocolViolation("a line that has no place here")


def encode(message: dict[str, Any]) -> bytes:
    """Return a message as one line."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def _text(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str):
        raise ProtocolViolation(f"no text in {name!r}")
    # Half a surrogate pair is legal in JSON and breaks whoever writes it out.
    return value.encode("utf-8", "replace").decode("utf-8")


def answer_head(call: str, request: str, status: int, content_type: str) -> bytes:
    """Return the line that begins the answer to a request."""
    return encode(
        {"op": "http.head", "id": call, "rid": request, "status": status, "headers": [["content-type", content_type]]}
    )


def answer_body(call: str, request: str, part: bytes) -> Iterator[bytes]:
    """Yield the lines that a part of an answer's body takes."""
    for start in range(0, len(part), _MAX_PART_BYTES):
        text = base64.b64encode(part[start : start + _MAX_PART_BYTES]).decode("ascii")
        yield encode({"op": "http.body", "id": call, "rid": request, "b64": text})


def answer_end(call: str, request: str) -> bytes:
    """Return the line that ends an answer."""
    return encode({"op": "http.end", "id": call, "rid": request})


def answer_error(call: str, request: str, code: str) -> bytes:
    """Return the line that says that there is no answer, or no rest of it. Why is none of the worker's business."""
    return encode({"op": "http.error", "id": call, "rid": request, "code": code})


def _name(said: dict[str, Any]) -> str:
    name = _text(said, "rid")
    if not 0 < len(name) <= _MAX_NAME:
        raise ProtocolViolation("a request without a name")
    return name


def _bytes(said: dict[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(_text(said, name).encode("ascii"), validate=True)
    except (ValueError, UnicodeEncodeError):
        raise ProtocolViolation(f"no bytes in {name!r}") from None


def _count(said: dict[str, Any], name: str) -> int:
    value = said.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1 << 32:
        raise ProtocolViolation(f"no count in {name!r}")
    return value
