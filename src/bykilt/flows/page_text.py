"""A page as a model is given it: the lines of its accessibility tree, cut to a number of characters.

Knows what is left out: references to elements, addresses and the focus, which no description asks for, and words that
were cut in two: half of a secret is not known as one. Does not know how a page is read (`accessibility_snapshot` does).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bykilt.browser.engine.accessibility_tree import as_text
from bykilt.json_types import JsonObject, JsonValue

_LEFT_OUT = frozenset({"ref", "url", "focused"})
# How `injected/snapshot.js` ends a text that is longer than it shows.
_CUT = "…"
_LONG = 400


@dataclass(frozen=True, slots=True)
class PageText:
    """The text, and how much of the page is not in it: `cut_chars` characters, and `cut_nodes` that were never read."""

    text: str
    cut_chars: int = 0
    cut_nodes: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out for its size."""
        return not self.cut_chars and not self.cut_nodes


def page_text(tree: JsonObject, cut_nodes: int, max_chars: int) -> PageText:
    """Return the page's lines as far as they fit into `max_chars`; a last line says what is missing."""
    whole = as_text(_told(tree))
    shown = whole if len(whole) <= max_chars else _whole_lines(whole, max_chars)
    cut_chars = len(whole) - len(shown)
    if not (cut_chars or cut_nodes):
        return PageText(whole)
    return PageText(f"{shown}\n(the page goes on: the rest was cut off)", cut_chars, cut_nodes)


def _whole_lines(text: str, max_chars: int) -> str:
    return text[: max_chars + 1].rpartition("\n")[0]


def _told(node: JsonObject) -> dict[str, JsonValue]:
    told = {name: _whole_words(value) for name, value in node.items() if name not in _LEFT_OUT}
    children = told.get("children")
    if isinstance(children, Sequence) and not isinstance(children, str):
        told["children"] = [_told(child) for child in children if isinstance(child, Mapping)]
    return told


def _whole_words(value: JsonValue) -> JsonValue:
    """Return a text without its last word, if the snapshot has cut it there."""
    if not isinstance(value, str) or len(value) < _LONG or not value.endswith(_CUT):
        return value
    return f"{value[:-1].rstrip().rpartition(' ')[0]} {_CUT}".lstrip()
