"""What frames held, as the viewer's snapshots.

Knows the files that the engines leave (`injected/dom_snapshot.js` says what is in them) and the viewer's form of them:
a snapshot may point to nodes of earlier snapshots of its frame, by how many snapshots ago and the node's number.
Does not know zips. A file says what a page said: it is checked here once more, whatever wrote it.

Source: `FrameSnapshot` in `packages/trace/src/snapshot.ts` and its reader, as bundled in playwright 1.65.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from bykilt.events.model import ActionPointed, DomCaptured, ScreenshotTaken, SnapshotPhase
from bykilt.events.redactor import Redactor
from bykilt.ids import PageId
from bykilt.json_types import JsonValue
from bykilt.trace.lines import JsonDict, Line

_MAX_DEPTH = 220
_NAME = re.compile(r"[A-Za-z][\w.:-]*", re.ASCII)
_ATTRIBUTE = re.compile(r"[^\s\"'<>/=\x00-\x1f]+")
_CODE = re.compile(r"[\x00-\x20]*(javascript|vbscript):", re.IGNORECASE)
_SILENT = ("SCRIPT", "NOSCRIPT")

ReadFile = Callable[[str], bytes | None]
"""Returns the content of a file of the run folder; None when there is none."""


@dataclass(slots=True)
class _Frame:
    """The snapshots of one frame that have been written. `root` is the place and number of the last one's root."""

    page_id: PageId
    count: int = 0
    places: dict[int, int] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)
    file: str = ""
    root: tuple[int, int] = (0, 0)
    doctype: str = ""
    viewport: JsonDict = field(default_factory=dict)


class DomLines:
    """Fed with what was captured, in its order; gives back the lines of the trace."""

    def __init__(self, read: ReadFile, redactor: Redactor) -> None:
        self._read = read
        self._redactor = redactor
        self._frames: dict[str, _Frame] = {}
        self._picture: ScreenshotTaken | None = None
        self._before: list[DomCaptured] = []

    def picture_taken(self, fact: ScreenshotTaken) -> None:
        """Remember a picture: it stands for a page that could not be captured."""
        self._picture = fact

    def captured(self, fact: DomCaptured) -> Iterator[Line]:
        """Show what a frame held with its action."""
        if fact.phase is SnapshotPhase.BEFORE:
            if fact.is_main:
                self._before.clear()
            self._before.append(fact)
        yield from self._shown(fact, fact.phase)

    def pointed(self, fact: ActionPointed) -> Iterator[Line]:
        """Show what was there before the action as the moment at which it touches the page."""
        before = [each for each in self._before if each.call_id == fact.call_id]
        self._before.clear()
        for each in before:
            yield from self._shown(each, SnapshotPhase.ACTION)

    def page_closed(self, page_id: PageId) -> None:
        """Forget the frames of a page."""
        for frame_id in [frame_id for frame_id, frame in self._frames.items() if frame.page_id == page_id]:
            del self._frames[frame_id]

    def _shown(self, fact: DomCaptured, phase: SnapshotPhase) -> Iterator[Line]:
        if not fact.file:
            yield from self._as_picture(fact, phase)
            return
        frame = self._frames.setdefault(fact.frame_id, _Frame(fact.page_id))
        blobs: dict[str, bytes] = {}
        if frame.file == fact.file:
            place, number = frame.root
            html: JsonValue = [[frame.count - place, number]]
        else:
            document = self._document(fact.file)
            if document is None:
                return
            html = self._take_in(frame, document, blobs)
            frame.file = fact.file
        frame.count += 1
        overrides: list[JsonValue] = [{"url": url, "file": file} for url, file in frame.overrides.items()]
        yield _line(fact, phase, html, frame.doctype, frame.viewport, overrides, blobs)

    def _document(self, file: str) -> dict[str, Any] | None:
        try:
            document = orjson.loads(self._read(file) or b"")
        except orjson.JSONDecodeError:
            return None
        is_ours = isinstance(document, dict) and type(document.get("number")) is int and "html" in document
        return document if is_ours else None

    def _take_in(self, frame: _Frame, document: dict[str, Any], blobs: dict[str, bytes]) -> JsonValue:
        """Make a file the frame's last snapshot; return its tree as the viewer reads it."""
        if document.get("whole") is True:
            frame.places.clear()
            frame.overrides.clear()
        tree = _Tree(frame, document["number"], self._redactor)
        html = tree.node(document["html"], 0)
        frame.root = tree.root if tree.root is not None else (frame.count, tree.count - 1)
        frame.places[document["number"]] = frame.count
        frame.doctype = str(document.get("doctype", ""))[:40]
        frame.viewport = _viewport(document.get("viewport"))
        overrides = document.get("overrides")
        for each in overrides if isinstance(overrides, list) else []:
            if isinstance(each, dict) and isinstance(each.get("url"), str) and isinstance(each.get("text"), str):
                data = self._redactor.mask(each["text"]).encode(errors="replace")
                name = f"resources/{hashlib.sha1(data, usedforsecurity=False).hexdigest()}.css"
                blobs[name] = data
                frame.overrides[self._redactor.mask(each["url"])] = name
        return html

    def _as_picture(self, fact: DomCaptured, phase: SnapshotPhase) -> Iterator[Line]:
        """The picture of the same moment in place of the page: else the viewer would show an older page there."""
        picture = self._picture
        if not fact.is_main or picture is None:
            return
        if (picture.page_id, picture.call_id, picture.phase) != (fact.page_id, fact.call_id, fact.phase):
            return
        data = self._read(picture.file)
        if data is None:
            return
        source = f"data:{picture.media_type};base64,{base64.b64encode(data).decode()}"
        size = f"display:block;width:{picture.width}px;height:{picture.height}px"
        image: JsonValue = ["IMG", {"src": source, "style": size, "alt": f"only a picture: {fact.left_out}"}]
        html: JsonValue = ["HTML", {}, ["BODY", {"style": "margin:0"}, image]]
        viewport: JsonDict = {"width": picture.width, "height": picture.height}
        yield _line(fact, phase, html, "html", viewport, [], {}, frame_id=f"{fact.frame_id}-picture")


