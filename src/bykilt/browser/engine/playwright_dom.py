"""The frames of a page for the trace's snapshots, on the Playwright engine: past the driver, in a world of our own.

Knows which session of the protocol a frame belongs to: the page's, or its own where it runs in another process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from playwright.async_api import CDPSession, Frame, Page
from playwright.async_api import Error as PlaywrightError

from bykilt.browser.cdp.commands import PAGE_CREATE_ISOLATED_WORLD, PAGE_GET_FRAME_TREE
from bykilt.browser.cdp.connection import Call
from bykilt.browser.engine.playwright_pages import PageEntry
from bykilt.browser.engine.scripted_frame import ScriptedFrame, Send

_WORLD_NAME = "bykilt-trace"


@dataclass(frozen=True, slots=True)
class _Place:
    """A frame as the protocol lists it."""

    id: str
    parent: str | None
    url: str
    document: str
    send: Send


class PlaywrightDom:
    """Remembers sessions and worlds, since each question costs a trip through the driver."""

    def __init__(self) -> None:
        self._worlds: dict[tuple[str, str], int] = {}
        self._sessions: WeakKeyDictionary[Frame, tuple[str, CDPSession | None]] = WeakKeyDictionary()
        self._senders: WeakKeyDictionary[CDPSession, Send] = WeakKeyDictionary()
        self._alone: tuple[Page, int, ScriptedFrame] | None = None

    async def frames(self, entry: PageEntry) -> list[ScriptedFrame]:
        """Return the frames that a script can run in now, the main one first; none while that one cannot be asked."""
        page, navigations = entry.page, entry.navigations
        if len(page.frames) == 1 and self._alone and self._alone[:2] == (page, navigations):
            return [self._alone[2]]
        self._alone = None
        try:
            session = await entry.cdp_session()
        except PlaywrightError:
            return []
        places = await self._places(self._sender(session))
        if len(places) < len(page.frames):
            for frame in page.frames[1:]:
                own = await self._own_sender(frame)
                if own is not None:
                    places += await self._places(own)
        found = await self._with_worlds(places)
        if len(found) == len(page.frames) == 1:
            self._alone = (page, navigations, found[0])
        return found

    async def frame_for(self, entry: PageEntry, frame: Frame) -> ScriptedFrame | None:
        """Return one frame as a script can run in it now; None while it cannot be asked, or is not surely the one."""
        path: list[int] = []
        root: Frame = frame
        own: Send | None = None
        while root.parent_frame is not None and (own := await self._own_sender(root)) is None:
            siblings = [each for each in root.parent_frame.child_frames if await self._own_sender(each) is None]
            path.insert(0, siblings.index(root))
            root = root.parent_frame
        try:
            send = own or self._sender(await entry.cdp_session())
        except PlaywrightError:
            return None
        places = await self._places(send)
        place = _at(places, path)
        if place is None or place.url != frame.url:
            return None
        return next((found for found in await self._with_worlds(places) if found.id == place.id), None)

    async def _with_worlds(self, places: list[_Place]) -> list[ScriptedFrame]:
        children: dict[str, list[str]] = {}
        for place in places:
            if place.parent is not None:
                children.setdefault(place.parent, []).append(place.id)
        found: list[ScriptedFrame] = []
        worlds: dict[tuple[str, str], int] = {}
        for place in places:
            key = (place.id, place.document)
            context_id = self._worlds.get(key)
            if context_id is None:
                made = await place.send(PAGE_CREATE_ISOLATED_WORLD({"frameId": place.id, "worldName": _WORLD_NAME}))
                context_id = made["executionContextId"] if made is not None else None
            if context_id is not None:
                worlds[key] = context_id
                below = tuple(children.get(place.id, ()))
                found.append(ScriptedFrame(place.id, place.url, below, place.send, context_id, (*key, context_id)))
            elif not found:
                break
        self._worlds = worlds
        return found

    async def _places(self, send: Send) -> list[_Place]:
        answer = await send(PAGE_GET_FRAME_TREE({}))
        return list(_listed(answer["frameTree"], send)) if answer is not None else []

    async def own_session(self, frame: Frame) -> CDPSession | None:
        """Return the session of a frame that runs in another process than the one around it; None for others."""
        known = self._sessions.get(frame)
        if known is not None and known[0] == frame.url:
            return known[1]
        try:
            session = await frame.page.context.new_cdp_session(frame)
        except PlaywrightError:
            session = None
        self._sessions[frame] = (frame.url, session)
        return session

    async def _own_sender(self, frame: Frame) -> Send | None:
        session = await self.own_session(frame)
        return None if session is None else self._sender(session)

    def _sender(self, session: CDPSession) -> Send:
        known = self._senders.get(session)
        if known is not None:
            return known

        async def send(call: Call[Any]) -> Any:
            try:
                return await session.send(call.method, call.params)
            except PlaywrightError:
                # What is remembered may be of a document that is gone.
                self._alone = None
                self._worlds = {}
                return None

        self._senders[session] = send
        return send


def _at(places: list[_Place], path: list[int]) -> _Place | None:
    """The place that a path of child numbers leads to from the first one."""
    if not places:
        return None
    place = places[0]
    for number in path:
        below = [each for each in places if each.parent == place.id]
        if number >= len(below):
            return None
        place = below[number]
    return place


def _listed(tree: Mapping[str, Any], send: Send) -> Iterator[_Place]:
    frame = tree["frame"]
    yield _Place(frame["id"], frame.get("parentId"), frame["url"], frame["loaderId"], send)
    for child in tree.get("childFrames", ()):
        yield from _listed(child, send)
