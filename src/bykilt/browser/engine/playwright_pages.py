"""The pages of the Playwright engine: their ids, which one is the current one, and what became of them.

Knows the life of pages and gives off its facts. Does not know actions, nor what happens inside a page.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import anyio
from playwright.async_api import BrowserContext, CDPSession, Frame, Page, Request

from bykilt.browser.engine.errors import PageClosed as PageIsClosed
from bykilt.browser.engine.errors import UnknownPage
from bykilt.browser.engine.references import References
from bykilt.clock import Clock
from bykilt.events.model import FactSink, PageClosed, PageCrashed, PageNavigated, PageOpened
from bykilt.ids import PageId

T = TypeVar("T")

_CLOSING_S = 2.0


class PageEntry:
    """One page under its id."""

    def __init__(self, page_id: PageId, page: Page, opener_id: PageId | None = None) -> None:
        self.id = page_id
        self.opener_id = opener_id
        self.page = page
        self.crashed = False
        self.navigations = 0
        self.failed_request: Request | None = None
        self._session: CDPSession | None = None
        self._changed = anyio.Event()

    async def cdp_session(self) -> CDPSession:
        """Return a road to the page past Playwright's own commands, opened at the first use."""
        if self._session is None:
            self._session = await self.page.context.new_cdp_session(self.page)
        return self._session

    def take(self, page: Page) -> None:
        """Become another page."""
        self.page = page
        self.crashed = False
        self._session = None

    def forget_failure(self) -> None:
        """Look out for the next document that does not come."""
        self.failed_request = None

    def changed(self) -> None:
        """Wake whoever waits for the page's frames to change."""
        event, self._changed = self._changed, anyio.Event()
        event.set()

    @property
    def next_change(self) -> anyio.Event:
        """Set when a frame next comes, goes or navigates, or the page itself goes. Taken before looking."""
        return self._changed


class PageRegistry:
    """Pages by id, in the order of their opening."""

    def __init__(self, context: BrowserContext, facts: FactSink, clock: Clock) -> None:
        self.context = context
        self.closing = False
        self.references: References[Frame] = References()
        self._facts = facts
        self._clock = clock
        self._entries: dict[PageId, PageEntry] = {}
        self._ids: dict[Page, PageId] = {}
        self._order: list[PageId] = []
        self._opened = 0
        self._renewing: PageEntry | None = None
        self._watchers: list[Callable[[PageEntry], None]] = []
        self._changed = anyio.Event()
        context.on("page", self._appeared)
        for page in context.pages:
            self.entry_of(page)

    # ---- asking

    @property
    def current(self) -> PageEntry | None:
        """The page made current last that is still open; else the one opened last."""
        while self._order:
            entry = self._entries.get(self._order[-1])
            if entry is not None:
                return entry
            self._order.pop()
        return next(reversed(self._entries.values()), None)

    @property
    def all(self) -> list[PageEntry]:
        """The open pages, in the order of their opening."""
        return list(self._entries.values())

    def find(self, page_id: str | None) -> PageEntry:
        """Return the named page, or the current one.

        Raises:
            UnknownPage, PageClosed: There is none.
        """
        if page_id is None:
            entry = self.current
            if entry is None:
                raise PageIsClosed("the last one")
            return entry
        found = self._entries.get(PageId(page_id))
        if found is None:
            raise UnknownPage(page_id, list(self._entries))
        return found

    def open_page(self, page_id: PageId) -> PageEntry | None:
        """Return the page of an id if it is open."""
        return self._entries.get(page_id)

    def id_of(self, page: Page | None) -> PageId | None:
        """Return the id of a page; None for none."""
        return self._ids.get(page) if page is not None else None

    # ---- changing

    def make_current(self, entry: PageEntry) -> None:
        """Let actions that name no page go to this one."""
        if entry.id in self._order:
            self._order.remove(entry.id)
        self._order.append(entry.id)

    def entry_of(self, page: Page) -> PageEntry:
        """Return the entry of a page; one that is new gets an id."""
        known = self._ids.get(page)
        if known is not None and known in self._entries:
            return self._entries[known]
        opener = self.id_of(_at_once(page.opener()))
        renewing = self._renewing
        if renewing is not None and opener is None:
            self._renewing = None
            self._ids.pop(renewing.page, None)
            renewing.take(page)
            self._take_in(renewing)
            return renewing
        self._opened += 1
        entry = PageEntry(PageId(f"page@{self._opened}"), page, opener)
        self._entries[entry.id] = entry
        self._take_in(entry)
        self._facts.publish(PageOpened(entry.id, page.url, opener, self._now_ms()))
        if page.url not in ("", "about:blank"):
            # A popup is made known when it has arrived.
            self._facts.publish(PageNavigated(entry.id, page.url, self._now_ms()))
        for watcher in tuple(self._watchers):
            watcher(entry)
        self._change()
        return entry

    @contextmanager
    def opened_pages(self) -> Iterator[list[PageEntry]]:
        """Collect the pages that open from now on, also those that are gone again before anybody looks."""
        opened: list[PageEntry] = []
        self._watchers.append(opened.append)
        try:
            yield opened
        finally:
            self._watchers.remove(opened.append)

    @property
    def next_change(self) -> anyio.Event:
        """Set when a page next opens or goes. Taken before looking."""
        return self._changed

    def _change(self) -> None:
        event, self._changed = self._changed, anyio.Event()
        event.set()

    async def renew(self, entry: PageEntry) -> None:
        """Give a crashed page a new renderer, which Playwright does not do by itself: a new page under its id."""
        crashed = entry.page
        self._renewing = entry
        try:
            await self.context.new_page()
        finally:
            self._renewing = None
        # Seen on a busy machine: Playwright waited for ever for a crashed page to say that it is closed.
        with anyio.move_on_after(_CLOSING_S):
            await crashed.close()

    # ---- events

    def _appeared(self, page: Page) -> None:
        self.entry_of(page)

    def _take_in(self, entry: PageEntry) -> None:
        page = entry.page
        self._ids[page] = entry.id
        page.on("close", lambda closed: self._closed(entry, closed))
        page.on("crash", lambda _: self._crashed(entry))
        page.on("framenavigated", lambda frame: self._navigated(entry, frame))
        page.on("frameattached", lambda _: entry.changed())
        page.on("framedetached", lambda _: entry.changed())

    def _closed(self, entry: PageEntry, page: Page) -> None:
        if entry.page is not page:
            return
        self._entries.pop(entry.id, None)
        reason = "shutdown" if self.closing else "crashed" if entry.crashed else "closed"
        self._facts.publish(PageClosed(entry.id, reason, self._now_ms()))
        entry.changed()
        self._change()

    def _crashed(self, entry: PageEntry) -> None:
        entry.crashed = True
        self._facts.publish(PageCrashed(entry.id, entry.page.url, self._now_ms()))
        entry.changed()

    def _navigated(self, entry: PageEntry, frame: Frame) -> None:
        if frame.parent_frame is None:
            entry.navigations += 1
            self._facts.publish(PageNavigated(entry.id, frame.url, self._now_ms()))
        entry.changed()

    def _now_ms(self) -> float:
        return self._clock.monotonic_s() * 1000


def _at_once(coroutine: Coroutine[Any, Any, T]) -> T | None:
    """Return the result of a coroutine that waits for nothing; in an event handler nothing can be awaited."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    return None
