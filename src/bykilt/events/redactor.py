"""What hides texts that must not be written down: applied whenever page content or a trace goes to the disk.

Knows how a whole JSON value is masked. Does not know what is secret: who does is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache
from typing import Any, Protocol, TypeVar

from bykilt.json_types import JsonValue

F = TypeVar("F")


class Redactor(Protocol):
    """Returns a text without what is secret in it. Called very often; never fails."""

    def mask(self, text: str) -> str: ...


class KeepAll:
    """Changes nothing."""

    def mask(self, text: str) -> str:
        return text


KEEP_ALL = KeepAll()
"""The redactor where nothing is secret."""


def masked(value: JsonValue, redactor: Redactor, *, keys_too: bool = False) -> JsonValue:
    """Return the value with every text in it masked; keys stay as they are, unless wanted otherwise."""
    if redactor is KEEP_ALL:
        return value
    if isinstance(value, str):
        return redactor.mask(value)
    if isinstance(value, Mapping):
        return {
            redactor.mask(key) if keys_too else key: masked(item, redactor, keys_too=keys_too)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked(item, redactor, keys_too=keys_too) for item in value]
    return value


def masked_items(values: Mapping[str, Any], redactor: Redactor) -> Mapping[str, Any]:
    """Return named values with every text in them masked, the keys inside of them too; the names stay."""
    if redactor is KEEP_ALL:
        return values
    return {key: masked(value, redactor, keys_too=True) for key, value in values.items()}


def masked_fact(fact: F, redactor: Redactor) -> F:
    """Return a fact with every text in it masked; the very same one where nothing is secret."""
    if redactor is KEEP_ALL:
        return fact
    changed: dict[str, Any] = {}
    kind: type = type(fact)
    for name in _field_names(kind):
        value = getattr(fact, name)
        hidden = _masked_part(value, redactor)
        if hidden is not value:
            changed[name] = hidden
    return replace(fact, **changed) if changed else fact  # type: ignore[type-var]


def _masked_part(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        return value if isinstance(value, Enum) else redactor.mask(value)
    if value is None or isinstance(value, int | float):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return masked_fact(value, redactor)
    if isinstance(value, tuple):
        return tuple(_masked_part(item, redactor) for item in value)
    return masked(value, redactor, keys_too=True)


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def masked_bytes(data: bytes, redactor: Redactor) -> bytes:
    """Return a UTF-8 text masked; what is no text as it is."""
    if redactor is KEEP_ALL:
        return data
    try:
        return redactor.mask(data.decode()).encode(errors="replace")
    except UnicodeDecodeError:
        return data
