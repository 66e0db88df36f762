"""The network interception of the Playwright engine: routes requests by the rules, and keeps the record.

Playwright asks about the first request of a chain of redirects only, and answers preflights by itself.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import anyio
import anyio.to_thread
from playwright.async_api import BrowserContext, Page, Request, Response, Route, WebSocket
from playwright.async_api import Error as PlaywrightError

from bykilt.browser.engine.actions import Action, InterceptNetwork
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.intercept_rules import InterceptSettings, RequestChange, Rule, replaced
from bykilt.browser.engine.playwright_facts import page_of
from bykilt.browser.engine.playwright_pages import PageRegistry
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.request_patterns import compiled
from bykilt.browser.engine.request_record import RequestEntry, RequestRecord, done_by
from bykilt.browser.engine.response_files import with_files
from bykilt.browser.engine.socket_record import SocketRecord
from bykilt.clock import Clock
from bykilt.events.model import FactSink
from bykilt.ids import PageId

if TYPE_CHECKING:
    from bykilt.browser.engine.playwright_engine import PlaywrightEngine

_OF_THE_OLD_BODY = ("content-encoding", "content-length", "transfer-encoding")


class PlaywrightNetwork:
    """The interception of one context."""

    def __init__(self, context: BrowserContext, pages: PageRegistry, facts: FactSink, clock: Clock) -> None:
        self.record = RequestRecord()
        self._context = context
        self._pages = pages
        self._clock = clock
        self._settings: InterceptSettings | None = None
        self._ended = anyio.Event()
        self._route: re.Pattern[str] | None = None
        self._listening = False
        self._watched: WeakSet[Page] = WeakSet()
        self._sockets = SocketRecord(facts, clock)
        self._held: dict[Route, PageId | None] = {}

    async def intercept(self, settings: InterceptSettings | None) -> None:
        """Work by these settings from now on; None ends the interception, and what is held back goes on."""
        self.release()
        if settings is not None:
            self.record = RequestRecord()
        self._settings = settings
        self._listen(settings is not None)
        before, self._route = self._route, _union(settings.holding_patterns if settings else ())
        if self._route is not None:
            await self._context.route(self._route, self._routed)
        if before is not None and before != self._route:
            await self._context.unroute(before, self._routed)

    async def give_up(self, page: PageId) -> None:
        """Let the requests fail that a page has waiting, before it is closed: Playwright would send them then."""
        for route in [route for route, owner in self._held.items() if owner == page]:
            del self._held[route]
            try:
                await route.abort("aborted")
            except PlaywrightError:
                continue  # it went on a moment before

    def release(self) -> None:
        """Let every request go on that is waiting out its delay."""
        self._held.clear()
        ended, self._ended = self._ended, anyio.Event()
        ended.set()

    def _listen(self, wanted: bool) -> None:
        if wanted == self._listening:
            return
        self._listening = wanted
        change = self._context.on if wanted else self._context.remove_listener
        change("request", self._sent)
        change("response", self._answered)
        change("requestfinished", self._finished)
        change("requestfailed", self._failed)
        change("page", self._page)
        if wanted:
            for page in self._context.pages:
                self._page(page)

    # ---- deciding

    async def _routed(self, route: Route) -> None:
        try:
            await self._decide(route)
        except PlaywrightError:
            # The page gave the request up, or is gone: nothing waits for the answer.
            return

    async def _decide(self, route: Route) -> None:
        settings, request = self._settings, route.request
        found = settings.rule_for(request.url, request.method, request.resource_type) if settings else None
        if found is None:
            await route.continue_()
            return
        number, rule = found
        entry = self._begin(request)
        entry.done, entry.rule, entry.delayed_ms = done_by(rule), number, rule.delay_ms
        if rule.delay_ms:
            ended = self._ended
            self._held[route] = entry.page
            with anyio.move_on_after(rule.delay_ms / 1000):
                await ended.wait()
                await route.continue_()
                return
            self._held.pop(route, None)
        await self._apply(route, rule)

    async def _apply(self, route: Route, rule: Rule) -> None:
        if rule.block or rule.fail:
            await route.abort("blockedbyclient" if rule.fail is None else rule.fail.replace("_", ""))
            return
        if rule.fulfill is not None:
            given = rule.fulfill
            await route.fulfill(status=given.status, headers=dict(given.headers), body=given.body)
            return
        change = rule.change_request or RequestChange()
        headers: dict[str, str] | None = None
        if change.headers or rule.auth:
            headers = dict(route.request.headers)
            if rule.auth:
                pair = f"{rule.auth.username}:{rule.auth.password}".encode()
                headers["authorization"] = f"Basic {base64.b64encode(pair).decode()}"
            headers = _changed(headers, change.headers)
        sent: dict[str, Any] = {"url": change.url, "method": change.method, "headers": headers}
        if change.body is not None:
            sent["post_data"] = change.body
        if rule.change_response is None:
            await route.continue_(**sent)
        else:
            await _change_answer(route, rule, sent)

    # ---- the record

    def _begin(self, request: Request) -> RequestEntry:
        known = self.record.of(request)
        if known is not None:
            return known
        entry = RequestEntry(
            page_of(request, self._pages),
            request.url,
            request.method,
            request.resource_type,
            tuple(request.headers.items()),
            self._now_ms(),
            self._clock.wall_s(),
        )
        self.record.begin(request, entry)
        return entry

    def _sent(self, request: Request) -> None:
        if self._settings is not None and self._settings.covers(request.url):
            self._begin(request)

    def _answered(self, response: Response) -> None:
        self.record.answered(response.request, response.status, response.headers.items(), self._now_ms())

    def _finished(self, request: Request) -> None:
        self.record.ended(request, self._now_ms())

    def _failed(self, request: Request) -> None:
        self.record.ended(request, self._now_ms(), request.failure or "failed")

    def _page(self, page: Page) -> None:
        if page not in self._watched:
            # For good: a page that is listened to once more would tell everything twice.
            self._watched.add(page)
            page.on("websocket", lambda socket: self._socket(page, socket))

    def _socket(self, page: Page, socket: WebSocket) -> None:
        if self._settings is None or not self._settings.covers(socket.url):
            return
        self._sockets.opened(self.record, socket, self._pages.id_of(page), socket.url)
        socket.on("framesent", lambda data: self._sockets.frame(self.record, socket, data, sent=True))
        socket.on("framereceived", lambda data: self._sockets.frame(self.record, socket, data, sent=False))
        socket.on("close", lambda _: self._sockets.closed(self.record, socket))

    def _now_ms(self) -> float:
        return self._clock.monotonic_s() * 1000


async def _change_answer(route: Route, rule: Rule, sent: dict[str, Any]) -> None:
    change = rule.change_response
    assert change is not None
    try:
        answer = await route.fetch(max_redirects=0, **sent)
    except PlaywrightError:
        # The browser finds out by itself what is wrong with it, and fails as the page expects.
        await route.continue_(**sent)
        return
    if 300 <= answer.status < 400:
        await route.fulfill(response=answer)
        return
    headers = _changed(answer.headers, change.headers)
    if not change.of_body:
        await route.fulfill(response=answer, status=change.status or answer.status, headers=headers)
        return
    body = change.body
    if body is None:
        body = replaced(await answer.body(), headers.get("content-type", ""), change.replace)
    plain = {name: value for name, value in headers.items() if name not in _OF_THE_OLD_BODY}
    await route.fulfill(status=change.status or answer.status, headers=plain, body=body)


def _changed(headers: Mapping[str, str], changes: tuple[tuple[str, str | None], ...]) -> dict[str, str]:
    result = dict(headers)
    for name, value in changes:
        result.pop(name.lower(), None)
        if value is not None:
            result[name.lower()] = value
    return result


def _union(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    return re.compile("|".join(f"(?:{compiled(pattern).pattern})" for pattern in patterns))


async def intercept_network(engine: PlaywrightEngine, action: InterceptNetwork, progress: Progress) -> ActionOutput:
    progress.waiting_for("the browser to hold requests back")
    rules = await anyio.to_thread.run_sync(with_files, action.rules, engine.context.upload_limits)
    await engine.network.intercept(InterceptSettings(action.patterns, rules) if action.patterns else None)
    return ActionOutput({"patterns": list(action.patterns), "rules": len(rules)})


HANDLERS: Mapping[type[Action], Any] = {InterceptNetwork: intercept_network}
