"""The tree of frames of one page, as the protocol's events describe it.

Pure: fed with facts, holds no session and no clock. A frame keeps its identity when it navigates and when it
moves to another process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

_REMEMBERED_DOCUMENTS = 8


class Navigation(Enum):
    """Whether a frame is on its way to another document, and what the next event of the Page domain makes of it."""

    NONE = "none"
    ASKED = "asked"
    BEGUN = "begun"
    ASKED_AGAIN = "asked again"

    @property
    def asked(self) -> Navigation:
        """A navigation is requested or scheduled, perhaps while one has begun."""
        return Navigation.ASKED_AGAIN if self in (Navigation.BEGUN, Navigation.ASKED_AGAIN) else Navigation.ASKED

    @property
    def given_up(self) -> Navigation:
        """What was scheduled is not any more; also told when it begins, and that was told before."""
        return Navigation.NONE if self is Navigation.ASKED else self

    @property
    def stopped(self) -> Navigation:
        """The frame stopped loading.

        The second click of a double click asks for the navigation that is going on. Chromium drops the second one and
        tells of a stop, though the first goes on.
        """
        return Navigation.BEGUN if self is Navigation.ASKED_AGAIN else Navigation.NONE


@dataclass(eq=False, slots=True)
class Frame:
    """One frame. `document` is the loader id of what it shows; `lifecycle` what that document has reached.

    `moves` counts the changes of its address that needed no new document.
    """

    id: str
    parent: Frame | None = None
    children: list[Frame] = field(default_factory=list)
    url: str = ""
    name: str = ""
    document: str = ""
    lifecycle: set[str] = field(default_factory=set)
    recent_documents: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_DOCUMENTS))
    navigation: Navigation = Navigation.NONE
    moves: int = 0
    detached: bool = False

    def subtree(self) -> Iterator[Frame]:
        """Yield this frame and all below it, breadth first."""
        queue = deque([self])
        while queue:
            frame = queue.popleft()
            yield frame
            queue.extend(frame.children)


class FrameTree:
    """All frames of a page by id, and what happens to them."""

    def __init__(self) -> None:
        self._frames: dict[str, Frame] = {}
        self.main: Frame | None = None

    def get(self, frame_id: str) -> Frame | None:
        """Return the frame, or None if the tree has none of this id."""
        return self._frames.get(frame_id)

    def attach(self, frame_id: str, parent_id: str | None) -> Frame:
        """Add a frame, or return the one that is there already."""
        frame = self._frames.get(frame_id)
        if frame is not None:
            return frame
        parent = self._frames.get(parent_id) if parent_id else None
        frame = self._frames[frame_id] = Frame(frame_id, parent)
        if parent is not None:
            parent.children.append(frame)
        elif self.main is None:
            self.main = frame
        return frame

    def detach(self, frame_id: str) -> list[Frame]:
        """Remove a frame with all below it; return those removed."""
        frame = self._frames.get(frame_id)
        if frame is None:
            return []
        removed = list(frame.subtree())
        for each in removed:
            each.detached = True
            self._frames.pop(each.id, None)
        if frame.parent is not None and frame in frame.parent.children:
            frame.parent.children.remove(frame)
        return removed

    def commit(self, frame_id: str, parent_id: str | None, document: str, url: str, name: str) -> Frame:
        """A new document has replaced the frame's old one, and with it the frames inside."""
        frame = self._frames.get(frame_id)
        if frame is None:
            if parent_id is None and self.main is not None:
                frame = self._rekey_main(frame_id)
            else:
                frame = self.attach(frame_id, parent_id)
        for child in list(frame.children):
            self.detach(child.id)
        frame.url = url
        frame.name = name
        frame.navigation = Navigation.NONE
        if document != frame.document:
            frame.document = document
            frame.recent_documents.append(document)
            frame.lifecycle = set()
        # The first lifecycle event may have told of the document before its commit did.
        frame.lifecycle.add("commit")
        return frame

    # Chromium may give the main frame a new id when the page moves to another process: for those who
    # wait it is still the same frame.
    def _rekey_main(self, frame_id: str) -> Frame:
        assert self.main is not None
        self._frames.pop(self.main.id, None)
        self.main.id = frame_id
        self._frames[frame_id] = self.main
        return self.main

    def navigate_within(self, frame_id: str, url: str) -> Frame | None:
        """The address changed without a new document."""
        frame = self._frames.get(frame_id)
        if frame is not None:
            frame.url = url
            frame.navigation = Navigation.NONE
            frame.moves += 1
        return frame

    def reach(self, frame_id: str, document: str, state: str) -> None:
        """A document has come as far as `state` (a lifecycle name of the protocol)."""
        frame = self._frames.get(frame_id)
        if frame is None:
            return
        if state == "init" and document != frame.document:
            frame.document = document
            frame.recent_documents.append(document)
            frame.lifecycle = set()
        if document == frame.document:
            frame.lifecycle.add(state)
