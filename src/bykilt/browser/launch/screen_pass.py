"""The pass for one screen, out of all that a person holds. Pure.

Knows the format of ~/.Xauthority. A pass says for which machine it is, and inside the sandbox the machine has another
name; and the file may hold passes for other screens, which are none of the browser's business.

Source: Xau(3), Xsecurity(7)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

# It is taken on whatever machine.
_FAMILY_WILD = 0xFFFF


@dataclass(frozen=True, slots=True)
class _Pass:
    """One entry; `number` is the display's, empty for any."""

    address: bytes
    number: bytes
    name: bytes
    secret: bytes


def passes_for(display: str, held: bytes) -> bytes:
    """Return what of a pass file the program needs that shows its window on `display` (such as `:0.0`).

    A file that is cut off, or in another format, gives what could be read of it.
    """
    number = display.rpartition(":")[2].partition(".")[0].encode()
    return b"".join(_written(each) for each in _entries(held) if each.number in (number, b""))


def _entries(held: bytes) -> Iterator[_Pass]:
    at = 0
    while at + 2 <= len(held):
        at += 2  # the family
        parts: list[bytes] = []
        for _ in range(4):
            if at + 2 > len(held):
                return
            (size,) = struct.unpack_from(">H", held, at)
            parts.append(held[at + 2 : at + 2 + size])
            at += 2 + size
        if at > len(held):
            return
        yield _Pass(*parts)


def _written(one: _Pass) -> bytes:
    parts = (one.address, one.number, one.name, one.secret)
    return struct.pack(">H", _FAMILY_WILD) + b"".join(struct.pack(">H", len(part)) + part for part in parts)
