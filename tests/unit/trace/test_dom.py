"""What the viewer's snapshots are made of: references that hold in the trace, and nothing that a frame must not say."""

from __future__ import annotations

import json
from typing import Any

from bykilt.events.model import ActionPointed, Box, DomCaptured, Point, RequestFinished, ResponseKept, SnapshotPhase
from bykilt.events.redactor import KEEP_ALL
from bykilt.ids import CallId
from bykilt.trace.dom import DomLines
from bykilt.trace.lines import Line
from bykilt.trace.requests import RequestLines
from tests.support.made_run import PAGE, REQUEST

BEFORE, AFTER = SnapshotPhase.BEFORE, SnapshotPhase.AFTER


class Viewer:
    """Draws snapshots as the viewer does: follows references back through the snapshots of the frame."""

    def __init__(self, **files: Any) -> None:
        self._files = files
        self.lines = DomLines(lambda name: json.dumps(files[name]).encode() if name in files else None, KEEP_ALL)
        self.snapshots: list[Any] = []

    def capture(self, file: str, phase: SnapshotPhase, call: str = "call@1") -> str:
        """Show a file of the frame; return what is drawn."""
        fact = DomCaptured(file, CallId(call), phase, PAGE, "F", "http://x/", True, 1.0)
        return self.draw(list(self.lines.captured(fact)))

    def draw(self, lines: list[Line]) -> str:
        for line in lines:
            assert line.body is not None
            snapshot: Any = line.body["snapshot"]
            self.snapshots.append(snapshot)
        return self._text(self.snapshots[-1]["html"], len(self.snapshots) - 1)

    def _text(self, node: Any, at: int) -> str:
        if isinstance(node, str):
            return node
        if not node:
            return ""
        if isinstance(node[0], list):
            place = at - node[0][0]
            return self._text(self._nodes(self.snapshots[place]["html"])[node[0][1]], place)
        name, attributes, *children = node
        inner = "".join(self._text(child, at) for child in children)
        shown = "".join(f" {key}={value}" for key, value in attributes.items())
        return f"<{name}{shown}>{inner}</>"

    def _nodes(self, node: Any) -> list[Any]:
        if isinstance(node, str):
            return [node]
        if not node or isinstance(node[0], list):
            return []
        return [each for child in node[2:] for each in self._nodes(child)] + [node]


def document(number: int, html: Any, **more: Any) -> dict[str, Any]:
    return {"number": number, "whole": number == 1, "html": html, "doctype": "html", "overrides": [], **more}


PAGE_1 = document(1, ["HTML", {}, ["BODY", {}, ["P", {}, "old"], ["B", {"id": "b"}, "same"]]])
PAGE_2 = document(2, ["HTML", {}, ["BODY", {}, ["P", {}, "new"], [[1, 3]]]])
PAGE_3 = document(3, [[1, 3]])


def test_references_hold_although_snapshots_are_shown_again() -> None:
    """A page counts its own snapshots only; the trace shows some of them more than once."""
    viewer = Viewer(a=PAGE_1, b=PAGE_2, c=PAGE_3)
    old = "<HTML><BODY><P>old</><B id=b>same</></></>"
    new = old.replace("old", "new")

    assert viewer.capture("a", BEFORE) == old
    pointed = ActionPointed(CallId("call@1"), Point(1, 1), Box(0, 0, 2, 2))
    assert viewer.draw(list(viewer.lines.pointed(pointed))) == old
    assert viewer.snapshots[-1]["phase"] == "action"
    assert viewer.capture("b", AFTER) == new
    assert viewer.capture("b", BEFORE, "call@2") == new
    assert viewer.capture("c", AFTER, "call@2") == new
    assert viewer.capture("c", BEFORE, "call@3") == new


def test_a_file_that_lies_is_made_harmless() -> None:
    """A renderer that was taken over may write anything."""
    deep: Any = "x"
    for _ in range(230):
        deep = ["I", {}, deep]
    html = ["HTML", {"onload": "evil", "a b": "1", "id": 7}, ["script", {}, "evil"], ["a><script", {}], 5, [[9, 9]],
            ["A", {"href": " javascript:evil"}, "kept"], ["B", None], deep]  # fmt: skip
    viewer = Viewer(a=document(1, html, viewport={"width": "wide"}, overrides=[1, {"url": 1}]), b=[1], c={"number": 1})

    drawn = viewer.capture("a", AFTER)

    assert "evil" not in drawn
    assert drawn.startswith("<HTML><A>kept</><B></><I>")
    assert viewer.snapshots[-1]["viewport"] == {"width": 1280, "height": 720}
    for name in ("b", "c", "missing"):
        viewer.capture(name, AFTER)
    assert len(viewer.snapshots) == 1


def test_changed_style_sheets_go_along_until_the_next_document() -> None:
    sheet = [{"url": "http://x/a.css", "text": "p { top: 1px }"}]
    viewer = Viewer(a=document(1, ["HTML"], overrides=sheet), b=document(2, ["HTML"]), c=document(3, ["HTML"], whole=1))
    viewer._files["c"]["whole"] = True
    for name in "abc":
        viewer.capture(name, AFTER)

    first, second, third = (snapshot["resourceOverrides"] for snapshot in viewer.snapshots)
    assert first == second
    assert first[0]["url"] == "http://x/a.css"
    assert first[0]["file"].startswith("resources/")
    assert third == []


def test_a_request_waits_for_its_body() -> None:
    lines = RequestLines()
    fields = {name: getattr(REQUEST, name) for name in RequestFinished.__slots__}
    style = RequestFinished(**fields | {"request_id": "s", "resource_type": "stylesheet"})
    image = RequestFinished(**fields | {"request_id": "i", "resource_type": "image"})

    assert len(list(lines.finished(REQUEST))) == 1
    assert list(lines.finished(style)) == list(lines.finished(image)) == []
    (line,) = lines.kept(ResponseKept("s", "trace/resources/x.css", 12))
    assert line.file == "trace/resources/x.css"
    body: Any = line.body
    assert body["snapshot"]["response"]["content"]["_file"] == line.file
    (rest,) = lines.finish()
    assert rest.file == ""
