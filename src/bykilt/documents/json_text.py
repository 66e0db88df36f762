"""JSON with the strictness that a configuration file wants: no key twice, no NaN.

Knows the notation. Does not know what the document means, nor YAML (`reading`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn

from bykilt.documents.problems import DocumentError, Problem, pointer_to
from bykilt.json_types import JsonValue


class _Duplicated(dict[str, JsonValue]):
    """An object in which a key came more than once; found again afterwards, when its place is known."""

    def __init__(self, pairs: Sequence[tuple[str, JsonValue]]) -> None:
        super().__init__(pairs)
        keys = [key for key, _ in pairs]
        self.key = next(key for key in keys if keys.count(key) > 1)


def parse_json(text: str, file: str) -> JsonValue:
    """Return the value that a JSON text describes.

    Raises:
        DocumentError: It is not JSON, with line and column; or an object has a key twice, with its place.
        RecursionError: It is nested deeper than Python can read.
    """
    duplicated: list[_Duplicated] = []

    def read_object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        found = dict(pairs)
        if len(found) < len(pairs):
            found = _Duplicated(pairs)
            duplicated.append(found)
        return found

    try:
        document: JsonValue = json.loads(text, object_pairs_hook=read_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        problem = Problem(file, "", f"is not JSON: {error.msg}", _advice(text, error.pos), error.lineno, error.colno)
        raise DocumentError([problem]) from None
    except ValueError as error:
        raise DocumentError([Problem(file, "", f"is not JSON: {error}")]) from None
    if duplicated:
        raise DocumentError(
            [
                Problem(file, pointer_to(pointer, found.key), f"the key {found.key!r} is there twice", "keep one")
                for pointer, found in _find(document, "")
            ]
        )
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _advice(text: str, position: int) -> str:
    before = text[:position].rstrip()
    if before.endswith(",") and text[position : position + 1] in ("]", "}"):
        return "remove the comma before it"
    if text[position : position + 2] in ("//", "/*") or text[position : position + 1] == "#":
        return "JSON has no comments; a .yaml file may have them"
    return "JSON uses double quotes" if text[position : position + 1] == "'" else ""


def _find(value: JsonValue, pointer: str) -> Iterator[tuple[str, _Duplicated]]:
    if isinstance(value, _Duplicated):
        yield pointer, value
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _find(child, pointer_to(pointer, key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, child in enumerate(value):
            yield from _find(child, pointer_to(pointer, index))
