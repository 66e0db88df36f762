"""Columns of text on a terminal, Japanese included. Knows how wide a character is; not what the cells mean."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], *, gap: str = "  ") -> list[str]:
    """Return the lines of a table; every column is as wide as its widest cell, the last one is not filled up."""
    table = [list(head), *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(width(row[place]) for row in table) for place in range(len(head))]
    return [
        gap.join(cell + " " * (widths[place] - width(cell)) for place, cell in enumerate(row)).rstrip() for row in table
    ]


def one_line(text: str) -> str:
    """Return the text without line breaks and control characters, which could move the cursor."""
    return "".join(char if char.isprintable() else " " for char in text)


def width(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    return sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def shortened(text: str, cells: int) -> str:
    """Return a text that takes at most `cells` cells, cut with an ellipsis."""
    flat = one_line(text)
    if width(flat) <= cells:
        return flat
    kept, used = "", 0
    for char in flat:
        if used + _cells(char) > cells - 1:
            break
        kept, used = kept + char, used + _cells(char)
    return kept + "…"
