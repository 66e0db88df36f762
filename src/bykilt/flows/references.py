"""References: the `steps.rows.result[0].name` inside `${…}`, how they are read and followed into a value.

Knows the notation and how one steps into lists and objects. Does not know which names exist: `names` does when
a file is loaded, `scope` while it runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from bykilt.documents.problems import nearest
from bykilt.errors import BykiltError
from bykilt.json_types import JsonValue

SECRETS = "secrets"
"""The root of references to secrets of the vault."""

NAME = re.compile(r"[^\W\d][\w-]*")
_INDEX = re.compile(r"\[\s*(-?\d{1,9})\s*\]")
_KEY = re.compile(r"""\[\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*\]""", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MAX_PARTS = 40


class NotationError(ValueError):
    """A template or a condition is not written as it must be; `position` counts characters from 0."""

    def __init__(self, reason: str, position: int, suggestion: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position
        self.suggestion = suggestion


class UnresolvedReference(BykiltError):
    """A name or a place inside a value is not there while the flow runs."""

    code: ClassVar[str] = "unresolved_reference"


@dataclass(frozen=True, slots=True)
class Reference:
    """A name and the way from there into its value; `source` is how it was written."""

    source: str
    root: str
    parts: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        return "${" + self.source + "}"


def scan_reference(text: str, start: int) -> tuple[Reference, int]:
    """Read `${…}` whose `$` stands at `start`; return it and the position after its `}`.

    Raises:
        NotationError: What stands there is no reference.
    """
    begin = at = _skip_space(text, start + 2)
    root, at = _name(text, at)
    parts: list[str | int] = []
    while (found := _part(text, at)) is not None:
        part, at = found
        parts.append(part)
        if len(parts) > _MAX_PARTS:
            raise NotationError(f"a reference may have {_MAX_PARTS} parts at most", at)
    end = at
    at = _skip_space(text, at)
    if at >= len(text):
        raise NotationError("'${' is never closed with '}'", start, "write '$${' for the characters themselves")
    if text[at] != "}":
        raise NotationError(
            f"unexpected {text[at]!r} inside '${{…}}'",
            at,
            "only names, .names and [indexes] may stand there; write '$${' for the characters '${'",
        )
    return Reference(text[begin:end], root, tuple(parts)), at + 1


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at] == " ":
        at += 1
    return at


def _name(text: str, at: int) -> tuple[str, int]:
    found = NAME.match(text, at)
    if found is None:
        seen = repr(text[at]) if at < len(text) else "the end"
        raise NotationError(
            f"expected a name, found {seen}", at, "for instance ${params.query}; write '$${' for the characters '${'"
        )
    return found.group(), found.end()


def _part(text: str, at: int) -> tuple[str | int, int] | None:
    if text.startswith(".", at):
        return _name(text, at + 1)
    if not text.startswith("[", at):
        return None
    if found := _INDEX.match(text, at):
        return int(found.group(1)), found.end()
    if found := _KEY.match(text, at):
        quoted = found.group(1) if found.group(1) is not None else found.group(2)
        return _ESCAPED.sub(r"\1", quoted), found.end()
    raise NotationError("expected a whole number or a quoted key in '[…]'", at, 'for instance [0] or ["unit price"]')


def follow(value: JsonValue, reference: Reference, parts: Sequence[str | int], done: str) -> JsonValue:
    """Go from `value` along `parts`; `done` is what has been followed already, for messages.

    `.length` gives the number of items, characters or keys where there is no key of that name.

    Raises:
        UnresolvedReference: There is no such item or key; the message says what is there.
    """
    for part in parts:
        value = _step_into(value, part, reference, done)
        done += f"[{part}]" if isinstance(part, int) else f".{part}"
    return value


def _step_into(value: JsonValue, part: str | int, reference: Reference, done: str) -> JsonValue:
    if isinstance(value, Mapping):
        key = str(part)
        if key in value:
            return value[key]
        if key == "length":
            return len(value)
        raise UnresolvedReference(f"{reference}: {done} has no key {key!r}", hint=nearest(key, value, "its keys"))
    if isinstance(value, str | Sequence):
        if part == "length":
            return len(value)
        if isinstance(part, int) and not isinstance(value, str):
            if -len(value) <= part < len(value):
                return value[part]
            raise UnresolvedReference(
                f"{reference}: {done} has {len(value)} items, so there is no item [{part}]",
                hint="items count from 0; compare with .length in a `when` before",
            )
    raise UnresolvedReference(
        f"{reference}: {done} is {kind_of(value)} and has no {part!r}",
        hint=f"refer to ${{{done}}} itself, or look at the step's result in the trace",
    )


def kind_of(value: JsonValue) -> str:
    """Return what kind of JSON value it is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "an object" if isinstance(value, Mapping) else "a list"