def _line(
    fact: DomCaptured,
    phase: SnapshotPhase,
    html: JsonValue,
    doctype: str,
    viewport: JsonDict,
    overrides: list[JsonValue],
    blobs: dict[str, bytes],
    *,
    frame_id: str | None = None,
) -> Line:
    snapshot: JsonDict = {
        "callId": fact.call_id,
        "phase": str(phase),
        "pageId": fact.page_id,
        "frameId": frame_id or fact.frame_id,
        "frameUrl": fact.url,
        "doctype": doctype,
        "html": html,
        "viewport": viewport,
        "timestamp": fact.time_ms,
        "collectionTime": 0,
        "resourceOverrides": overrides,
        "isMainFrame": fact.is_main,
    }
    return Line({"type": "frame-snapshot", "snapshot": snapshot}, blobs=blobs)


def _viewport(given: object) -> JsonDict:
    size = given if isinstance(given, dict) else {}
    return {
        name: number if isinstance(number := size.get(name), int | float) else fallback
        for name, fallback in (("width", 1280), ("height", 720))
    }


class _Tree:
    """Checks and masks the nodes of one snapshot; turns the page's count of snapshots into that of the trace.

    `count` nodes were written; `root` is set where the whole tree is a reference.
    """

    def __init__(self, frame: _Frame, number: int, redactor: Redactor) -> None:
        self._frame = frame
        self._number = number
        self._mask = redactor.mask
        self.count = 0
        self.root: tuple[int, int] | None = None

    def node(self, value: object, depth: int) -> JsonValue:
        if isinstance(value, str):
            self.count += 1
            return self._mask(value)
        if not isinstance(value, list) or not value or depth > _MAX_DEPTH:
            return []
        head = value[0]
        if isinstance(head, list):
            return self._reference(head, depth)
        if not isinstance(head, str) or not _NAME.fullmatch(head) or head.upper() in _SILENT:
            return []
        given = value[1] if len(value) > 1 and isinstance(value[1], dict) else {}
        children = [self.node(child, depth + 1) for child in value[2:]]
        self.count += 1
        return [head, self._attributes(given), *children]

    def _reference(self, head: list[object], depth: int) -> JsonValue:
        match head:
            case [int(ago), int(index)]:
                place = self._frame.places.get(self._number - ago)
                if place is not None:
                    if not depth:
                        self.root = (place, index)
                    return [[self._frame.count - place, index]]
        return []

    def _attributes(self, given: dict[str, object]) -> JsonDict:
        return {
            name: self._mask(value)
            for name, value in given.items()
            if isinstance(value, str)
            and not name.lower().startswith("on")
            and _ATTRIBUTE.fullmatch(name)
            and not _CODE.match(value)
            and self._mask(name) == name
        }
