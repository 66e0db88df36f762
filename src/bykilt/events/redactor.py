"""What hides texts that must not be written down: applied whenever page content or a trace goes to the disk.

Knows how a whole JSON value is masked. Does not know what is secret: who does is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from bykilt.json_types import JsonValue


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


def masked_bytes(data: bytes, redactor: Redactor) -> bytes:
    """Return a UTF-8 text masked; what is no text as it is."""
    if redactor is KEEP_ALL:
        return data
    try:
        return redactor.mask(data.decode()).encode(errors="replace")
    except UnicodeDecodeError:
        return data
