"""The kinds of value that a field of an action may hold: how each is read and how JSON Schema says it.

Knows single values. Does not know which action has which field (`actions`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar

from bykilt.browser.engine.lengths import read_margin
from bykilt.browser.engine.secret_text import SecretReference
from bykilt.documents.problems import describe
from bykilt.json_types import JsonObject, JsonValue

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, eq=False)
class Kind(Generic[T]):
    """How one kind of value is read. `read` raises `ValueError` with the reason, in plain words.

    A `secret` value is never written into an event, a trace or a title. With `may_be_secret` a secret of the vault
    may be named in its place.
    """

    read: Callable[[JsonValue], T]
    schema: JsonObject
    secret: bool = False
    may_be_secret: bool = False


class Button(StrEnum):
    LEFT = "left"
    MIDDLE = "middle"
    RIGHT = "right"


class Modifier(StrEnum):
    ALT = "Alt"
    CONTROL = "Control"
    META = "Meta"
    SHIFT = "Shift"


class WaitUntil(StrEnum):
    COMMIT = "commit"
    DOMCONTENTLOADED = "domcontentloaded"
    LOAD = "load"
    NETWORKIDLE = "networkidle"


class ElementState(StrEnum):
    ATTACHED = "attached"
    DETACHED = "detached"
    VISIBLE = "visible"
    HIDDEN = "hidden"


class ExtractKind(StrEnum):
    TEXT = "text"
    INNER_TEXT = "inner_text"
    HTML = "html"
    ATTRIBUTE = "attribute"
    COUNT = "count"


class ImageFormat(StrEnum):
    PNG = "png"
    JPEG = "jpeg"


class PaperFormat(StrEnum):
    """Sizes of paper."""

    A3 = "a3"
    A4 = "a4"
    A5 = "a5"
    LETTER = "letter"
    LEGAL = "legal"
    TABLOID = "tabloid"


_PAPER_INCHES = {
    PaperFormat.A3: (11.7, 16.54),
    PaperFormat.A4: (8.27, 11.7),
    PaperFormat.A5: (5.83, 8.27),
    PaperFormat.LETTER: (8.5, 11.0),
    PaperFormat.LEGAL: (8.5, 14.0),
    PaperFormat.TABLOID: (11.0, 17.0),
}


def paper_inches(paper: PaperFormat, *, landscape: bool = False) -> tuple[float, float]:
    """Return width and height of a sheet."""
    width, height = _PAPER_INCHES[paper]
    return (height, width) if landscape else (width, height)


class MouseKind(StrEnum):
    MOVE = "move"
    DOWN = "down"
    UP = "up"
    CLICK = "click"
    WHEEL = "wheel"


@dataclass(frozen=True, slots=True)
class Position:
    """A place inside an element, in CSS pixels from its top left corner."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class RecordField:
    """What to read for one field of a record. An empty selector means the record's own element."""

    selector: tuple[str, ...]
    kind: ExtractKind
    attribute: str


@dataclass(frozen=True, slots=True)
class Records:
    """Read one record per match: field name to what to read; `limit` 0 means all."""

    fields: tuple[tuple[str, RecordField], ...]
    limit: int


def read_text(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"expected text, got {describe(value)}")


def read_plain_text(value: JsonValue) -> str:
    """Text to type: numbers are taken as written, since flow files often hold them bare."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return read_text(value)


def read_typed_text(value: JsonValue) -> str:
    """Text to type, or a secret: one that is named there stays a `SecretReference`."""
    return value if isinstance(value, SecretReference) else read_plain_text(value)


def read_nonempty(value: JsonValue) -> str:
    text = read_text(value)
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def read_bool(value: JsonValue) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"expected true or false, got {describe(value)}")


def read_number(value: JsonValue) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise ValueError(f"expected a number, got {describe(value)}")


def read_between(low: float, high: float) -> Callable[[JsonValue], float]:
    def read(value: JsonValue) -> float:
        number = read_number(value)
        if not low <= number <= high:
            raise ValueError(f"must be between {low:g} and {high:g}, got {number:g}")
        return number

    return read


def read_whole(low: int, high: int) -> Callable[[JsonValue], int]:
    def read(value: JsonValue) -> int:
        number = read_between(low, high)(value)
        if number != int(number):
            raise ValueError(f"expected a whole number, got {number:g}")
        return int(number)

    return read


def read_word(words: type[E]) -> Callable[[JsonValue], E]:
    def read(value: JsonValue) -> E:
        try:
            return words(read_text(value))
        except ValueError:
            raise ValueError(f"must be one of {', '.join(words)}; got {describe(value)}") from None

    return read


def read_texts(value: JsonValue) -> tuple[str, ...]:
    """One text or a list of texts; at least one, none of them empty."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, Sequence) or isinstance(items, str) or not items:
        raise ValueError(f"expected a text or a list of texts, got {describe(value)}")
    return tuple(read_nonempty(item) for item in items)


