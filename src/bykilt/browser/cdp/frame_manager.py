"""Keeps the frame tree and the JavaScript contexts of one page true, over all its sessions.

Knows which session a frame lives in, also when it runs in a process of its own. Does not know what anybody wants
of a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bykilt.browser.cdp.connection import Session
from bykilt.browser.cdp.frames import Frame, FrameTree, Navigation
from bykilt.browser.cdp.protocol_events import (
    PAGE_FRAME_ATTACHED,
    PAGE_FRAME_CLEARED_SCHEDULED_NAVIGATION,
    PAGE_FRAME_DETACHED,
    PAGE_FRAME_NAVIGATED,
    PAGE_FRAME_REQUESTED_NAVIGATION,
    PAGE_FRAME_SCHEDULED_NAVIGATION,
    PAGE_FRAME_STARTED_NAVIGATING,
    PAGE_FRAME_STOPPED_LOADING,
    PAGE_LIFECYCLE_EVENT,
    PAGE_NAVIGATED_WITHIN_DOCUMENT,
    RUNTIME_EXECUTION_CONTEXT_CREATED,
    RUNTIME_EXECUTION_CONTEXT_DESTROYED,
    RUNTIME_EXECUTION_CONTEXTS_CLEARED,
)
from bykilt.browser.cdp.realms import Realm, Realms
from bykilt.browser.cdp.signal import Signal
from bykilt.errors import BykiltError

if TYPE_CHECKING:
    from cdp_use.cdp.page.events import (
        FrameDetachedEvent,
        FrameNavigatedEvent,
        FrameRequestedNavigationEvent,
        LifecycleEventEvent,
        NavigatedWithinDocumentEvent,
    )

# Dispositions other than the current tab open elsewhere: the frame itself does not navigate.
_CURRENT_TAB = "currentTab"


class FrameManager:
    """Feeds `FrameTree` and `Realms` from every session of a page. `changed` fires after each change."""

    def __init__(self, session: Session, on_navigated: Callable[[Frame], None]) -> None:
        self._session = session
        self._on_navigated = on_navigated
        self._own_sessions: dict[str, Session] = {}
        self.tree = FrameTree()
        self.realms = Realms()
        self.changed = Signal()
        self.watch(session)

    def watch(self, session: Session) -> None:
        """Listen to one more session of the page."""
        session.on(PAGE_FRAME_ATTACHED, lambda event: self._attached(event["frameId"], event["parentFrameId"]))
        session.on(PAGE_FRAME_DETACHED, lambda event: self._detached(session, event))
        session.on(PAGE_FRAME_NAVIGATED, self._navigated)
        session.on(PAGE_NAVIGATED_WITHIN_DOCUMENT, self._navigated_within)
        session.on(PAGE_LIFECYCLE_EVENT, self._reached)
        session.on(PAGE_FRAME_REQUESTED_NAVIGATION, self._requested)
        session.on(PAGE_FRAME_SCHEDULED_NAVIGATION, lambda event: self._asked(event["frameId"]))
        session.on(PAGE_FRAME_STARTED_NAVIGATING, lambda event: self._begun(event["frameId"]))
        session.on(PAGE_FRAME_CLEARED_SCHEDULED_NAVIGATION, lambda event: self._given_up(event["frameId"]))
        session.on(PAGE_FRAME_STOPPED_LOADING, lambda event: self._stopped(event["frameId"]))
        session.on(RUNTIME_EXECUTION_CONTEXT_CREATED, lambda event: self._context_created(session, event["context"]))
        session.on(
            RUNTIME_EXECUTION_CONTEXT_DESTROYED,
            lambda event: self._context_destroyed(session, event["executionContextId"]),
        )
        session.on(RUNTIME_EXECUTION_CONTEXTS_CLEARED, lambda _: self._contexts_cleared(session))

    def take_over(self, node: Any) -> None:
        """Take in the frames that a page has already, as the protocol lists them."""
        frame = node["frame"]
        known = self.tree.get(frame["id"])
        if known is None or not known.document:
            self.tree.commit(
                frame["id"], frame.get("parentId"), frame["loaderId"], _full_url(frame), frame.get("name", "")
            )
        for child in node.get("childFrames", []):
            self.take_over(child)

    def complete(self, listed: Any) -> None:
        """Take in what a frame's new session lists of it, if no event has told of its document."""
        known = self.tree.get(listed["id"])
        if known is not None and not known.url and not known.children:
            self._navigated({"frame": listed, "type": "Navigation"})

    def adopt(self, frame_id: str, session: Session) -> None:
        """A frame now lives in a process, and so in a session, of its own."""
        self._own_sessions[frame_id] = session
        self.watch(session)
        session.on_close(lambda _: self._disown(frame_id, session))

    def _disown(self, frame_id: str, session: Session) -> None:
        if self._own_sessions.get(frame_id) is session:
            del self._own_sessions[frame_id]
        self.realms.cleared(session)
        self.changed.fire()

    def session_of(self, frame: Frame) -> Session:
        """Return the session in which the frame lives."""
        return self._own_sessions.get(self.local_root(frame).id, self._session)

    def local_root(self, frame: Frame) -> Frame:
        """Return the topmost frame that shares this frame's process widget: input goes there."""
        while frame.parent is not None and frame.id not in self._own_sessions:
            frame = frame.parent
        return frame

    async def isolated(self, frame: Frame) -> Realm:
        """Return our context in the frame, waiting for one if its document is just changing."""
        return await self.changed.wait_until(lambda: self.realms.isolated(_present(frame).id))

    async def main(self, frame: Frame) -> Realm:
        """Return the page's own context in the frame, waiting for one if its document is just changing."""
        return await self.changed.wait_until(lambda: self.realms.main(_present(frame).id))

    # ---- events

    def _attached(self, frame_id: str, parent_id: str) -> None:
        self.tree.attach(frame_id, parent_id)
        self.changed.fire()

    def _detached(self, session: Session, event: FrameDetachedEvent) -> None:
        # A swap means that the frame goes on in another process, under another session.
        frame = self.tree.get(event["frameId"])
        if event["reason"] == "swap" or frame is None:
            return
        if self.session_of(frame) is session or frame.parent is None or self.session_of(frame.parent) is session:
            self.tree.detach(event["frameId"])
            self.changed.fire()

    def _navigated(self, event: FrameNavigatedEvent) -> None:
        frame = event["frame"]
        committed = self.tree.commit(
            frame["id"], frame.get("parentId"), frame["loaderId"], _full_url(frame), frame.get("name", "")
        )
        self._on_navigated(committed)
        self.changed.fire()

    def _navigated_within(self, event: NavigatedWithinDocumentEvent) -> None:
        frame = self.tree.navigate_within(event["frameId"], event["url"])
        if frame is not None:
            self._on_navigated(frame)
        self.changed.fire()

    def _reached(self, event: LifecycleEventEvent) -> None:
        self.tree.reach(event["frameId"], event["loaderId"], event["name"])
        self.changed.fire()

    def _requested(self, event: FrameRequestedNavigationEvent) -> None:
        if event["disposition"] == _CURRENT_TAB:
            self._asked(event["frameId"])

    def _asked(self, frame_id: str) -> None:
        if (frame := self.tree.get(frame_id)) is not None:
            self._turn(frame, frame.navigation.asked)

    def _begun(self, frame_id: str) -> None:
        if (frame := self.tree.get(frame_id)) is not None:
            self._turn(frame, Navigation.BEGUN)

    def _given_up(self, frame_id: str) -> None:
        if (frame := self.tree.get(frame_id)) is not None:
            self._turn(frame, frame.navigation.given_up)

    def _stopped(self, frame_id: str) -> None:
        if (frame := self.tree.get(frame_id)) is not None:
            self._turn(frame, frame.navigation.stopped)

    def _turn(self, frame: Frame, navigation: Navigation) -> None:
        frame.navigation = navigation
        self.changed.fire()

    def _context_created(self, session: Session, context: Any) -> None:
        self.realms.created(session, context)
        self.changed.fire()

    def _context_destroyed(self, session: Session, context_id: int) -> None:
        self.realms.destroyed(session, context_id)
        self.changed.fire()

    def _contexts_cleared(self, session: Session) -> None:
        self.realms.cleared(session)
        self.changed.fire()


class FrameGone(BykiltError):
    """The frame was removed while somebody waited for it."""

    code = "frame_gone"


def _present(frame: Frame) -> Frame:
    if frame.detached:
        raise FrameGone(frame.url)
    return frame


def _full_url(frame: Any) -> str:
    return str(frame.get("unreachableUrl") or frame["url"]) + str(frame.get("urlFragment", ""))
