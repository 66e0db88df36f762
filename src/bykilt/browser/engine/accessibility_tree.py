"""The accessibility tree of a page, put together from those of its frames, and its form as text.

Knows the order in which frames are asked and how many nodes are left for each. Does not know any engine: how a frame
is asked is handed in. What stands in the tree is decided by `injected/snapshot.js`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar, cast

import anyio

from bykilt.browser.engine.action_result import ActionOutput
from bykilt.browser.engine.references import References
from bykilt.ids import PageId
from bykilt.json_types import JsonObject, JsonValue

F = TypeVar("F")

_MAX_DEPTH = 20
# A frame that does not answer costs its own content, not the snapshot.
_FRAME_PATIENCE_S = 3.0
_FLAGS = ("checked", "disabled", "expanded", "focused", "invalid", "pressed", "readonly", "required", "selected")


class FrameReader(Protocol[F]):
    """What is needed of an engine."""

    async def tree_of(self, frame: F, start: int, limit: int) -> Mapping[str, Any] | None:
        """Return the answer of `bykiltSnapshot.take` for a frame's document; None if the frame went away."""

    async def frame_in(self, frame: F, reference: str) -> F | None:
        """Return the frame that an element of a frame shows; None if there is none."""


class WholeTree(Generic[F]):
    """The tree of one page, begun with the answer of one of its frames."""

    def __init__(self, reader: FrameReader[F], references: References[F], page_id: PageId, limit: int) -> None:
        self._reader = reader
        self._references = references
        self._page_id = page_id
        self._limit = limit
        self._shown = 0
        self._more = 0

    async def begun_with(self, answer: Mapping[str, Any], frame: F) -> ActionOutput:
        """Return the tree in both forms, with the trees of the frames in it."""
        tree = await self._take_in(answer, frame, 0)
        text = as_text(tree, self._more)
        return ActionOutput({"tree": tree, "text": text, "nodes": self._shown, "more": self._more})

    async def _take_in(self, answer: Mapping[str, Any], frame: F, depth: int) -> dict[str, JsonValue]:
        self._references.issued(self._page_id, frame, answer["next"])
        self._shown += answer["shown"]
        self._more += answer["more"]
        tree = cast("dict[str, JsonValue]", answer["tree"])
        wanted = set(answer["frames"]) if depth < _MAX_DEPTH else set()
        for node in [each for each in _nodes(tree) if each.get("ref") in wanted]:
            await self._look_into(node, frame, depth)
        return tree

    async def _look_into(self, node: dict[str, JsonValue], frame: F, depth: int) -> None:
        # The node of the frame stands for its document, which is not counted again.
        room = max(0, self._limit - self._shown) + 1
        inner = child = None
        with anyio.move_on_after(_FRAME_PATIENCE_S):
            child = await self._reader.frame_in(frame, str(node["ref"]))
            inner = await self._reader.tree_of(child, self._references.next, room) if child is not None else None
        if child is None or inner is None:
            node["text"] = "(its content could not be read)"
            return
        inside = await self._take_in(inner, child, depth + 1)
        self._shown -= 1
        if inside.get("children"):
            node["children"] = inside["children"]


def _nodes(tree: dict[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
    yield tree
    for child in _children(tree):
        yield from _nodes(child)


def _children(node: JsonObject) -> list[dict[str, JsonValue]]:
    return cast("list[dict[str, JsonValue]]", node.get("children") or [])


def as_text(tree: JsonObject, more: int = 0) -> str:
    """Return a tree as indented lines, one per node: `- button "Save" [ref=e4] [disabled]`."""
    lines = list(_lines(tree, 0))
    if more:
        lines.append(f"({more} more node{'s' if more > 1 else ''} not shown; raise limit, or give a selector)")
    return "\n".join(lines)


def _lines(node: JsonObject, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if node["role"] == "text":
        yield f"{indent}- {_one_line(node['text'])}"
        return
    words = [f"{indent}- {node['role']}"]
    if node.get("name"):
        words.append(f'"{_one_line(node["name"])}"')
    if node.get("ref"):
        words.append(f"[ref={node['ref']}]")
    if node.get("level"):
        words.append(f"[level={node['level']}]")
    words += [_flag(name, node[name]) for name in _FLAGS if name in node]
    said = [_one_line(node[name]) for name in ("value", "text", "url") if node.get(name)]
    yield " ".join(words) + (f": {' '.join(said)}" if said else "")
    for child in _children(node):
        yield from _lines(child, depth + 1)


def _flag(name: str, value: JsonValue) -> str:
    return f"[{name}]" if value is True else f"[{name}={str(value).lower()}]"


def _one_line(value: JsonValue) -> str:
    return " ".join(str(value).split())
