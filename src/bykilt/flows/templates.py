"""Templates: JSON values in which texts may hold `${…}`.

Knows how they are compiled and filled in. A text that is exactly one `${…}` keeps the type of its value; else
values become part of the text. `$${` stands for the characters `${`. Keys of objects are never templates.
Does not know where values come from: `resolve` is given.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from bykilt.documents.problems import pointer_to
from bykilt.errors import BykiltError
from bykilt.flows.references import NotationError, Reference, kind_of, scan_reference
from bykilt.json_types import JsonValue

Resolve: TypeAlias = Callable[[Reference], JsonValue]

MAX_TEXT_CHARS = 10_000_000
MAX_NODES = 2_000_000
MAX_DEPTH = 100
_MAX_SHOWN = 3_000


class ValueTooLarge(BykiltError):
    """A value has grown beyond what a flow may hold; guards against files that double values in a loop."""

    code: ClassVar[str] = "value_too_large"


class TemplateProblem(ValueError):
    """A template is not written as it must be; `pointer` leads to the text, relative to the template."""

    def __init__(self, pointer: str, error: NotationError) -> None:
        super().__init__(error.reason)
        self.pointer = pointer
        self.reason = f"{error.reason} (at character {error.position + 1})"
        self.suggestion = error.suggestion


@dataclass(frozen=True, slots=True)
class _Literal:
    value: JsonValue


@dataclass(frozen=True, slots=True)
class _Whole:
    reference: Reference


@dataclass(frozen=True, slots=True)
class Text:
    """A text with values in it; renders to text always."""

    parts: tuple[str | Reference, ...]

    def render(self, resolve: Resolve) -> str:
        """Return the text with every reference filled in.

        Raises:
            UnresolvedReference: A name or a place is not there.
            ValueTooLarge: The text would be longer than `MAX_TEXT_CHARS`.
        """
        pieces: list[str] = []
        chars = 0
        for part in self.parts:
            piece = part if isinstance(part, str) else as_text(resolve(part))
            chars += len(piece)
            if chars > MAX_TEXT_CHARS:
                raise ValueTooLarge(f"a text grew beyond {MAX_TEXT_CHARS:,} characters", hint="keep it in pieces")
            pieces.append(piece)
        return "".join(pieces)


@dataclass(frozen=True, slots=True)
class _List:
    items: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Object:
    items: tuple[tuple[str, _Node], ...]


_Node: TypeAlias = _Literal | _Whole | Text | _List | _Object


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template. `source` is the value as written; `references` each with where it stands in it."""

    source: JsonValue
    references: tuple[tuple[str, Reference], ...]
    _root: _Node = field(repr=False)

    @property
    def is_static(self) -> bool:
        """Whether it renders to the same value always."""
        return not self.references

    @property
    def is_one_reference(self) -> bool:
        """Whether it is one `${…}` and nothing else."""
        return isinstance(self._root, _Whole)

    def render(self, resolve: Resolve) -> JsonValue:
        """Return the value with every reference filled in.

        Raises:
            UnresolvedReference: A name or a place is not there.
            ValueTooLarge: A text would become too long.
        """
        return _render(self._root, resolve)


def compile_template(source: JsonValue) -> Template:
    """Compile a value; texts at any depth are templates.

    Raises:
        TemplateProblem: The first text that is not written as it must be.
    """
    found: list[tuple[str, Reference]] = []
    return Template(source, _root=_compile(source, "", found), references=tuple(found))


def scan_text(text: str) -> tuple[str | Reference, ...]:
    """Split a text into literal pieces (escapes undone) and references.

    Raises:
        NotationError: A `${` that begins no reference.
    """
    parts: list[str | Reference] = []
    literal: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        literal.append(text[at:dollar])
        if text.startswith("$${", dollar):
            literal.append("${")
            at = dollar + 3
        elif text.startswith("${", dollar):
            reference, at = scan_reference(text, dollar)
            parts += [piece for piece in ["".join(literal)] if piece]
            parts.append(reference)
            literal.clear()
        else:
            literal.append("$")
            at = dollar + 1
    literal.append(text[at:])
    parts += [piece for piece in ["".join(literal)] if piece]
    return tuple(parts)


def _compile(source: JsonValue, pointer: str, found: list[tuple[str, Reference]]) -> _Node:
    if isinstance(source, str):
        return _compile_text(source, pointer, found)
    if isinstance(source, Mapping):
        return _Object(tuple((key, _compile(value, pointer_to(pointer, key), found)) for key, value in source.items()))
    if isinstance(source, Sequence):
        return _List(tuple(_compile(value, pointer_to(pointer, index), found) for index, value in enumerate(source)))
    return _Literal(source)


def _compile_text(source: str, pointer: str, found: list[tuple[str, Reference]]) -> _Node:
    try:
        parts = scan_text(source)
    except NotationError as error:
        raise TemplateProblem(pointer, error) from None
    references = [part for part in parts if isinstance(part, Reference)]
    found += [(pointer, reference) for reference in references]
    if not references:
        return _Literal("".join(part for part in parts if isinstance(part, str)))
    return _Whole(references[0]) if len(parts) == 1 else Text(parts)


def _render(node: _Node, resolve: Resolve) -> JsonValue:
    match node:
        case _Literal(value):
            return value
        case _Whole(reference):
            return resolve(reference)
        case Text():
            return node.render(resolve)
        case _List(items):
            return [_render(item, resolve) for item in items]
        case _Object(pairs):
            return {key: _render(item, resolve) for key, item in pairs}


def as_text(value: JsonValue) -> str:
    """Return a value as part of a text: null as nothing, lists and objects as JSON.

    Raises:
        ValueTooLarge: The value is too large to be written out.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    measure(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def measure(value: JsonValue, limit: int = MAX_NODES) -> int:
    """Return how large a value is: its scalars and containers, and one more for every 16 characters of text.

    Raises:
        ValueTooLarge: It is larger than `limit` or nested deeper than `MAX_DEPTH`.
    """
    size, depth = 0, 0
    level: list[JsonValue] = [value]
    while level:
        below: list[JsonValue] = []
        for item in level:
            if isinstance(item, str):
                size += len(item) // 16
            elif isinstance(item, Mapping):
                below.extend(item.values())
            elif isinstance(item, Sequence):
                below.extend(item)
            if len(below) > limit:
                break  # a few lists that contain one another many times would fill the memory
        size += len(level)
        depth += 1
        if size + len(below) > limit or depth > MAX_DEPTH:
            raise ValueTooLarge(
                "a value grew beyond what a flow may hold", hint="save it in pieces, one file for each part"
            )
        level = below
    return size


def shown(result: JsonValue) -> JsonValue:
    """Return a result as an event may carry it: what is large is only described; the flow itself keeps all of it."""
    try:
        measure(result, _MAX_SHOWN)
    except ValueTooLarge:
        size = f" of {len(result):,}" if isinstance(result, Sequence) else ""
        return {"omitted": kind_of(result) + size}
    return result
