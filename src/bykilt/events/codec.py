"""Events as lines of JSON, and back.

Knows the line format and how to read lines of older and newer versions. Does not know files (`event_file`)
nor what any fact means: fields are read by the types that `model` declares.

One event is one line, its own fields first, then those of its fact:

    {"seq":1,"time":"2026-11-24T04:05:59.120000Z","kind":"step.started","step_id":"login",…}
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache, lru_cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import orjson

from bykilt.errors import BykiltError
from bykilt.events.model import Event, Fact
from bykilt.ids import RunId
from bykilt.json_types import JsonObject, JsonValue
from bykilt.storage.json_document import plain_json

MAX_LINE_BYTES = 1_048_576
"""A longer line has its texts and lists cut, and says so with `"cut":true`."""

FACT_TYPES: Mapping[str, type] = {fact.kind: fact for fact in get_args(Fact)}
"""Every kind of fact by its name in the line."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# How long texts and lists may be, tried in this order until the line is short enough. Times, ids and words of
# a fixed set are shorter than any of these; the objects in facts have up to four fields.
_CUTS = ((16_384, 1024), (1024, 128), (128, 16), (128, 4))

_Reader = Callable[[Any], object]


class UnreadableEvent(BykiltError):
    """A line is no event: torn, damaged, or not ours."""

    code = "unreadable_event"


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event whose kind, or shape, this version does not know; its fields are as they stood in the line."""

    run_id: RunId
    seq: int
    wall_s: float
    kind: str
    fields: JsonObject


def encode(event: Event) -> bytes:
    """Return the event as one line, its newline included. Never fails.

    What JSON cannot hold is replaced (half of a surrogate pair by U+FFFD, NaN by null, a huge integer by
    text), and a line above `MAX_LINE_BYTES` is cut.
    """
    fact = event.fact
    fields: dict[str, Any] = {"seq": event.seq, "time": format_time(event.wall_s), "kind": fact.kind}
    kind_of_fact: type = type(fact)
    for name in _field_names(kind_of_fact):
        fields[name] = getattr(fact, name)
    try:
        line = orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # orjson's only error: a value that JSON does not have
        line = orjson.dumps(plain_json(fields), option=orjson.OPT_APPEND_NEWLINE)
    return line if len(line) <= MAX_LINE_BYTES else _shortened(line)


def decode(line: bytes, run_id: RunId) -> Event | UnknownEvent:
    """Return the event that a line holds; the run is known from where the line was found.

    A fact of an unknown kind, or one that lacks a field that this version needs, is an `UnknownEvent`.
    Fields that this version does not know are left out.

    Raises:
        UnreadableEvent: The line is no event at all.
    """
    try:
        fields = orjson.loads(line)
        seq, wall_s, kind = fields["seq"], parse_time(fields["time"]), fields["kind"]
    except (ValueError, TypeError, KeyError) as error:
        raise UnreadableEvent(f"not an event: {line[:80]!r} ({error})") from None
    if not (type(seq) is int and seq > 0 and isinstance(kind, str)):
        raise UnreadableEvent(f"not an event: {line[:80]!r}")
    known = FACT_TYPES.get(kind)
    if known is not None:
        try:
            return Event(run_id, seq, wall_s, _read_dataclass(known, fields))
        except ValueError:
            pass  # written by another version: what it says is kept as it stands
    rest = {name: value for name, value in fields.items() if name not in ("seq", "time", "kind")}
    return UnknownEvent(run_id, seq, wall_s, kind, rest)


def format_time(wall_s: float) -> str:
    """Return seconds since 1970 as UTC text with microseconds: `2026-11-24T04:05:59.120000Z`."""
    seconds, micros = divmod(round(wall_s * 1_000_000), 1_000_000)
    return f"{_format_second(seconds)}.{micros:06d}Z"


@lru_cache(maxsize=8)  # events come many to a second
def _format_second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def parse_time(text: str) -> float:
    """Return the seconds since 1970 that `format_time` wrote.

    Raises:
        ValueError: The text is no time, or has no zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return (moment - _EPOCH) // _MICROSECOND / 1_000_000


