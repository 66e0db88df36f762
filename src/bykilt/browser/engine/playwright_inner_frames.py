"""Waiting for the new documents of inner frames: Playwright waits for that of the page alone.

What a renderer tells of its frames comes before its answer to a question that is put after the action, so at that
answer it is known which frames are on their way. Pages without inner frames pay nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError

from bykilt.browser.cdp.frames import Navigation
from bykilt.browser.engine.playwright_target import Target

if TYPE_CHECKING:
    from bykilt.browser.engine.playwright_engine import PlaywrightEngine

_CURRENT_TAB = "currentTab"


@asynccontextmanager
async def with_inner_documents(engine: PlaywrightEngine, target: Target) -> AsyncIterator[None]:
    """Do what is inside; then wait until each frame that it sent elsewhere has its new document, or will have none.

    Looked at are the frames of the page's process and of the target frame's.
    """
    if len(target.entry.page.frames) == 1:
        yield
        return
    watch = _Watch(target.entry.changed)
    try:
        sessions = await _sessions(engine, target)
        for session in sessions:
            watch.listen(session)
            await session.send("Page.enable")
    except PlaywrightError:
        sessions = []  # the page or the frame is going: the action itself will tell
    try:
        yield
        for session in sessions:
            try:
                await session.send("Page.enable")
            except PlaywrightError:
                continue  # its process is gone, and with it all that could be waited for there
        await _until_arrived(target, watch)
    finally:
        watch.stop()


async def _until_arrived(target: Target, watch: _Watch) -> None:
    while watch.on_their_way and target.gone() is None:
        target.progress.waiting_for("the navigation that the action started")
        change = target.entry.next_change
        if watch.on_their_way:
            await change.wait()


async def _sessions(engine: PlaywrightEngine, target: Target) -> list[CDPSession]:
    """Return the roads to the page's process and to that of the frame."""
    sessions = [await target.entry.cdp_session()]
    frame = target.frame
    while frame.parent_frame is not None:
        own = await engine.dom.own_session(frame)
        if own is not None:
            return [*sessions, own]
        frame = frame.parent_frame
    return sessions


class _Watch:
    """Keeps account of the frames that are on their way to another document."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._frames: dict[str, Navigation] = {}
        self._sessions: list[CDPSession] = []
        self._handlers: dict[str, Callable[[Any], None]] = {
            "Page.frameRequestedNavigation": self._requested,
            "Page.frameScheduledNavigation": lambda event: self._asked(event["frameId"]),
            "Page.frameStartedNavigating": lambda event: self._turn(event["frameId"], Navigation.BEGUN),
            "Page.frameClearedScheduledNavigation": self._given_up,
            "Page.frameStoppedLoading": self._stopped,
            "Page.frameNavigated": lambda event: self._turn(event["frame"]["id"], Navigation.NONE),
            # For a swap as well: the frame goes on in another process, where its new document is.
            "Page.frameDetached": lambda event: self._turn(event["frameId"], Navigation.NONE),
        }

    @property
    def on_their_way(self) -> bool:
        return any(navigation is not Navigation.NONE for navigation in self._frames.values())

    def listen(self, session: CDPSession) -> None:
        self._sessions.append(session)
        for name, handler in self._handlers.items():
            session.on(name, handler)

    def stop(self) -> None:
        for session in self._sessions:
            for name, handler in self._handlers.items():
                session.remove_listener(name, handler)

    def _requested(self, event: Any) -> None:
        if event["disposition"] == _CURRENT_TAB:
            self._asked(event["frameId"])

    def _asked(self, frame_id: str) -> None:
        self._turn(frame_id, self._state(frame_id).asked)

    def _given_up(self, event: Any) -> None:
        self._turn(event["frameId"], self._state(event["frameId"]).given_up)

    def _stopped(self, event: Any) -> None:
        self._turn(event["frameId"], self._state(event["frameId"]).stopped)

    def _state(self, frame_id: str) -> Navigation:
        return self._frames.get(frame_id, Navigation.NONE)

    def _turn(self, frame_id: str, navigation: Navigation) -> None:
        self._frames[frame_id] = navigation
        self._changed()
