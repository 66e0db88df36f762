"""A browser context: pages that share cookies with each other and with nobody else.

Knows its pages, in the order of their opening. Does not know which of them anybody works on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from bykilt.browser.cdp.commands import TARGET_CLOSE_TARGET, TARGET_CREATE_TARGET, TARGET_DISPOSE_BROWSER_CONTEXT
from bykilt.browser.cdp.connection import Session
from bykilt.browser.cdp.cookies import CookieJar
from bykilt.browser.cdp.errors import ProtocolError, SessionClosed
from bykilt.browser.cdp.origin_page import OriginPage
from bykilt.browser.cdp.page import Page, PageHome, PageSettings, Surroundings
from bykilt.browser.cdp.session_features import SessionFeature
from bykilt.browser.cdp.signal import Signal
from bykilt.events.model import PageClosed, PageOpened
from bykilt.ids import PageId

if TYPE_CHECKING:
    from cdp_use.cdp.target.commands import CreateTargetParameters
    from cdp_use.cdp.target.types import TargetInfo


class BrowserContext:
    """Pages by id. `changed` fires when one opens or goes. The browser's default context has no id."""

    def __init__(
        self, root: Session, context_id: str | None, settings: PageSettings, surroundings: Surroundings
    ) -> None:
        self.id = context_id
        self.pages: dict[PageId, Page] = {}
        self.changed = Signal()
        self._home = PageHome()
        self._watchers: list[Callable[[Page], None]] = []
        self.cookies = CookieJar(root, context_id)
        self._hiding = False
        self._hidden: list[Session] = []
        self._root = root
        self._settings = settings
        self._outside = surroundings
        self._opened = 0
        self._closing = False

    def attached(self, session: Session, info: TargetInfo) -> None:
        """Take in a page that the browser has attached: one we asked for, or a popup."""
        if self._hiding and info.get("openerId") is None:
            self._hiding = False
            self._hidden.append(session)
            return
        self._opened += 1
        page_id = PageId(f"page@{self._opened}")
        opener = self._by_target(info.get("openerId"))
        opener_id = opener.id if opener else None
        page = Page(session, info["targetId"], page_id, self._settings, self._outside, opener_id, self._home)
        self.pages[page_id] = page
        page.on_close(lambda reason: self._gone(page, reason))
        self._outside.facts.publish(PageOpened(page_id, info["url"], page.opener_id, self._outside.now_ms()))
        for watcher in tuple(self._watchers):
            watcher(page)
        self.changed.fire()

    @contextmanager
    def opened_pages(self) -> Iterator[list[Page]]:
        """Collect the pages that open from now on, also those that are gone again before anybody looks."""
        opened: list[Page] = []
        self._watchers.append(opened.append)
        try:
            yield opened
        finally:
            self._watchers.remove(opened.append)

    async def add_feature(self, feature: SessionFeature) -> None:
        """Give a feature to every session there is, and to each that comes.

        Raises:
            ProtocolError: The browser refused one of its commands. A session that has just ended does not count.
        """
        self._home.features.append(feature)
        answers = [
            session.send(call)
            for page in self.pages.values()
            for session, kind in list(page.sessions.items())
            for call in feature.prepare(page, session, kind)
        ]
        for answer in answers:
            try:
                await answer
            except SessionClosed:
                continue

    def resize(self, width: int, height: int) -> None:
        """Remember the size that pages have from now on, in CSS pixels."""
        self._settings = replace(self._settings, width=width, height=height)
        for page in self.pages.values():
            page.settings = self._settings

    def begin_feature(self, feature: SessionFeature) -> None:
        """Give a feature to every session that comes; those that there are stay as they are."""
        self._home.features.append(feature)

    def first_page(self) -> Page | None:
        """Return the page opened first of those that are open."""
        return next(iter(self.pages.values()), None)

    def _by_target(self, target_id: str | None) -> Page | None:
        return next((page for page in self.pages.values() if page.target_id == target_id), None)

    def _gone(self, page: Page, reason: str) -> None:
        if self.pages.pop(page.id, None) is not None:
            self._outside.facts.publish(
                PageClosed(page.id, "shutdown" if self._closing else reason, self._outside.now_ms())
            )
            self.changed.fire()

    async def new_page(self) -> Page:
        """Open an empty page. One that cannot be prepared is closed again.

        Raises:
            ProtocolError: The browser refused or is gone.
        """
        params: CreateTargetParameters = {"url": "about:blank"}
        if self.id is not None:
            params["browserContextId"] = self.id
        answer = await self._root.send(TARGET_CREATE_TARGET(params))
        target_id = answer["targetId"]
        try:
            page = await self.changed.wait_until(lambda: self._by_target(target_id))
            await page.wait_until_ready()
        except BaseException:
            self._root.post(TARGET_CLOSE_TARGET({"targetId": target_id}))
            unfit = self._by_target(target_id)
            if unfit is not None:
                self._gone(unfit, "it could not be prepared")
            raise
        return page

    @property
    def visited(self) -> list[str]:
        """The origins of what frames have shown, oldest first, as the beginnings of their addresses."""
        return list(self._home.visited)

    def has_shown(self, frame_id: str) -> bool:
        """Whether a frame is, or was lately, one of a page of this context."""
        return frame_id in self._home.frames or any(page.frames.tree.get(frame_id) for page in self.pages.values())

    @asynccontextmanager
    async def origin_page(self) -> AsyncIterator[OriginPage]:
        """Have a hidden page of ours, for what origins store; closed at the end.

        Raises:
            ProtocolError: The browser refused or is gone.
        """
        self._hiding = True
        params: CreateTargetParameters = {"url": "about:blank", "background": True}
        if self.id is not None:
            params["browserContextId"] = self.id
        try:
            target_id = (await self._root.send(TARGET_CREATE_TARGET(params)))["targetId"]
        finally:
            self._hiding = False
        try:
            # The browser has told of the page before it answered.
            page = OriginPage(self._hidden.pop(), target_id)
            await page.prepare()
            yield page
        finally:
            self._root.post(TARGET_CLOSE_TARGET({"targetId": target_id}))

    async def dispose(self) -> None:
        """Close every page of the context and forget its cookies. Never fails: gone is gone."""
        self._closing = True
        if self.id is None:
            return
        for page in self.pages.values():
            page.settle_for_close()
        try:
            await self._root.send(TARGET_DISPOSE_BROWSER_CONTEXT({"browserContextId": self.id}), timeout_s=5)
        except ProtocolError:
            return
