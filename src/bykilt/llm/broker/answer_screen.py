"""Reads along while an answer passes: what it says, how much was used, and that the key is not in it. Pure.

Knows the two forms of an answer to a chat completion, one document or a stream of events. What it cannot read passes
unread, except that the key is taken out of it; refusing it is the container's work.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream and
https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bykilt.llm.broker.key_removal import KeyRemover
from bykilt.llm.errors import ProviderFailed

_MAX_COUNT = 1 << 32
_MAX_TEXTS = 64
_END_OF_STREAM = b"[DONE]"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the provider counts them."""

    prompt_tokens: int
    completion_tokens: int


class AnswerScreen:
    """What comes from the provider goes in, what the container may see comes out. One answer."""

    def __init__(self, remover: KeyRemover, *, is_stream: bool, max_bytes: int) -> None:
        self.usage: Usage | None = None
        self.has_ended = False
        """Whether the provider has said that the stream is at its end."""
        self.finish_reason: str | None = None
        """Why the provider says that the answer has ended."""
        self.error: object = None
        """What the provider says instead of going on, unread."""
        self._remover = remover
        self._is_stream = is_stream
        self._max_bytes = self._left = max_bytes
        self._pending = b""
        self._event: list[bytes] = []
        self._held: list[bytes] = []
        self._ends: dict[tuple[str, str], str] = {}
        self._said: list[str] = []
        self._unheard: deque[str] = deque()

    @property
    def text(self) -> str:
        """What the provider has answered so far, as it comes out of the container's lines."""
        # Written as JSON and read again, two halves of a letter that came in two pieces are one.
        return _printable(json.loads(json.dumps("".join(self._said))))

    def is_next_piece(self, text: str) -> bool:
        """Whether a piece of a stream's text is the next that the provider has said; asked once for each."""
        return bool(self._unheard) and self._unheard.popleft() == text

    def feed(self, piece: bytes) -> bytes:
        """Return what may pass: in a stream of events whole events only, in a document the whole at its end.

        Raises:
            ProviderFailed: The answer is too long, or has the key in pieces.
        """
        self._left -= len(piece)
        if self._left < 0:
            raise ProviderFailed(
                f"the provider's answer is longer than the {self._max_bytes} bytes that it may have",
                is_retryable=False,
                hint="raise max_tokens, or max_answer_bytes in the provider's settings",
            )
        self._pending += self._remover.feed(piece)
        return b"".join(self._passing(self._whole_lines())) if self._is_stream else b""

    def finish(self) -> bytes:
        """Return what is left once the provider has said everything.

        Raises:
            ProviderFailed: It has the key in pieces.
        """
        self._pending += self._remover.finish()
        if not self._is_stream:
            self._follow(self._read(self._pending), "message")
            return self._pending
        lines = self._pending.splitlines(keepends=True)
        passed = b"".join(self._passing(lines))
        self._read(_data_of(self._event))  # an event that was cut off says nothing, but it may not say the key
        return b"".join([passed, *self._held, *self._event])

    def _whole_lines(self) -> list[bytes]:
        """Return the lines that are whole; a carriage return may be half of a line's end."""
        lines = self._pending.splitlines(keepends=True)
        self._pending = b"" if not lines or lines[-1].endswith(b"\n") else lines.pop()
        return lines

    def _passing(self, lines: list[bytes]) -> Iterator[bytes]:
        """Yield the events that are whole, each held back while the text that it ends could be a key's beginning."""
        for line in lines:
            self._event.append(line)
            if line.strip(b"\r\n"):
                continue
            self._held += self._event
            is_begun = self._read_event(_data_of(self._event))
            self._event = []
            if not is_begun:
                yield from self._held
                self._held = []

    def _read_event(self, data: bytes) -> bool:
        """Take in one event; return whether a key may have begun in it."""
        if data.startswith(_END_OF_STREAM):
            self.has_ended = True
            return False
        return self._follow(self._read(data), "delta")

    def _follow(self, document: dict[str, Any], part: str) -> bool:
        """Put the texts of the answer together as their reader will; return whether one ends like a key begins."""
        choices = document.get("choices")
        for number, choice in enumerate(choices if isinstance(choices, list) else ()):
            said = choice.get(part) if isinstance(choice, dict) else None
            if number == 0 and isinstance(said, dict) and isinstance(reason := choice.get("finish_reason"), str):
                self.finish_reason = reason or self.finish_reason
            for name, text in said.items() if isinstance(said, dict) else ():
                if isinstance(text, str):
                    self._put_together((str(choice.get("index"))[:20], str(name)), text)
                    if number == 0 and name == "content" and text and not self.has_ended:
                        self._said.append(text)
                        self._unheard.append(_printable(text))
        return any(map(self._remover.begins_in, self._ends.values()))

    def _put_together(self, place: tuple[str, str], text: str) -> None:
        whole = self._ends.get(place, "") + text
        if self._remover.is_in(whole):
            raise _has_key()
        if place not in self._ends and len(self._ends) >= _MAX_TEXTS:
            raise ProviderFailed("the provider gives more answers than one was asked for", is_retryable=False)
        self._ends[place] = whole[-self._remover.reach :] if self._remover.reach else ""

    def _read(self, text: bytes) -> dict[str, Any]:
        """Return the document; with the key in it, however it may be written there, the answer ends."""
        document = _object(text)
        if self._remover.is_in(json.dumps(document, ensure_ascii=False)):
            raise _has_key()
        self.usage = _usage(document) or self.usage
        self.error = document.get("error") or self.error
        return document


def _data_of(event: list[bytes]) -> bytes:
    """Return what an event says: the values of its `data` lines, one below the other."""
    fields = (line.rstrip(b"\r\n").partition(b":") for line in event)
    return b"\n".join(value.removeprefix(b" ") for name, _, value in fields if name == b"data")


def _printable(text: str) -> str:
    """Return a text as a line's reader has it: half of a letter becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _has_key() -> ProviderFailed:
    return ProviderFailed("the provider's answer has the provider's key in it", is_retryable=False)


def _object(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _usage(document: dict[str, Any]) -> Usage | None:
    usage = document.get("usage")
    if not isinstance(usage, dict):
        return None
    prompt, completion = (_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens"))
    return None if prompt is None or completion is None else Usage(prompt, completion)


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MAX_COUNT:
        return None
    return value
