"""Lengths on paper, written as in CSS: one for all sides, or two to four of them as for `margin`. Knows no action."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bykilt.json_types import JsonValue

_PER_INCH = {"": 96.0, "px": 96.0, "pt": 72.0, "in": 1.0, "cm": 2.54, "mm": 25.4}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(px|pt|in|cm|mm)?")
_MOST_INCHES = 100.0


@dataclass(frozen=True, slots=True)
class Sides:
    """One length for each side, in inches."""

    top: float
    right: float
    bottom: float
    left: float


def read_margin(value: JsonValue) -> str:
    """Return margins as they are written, such as `1cm` or `20mm 10mm`; a number alone is in CSS pixels.

    Raises:
        ValueError: They cannot be read.
    """
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise ValueError("expected lengths such as '1cm' or '20mm 10mm'")
    parse_margin(text)
    return text


def parse_margin(text: str) -> Sides:
    """Return what the text says of each side: all; top and bottom, the sides; top, sides, bottom; or each by turns.

    Raises:
        ValueError: It says nothing that can be read.
    """
    given = [_inches(part) for part in text.split()]
    if not 1 <= len(given) <= 4:
        raise ValueError(f"expected one to four lengths, got {len(given)}")
    top = given[0]
    right = given[1] if len(given) > 1 else top
    bottom = given[2] if len(given) > 2 else top
    left = given[3] if len(given) > 3 else right
    return Sides(top, right, bottom, left)


def _inches(part: str) -> float:
    found = _LENGTH.fullmatch(part.lower())
    if found is None:
        raise ValueError(f"{part[:40]!r} is no length: write for instance 1cm, 10mm, 0.5in, 12pt, 20px or 0")
    inches = float(found[1]) / _PER_INCH[found[2] or ""]
    if inches > _MOST_INCHES:
        raise ValueError(f"{part[:40]!r} is longer than any paper")
    return inches
