"""JSON documents, written without fail and read with care.

Knows what JSON cannot hold and what stands in its place. Does not know what a document means.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Any, cast

import orjson

from bykilt.json_types import JsonObject, JsonValue
from bykilt.storage.errors import StorageError

_MAX_DEPTH = 60


def encode_json(value: JsonValue) -> bytes:
    """Return a document for people and programs: indented UTF-8 that ends with a newline. Never fails.

    What JSON cannot hold is replaced as `plain_json` says.
    """
    return _dump(value, orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def compact_json(value: JsonValue) -> str:
    """Return the same on one line, without a newline."""
    return _dump(value, 0).decode()


def decode_object(content: bytes | str) -> JsonObject:
    """Return the object in a document.

    Raises:
        StorageError: The content is no JSON object.
    """
    try:
        value = orjson.loads(content)
    except ValueError as error:
        raise StorageError(f"this is no JSON: {error}", hint="the file is damaged; remove it") from None
    if not isinstance(value, dict):
        raise StorageError("this is no JSON object", hint="the file is damaged; remove it")
    return cast(JsonObject, value)


def plain_json(value: Any, depth: int = _MAX_DEPTH) -> JsonValue:
    """Return a value as JSON can hold it.

    Half of a surrogate pair becomes U+FFFD, an integer beyond 64 bits text, anything unknown its `repr`, what
    is nested deeper than `depth` an ellipsis. NaN and infinity are left to the encoder, which writes null.
    """
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Enum):
        return plain_json(value.value, depth)
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if depth == 0:
        return "…"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain_json(getattr(value, field.name), depth - 1) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(plain_json(str(key))): plain_json(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_json(item, depth - 1) for item in value]
    return plain_json(repr(value))


def _dump(value: JsonValue, option: int) -> bytes:
    try:
        return orjson.dumps(value, option=option)
    except TypeError:  # orjson's only error: a value that JSON does not have
        return orjson.dumps(plain_json(value), option=option)