def read_words(words: type[E]) -> Callable[[JsonValue], tuple[E, ...]]:
    one = read_word(words)

    def read(value: JsonValue) -> tuple[E, ...]:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, Sequence) or isinstance(items, str):
            raise ValueError(f"expected a list of {', '.join(words)}; got {describe(value)}")
        return tuple(dict.fromkeys(one(item) for item in items))

    return read


def read_choices(value: JsonValue) -> tuple[str, ...]:
    """One text or a list of texts, possibly empty (an empty list selects nothing)."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(read_plain_text(item) for item in value)
    return (read_plain_text(value),)


def read_indexes(value: JsonValue) -> tuple[int, ...]:
    one = read_whole(0, 1_000_000)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(one(item) for item in value)
    return (one(value),)


def _object(value: JsonValue, known: Sequence[str]) -> Mapping[str, JsonValue]:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected an object, got {describe(value)}")
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}; the keys are {', '.join(known)}")
    return value


def read_position(value: JsonValue) -> Position:
    found = _object(value, ("x", "y"))
    if len(found) != 2:
        raise ValueError("needs both x and y")
    return Position(x=read_number(found["x"]), y=read_number(found["y"]))


def _read_record_field(name: str, value: JsonValue) -> RecordField:
    if isinstance(value, str):
        value = {"selector": value}
    try:
        found = _object(value, ("selector", "kind", "attribute"))
        attribute = read_nonempty(found["attribute"]) if found.get("attribute") is not None else ""
        default = ExtractKind.ATTRIBUTE if attribute else ExtractKind.TEXT
        kind = read_word(ExtractKind)(found["kind"]) if "kind" in found else default
        if kind is ExtractKind.ATTRIBUTE and not attribute:
            raise ValueError("kind 'attribute' needs the attribute's name in `attribute`")
        selector = read_texts(found["selector"]) if found.get("selector") else ()
    except ValueError as error:
        raise ValueError(f"field {name!r}: {error}") from None
    return RecordField(selector=selector, kind=kind, attribute=attribute)


def read_records(value: JsonValue) -> Records:
    found = _object(value, ("fields", "limit"))
    fields = found.get("fields")
    if not isinstance(fields, Mapping) or not fields:
        raise ValueError("needs `fields`: an object of field name to {selector, kind, attribute}")
    limit = read_whole(0, 10_000_000)(found["limit"]) if found.get("limit") is not None else 0
    return Records(fields=tuple((name, _read_record_field(name, spec)) for name, spec in fields.items()), limit=limit)


def _one_or_list(item: JsonObject) -> JsonObject:
    return {"anyOf": [item, {"type": "array", "items": item}]}


def _word_schema(words: type[StrEnum]) -> JsonObject:
    return {"enum": [str(word) for word in words]}


def _words(words: type[E]) -> Kind[tuple[E, ...]]:
    return Kind(read_words(words), _one_or_list(_word_schema(words)))


def _read_any(value: JsonValue) -> JsonValue:
    return value


_TEXT: JsonObject = {"type": "string"}
_NONEMPTY: JsonObject = {"type": "string", "minLength": 1}
_NUMBER: JsonObject = {"type": "number"}
_SELECTOR: JsonObject = {
    "description": "CSS, text=, role=, xpath=, ref=, pierce=, or a list of alternatives",
    "anyOf": [_NONEMPTY, {"type": "array", "items": _NONEMPTY, "minItems": 1}],
}
_RECORD_FIELD: JsonObject = {
    "anyOf": [
        _NONEMPTY,
        {
            "type": "object",
            "properties": {"selector": _SELECTOR, "kind": _word_schema(ExtractKind), "attribute": _NONEMPTY},
            "additionalProperties": False,
        },
    ]
}

Text = Annotated[str, Kind(read_text, _TEXT)]
PlainText = Annotated[str, Kind(read_plain_text, {"type": ["string", "number"]})]
TypedText = Annotated[str, Kind(read_typed_text, {"type": ["string", "number"]}, may_be_secret=True)]
SecretText = Annotated[str, Kind(read_plain_text, {"type": ["string", "number"]}, secret=True)]
NonEmpty = Annotated[str, Kind(read_nonempty, _NONEMPTY)]
Flag = Annotated[bool, Kind(read_bool, {"type": "boolean"})]
Number = Annotated[float, Kind(read_number, _NUMBER)]
Milliseconds = Annotated[
    float, Kind(read_between(0, 86_400_000), {"type": "number", "minimum": 0, "maximum": 86_400_000})
]
ClickCount = Annotated[int, Kind(read_whole(1, 3), {"type": "integer", "minimum": 1, "maximum": 3})]
Percent = Annotated[int, Kind(read_whole(0, 100), {"type": "integer", "minimum": 0, "maximum": 100})]
Steps = Annotated[int, Kind(read_whole(1, 1000), {"type": "integer", "minimum": 1, "maximum": 1000})]
Limit = Annotated[int, Kind(read_whole(0, 10_000_000), {"type": "integer", "minimum": 0})]
NodeLimit = Annotated[int, Kind(read_whole(1, 100_000), {"type": "integer", "minimum": 1, "maximum": 100_000})]
Selector = Annotated[tuple[str, ...], Kind(read_texts, _SELECTOR)]
Paths = Annotated[tuple[str, ...], Kind(read_texts, _one_or_list(_NONEMPTY))]
Choices = Annotated[tuple[str, ...], Kind(read_choices, _one_or_list({"type": ["string", "number"]}))]
Indexes = Annotated[tuple[int, ...], Kind(read_indexes, _one_or_list({"type": "integer", "minimum": 0}))]
Modifiers = Annotated[tuple[Modifier, ...], _words(Modifier)]
ButtonField = Annotated[Button, Kind(read_word(Button), _word_schema(Button))]
WaitUntilField = Annotated[WaitUntil, Kind(read_word(WaitUntil), _word_schema(WaitUntil))]
StateField = Annotated[ElementState, Kind(read_word(ElementState), _word_schema(ElementState))]
ExtractKindField = Annotated[ExtractKind, Kind(read_word(ExtractKind), _word_schema(ExtractKind))]
FormatField = Annotated[ImageFormat, Kind(read_word(ImageFormat), _word_schema(ImageFormat))]
PaperField = Annotated[PaperFormat, Kind(read_word(PaperFormat), _word_schema(PaperFormat))]
MarginField = Annotated[str, Kind(read_margin, {"type": ["string", "number"]})]
MouseKindField = Annotated[MouseKind, Kind(read_word(MouseKind), _word_schema(MouseKind))]
PositionField = Annotated[
    Position,
    Kind(
        read_position,
        {
            "type": "object",
            "properties": {"x": _NUMBER, "y": _NUMBER},
            "required": ["x", "y"],
            "additionalProperties": False,
        },
    ),
]
RecordsField = Annotated[
    Records,
    Kind(
        read_records,
        {
            "type": "object",
            "properties": {
                "fields": {"type": "object", "additionalProperties": _RECORD_FIELD, "minProperties": 1},
                "limit": {"type": "integer", "minimum": 0},
            },
            "required": ["fields"],
            "additionalProperties": False,
        },
    ),
]
AnyJson = Annotated[JsonValue, Kind[Any](_read_any, {})]