# ---- lines that are too long


def _shortened(line: bytes) -> bytes:
    fields = orjson.loads(line)
    for longest_text, longest_list in _CUTS:
        cut = {name: _cut(value, longest_text, longest_list) for name, value in fields.items()}
        line = orjson.dumps(cut | {"cut": True}, option=orjson.OPT_APPEND_NEWLINE)
        if len(line) <= MAX_LINE_BYTES:
            break
    else:  # so many parts, so deep, that only the outermost can be kept
        cut = {name: _outermost(value) for name, value in fields.items()}
        line = orjson.dumps(cut | {"cut": True}, option=orjson.OPT_APPEND_NEWLINE)
    return line


def _cut(value: JsonValue, longest_text: int, longest_list: int) -> JsonValue:
    if isinstance(value, str):
        if len(value) <= longest_text:
            return value
        return f"{value[:longest_text]}… ({len(value) - longest_text} more characters)"
    if isinstance(value, dict):
        kept = list(value.items())[:longest_list]
        return {key[:longest_text]: _cut(item, longest_text, longest_list) for key, item in kept}
    if isinstance(value, list):
        return [_cut(item, longest_text, longest_list) for item in value[:longest_list]]
    return value


def _outermost(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key[:16]: None if isinstance(item, dict | list) else _cut(item, 128, 0) for key, item in value.items()}
    return [] if isinstance(value, list) else _cut(value, 128, 0)


# ---- from JSON to dataclasses, by the declared types


@cache
def _field_names(cls: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cls))


@cache
def _readers(cls: type) -> Mapping[str, _Reader]:
    hints = get_type_hints(cls)
    return {name: _reader(hints[name]) for name in _field_names(cls)}


@cache
def _required(cls: type) -> frozenset[str]:
    return frozenset(
        field.name
        for field in dataclasses.fields(cls)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    )


def _read_dataclass(cls: type, fields: object) -> Any:
    if not isinstance(fields, dict):
        raise ValueError(f"{cls.__name__} is an object")
    values = {name: read(fields[name]) for name, read in _readers(cls).items() if name in fields}
    if _required(cls) - values.keys():
        raise ValueError(f"{cls.__name__} lacks {sorted(_required(cls) - values.keys())}")
    return cls(**values)


def _reader(hint: Any) -> _Reader:
    hint = getattr(hint, "__supertype__", hint)
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        arms = [arm for arm in get_args(hint) if arm is not types.NoneType]
        # More than one arm is a JSON value, which is read already.
        return _optional(_reader(arms[0])) if len(arms) == 1 else _as_it_is
    if origin is tuple:
        return _tuple_reader(get_args(hint))
    if isinstance(hint, type):
        if dataclasses.is_dataclass(hint):
            return lambda value: _read_dataclass(hint, value)
        if issubclass(hint, Enum):
            return hint
        if hint in (str, int, float, bool):
            return _scalar_reader(hint)
    return _as_it_is


def _as_it_is(value: object) -> object:
    return value


def _optional(read: _Reader) -> _Reader:
    return lambda value: None if value is None else read(value)


def _scalar_reader(wanted: type) -> _Reader:
    def read(value: object) -> object:
        if wanted is float and type(value) is int:
            return float(value)
        if type(value) is not wanted:
            raise ValueError(f"{wanted.__name__} expected")
        return value

    return read


def _tuple_reader(arms: tuple[Any, ...]) -> _Reader:
    def read(value: object) -> object:
        if not isinstance(value, list):
            raise ValueError("a list expected")
        if len(arms) == 2 and arms[1] is Ellipsis:
            return tuple(map(every, value))
        if len(value) != len(arms):
            raise ValueError(f"{len(arms)} items expected")
        return tuple(item(part) for item, part in zip(each, value, strict=True))

    every = _reader(arms[0])
    each = tuple(_reader(arm) for arm in arms if arm is not Ellipsis)
    return read
