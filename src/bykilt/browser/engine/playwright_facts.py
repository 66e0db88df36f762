"""What a page says and loads, and the dialogs it opens, as facts; for the Playwright engine.

Knows the context's events. Whether anybody listens decides what is asked of the driver: every kind of event that
is heard costs a message.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

from playwright.async_api import BrowserContext, Dialog, Request, WebError
from playwright.async_api import ConsoleMessage as PlaywrightMessage
from playwright.async_api import Error as PlaywrightError

from bykilt.browser.cdp.dialogs import DialogOpening
from bykilt.browser.engine.dialogs import Dialogs
from bykilt.browser.engine.playwright_pages import PageRegistry
from bykilt.browser.engine.response_bodies import ResponseBodies
from bykilt.clock import Clock
from bykilt.events.credential_headers import shown_headers
from bykilt.events.model import ConsoleMessage, FactSink, PageError, RequestFinished
from bykilt.ids import PageId
from bykilt.json_types import JsonValue
from bykilt.trace.har import HarRecorder

_MAX_TEXT = 10_000
_LEVELS = {"startGroup": "group", "startGroupCollapsed": "group", "endGroup": "group"}
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
_WORDS: dict[str, JsonValue] = {"true": True, "false": False, "null": None}


class PageFacts:
    """Turns the events of a context into facts."""

    def __init__(
        self,
        pages: PageRegistry,
        facts: FactSink,
        clock: Clock,
        dialogs: Dialogs,
        bodies: ResponseBodies,
        har: HarRecorder | None,
    ) -> None:
        self._pages = pages
        self._dialogs = dialogs
        self._facts = facts
        self._clock = clock
        self._numbers = itertools.count(1)
        self._bodies = bodies
        self._har = har if har is not None and har.with_bodies else None
        self._bodies_asked: dict[Request, str] = {}

    def listen(self, context: BrowserContext, *, to_network: bool) -> None:
        """Hear console, errors and dialogs; and the network, if wanted."""
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("dialog", self._dialog)
        context.on("requestfailed", self._request_failed)
        if to_network:
            context.on("requestfailed", self._request)
            context.on("requestfinished", self._request)
            if self._bodies.wanted:
                context.on("requestfinished", self._body)

    def _now_ms(self) -> float:
        return self._clock.monotonic_s() * 1000

    def _console(self, message: PlaywrightMessage) -> None:
        place: Any = message.location
        self._facts.publish(
            ConsoleMessage(
                page_id=self._pages.id_of(message.page),
                level=_LEVELS.get(message.type, message.type),
                text=message.text[:_MAX_TEXT],
                args=tuple(_value(str(arg)) for arg in message.args),
                url=str(place.get("url", "")),
                line=int(place.get("lineNumber", 0)),
                column=int(place.get("columnNumber", 0)),
                time_ms=self._now_ms(),
            )
        )

    def _error(self, event: WebError) -> None:
        error, place = event.error, event.location
        name, message = error.name or "Error", error.message
        self._facts.publish(
            PageError(
                page_id=self._pages.id_of(event.page),
                name=name,
                message=message.removeprefix(f"{name}: ")[:_MAX_TEXT],
                stack=(error.stack or "")[:_MAX_TEXT],
                url=str(place.get("url", "")),
                line=int(place.get("line", 0)),
                column=int(place.get("column", 0)),
                time_ms=self._now_ms(),
            )
        )

    async def _dialog(self, dialog: Dialog) -> None:
        page_id = self._pages.id_of(dialog.page)
        opening = DialogOpening(page_id, dialog.type, dialog.message, dialog.default_value)
        answer = self._dialogs.opened(opening)
        try:
            await (dialog.accept(answer.text) if answer.accept else dialog.dismiss())
        except PlaywrightError:
            pass  # the page took its dialog away, or is gone itself

    def _request_failed(self, request: Request) -> None:
        """Keep why a document did not come: `goto` only says so in prose."""
        if request.is_navigation_request():
            page_id = page_of(request, self._pages)
            if page_id is not None:
                entry = self._pages.find(page_id)
                entry.failed_request = request
                entry.changed()

    def _request(self, request: Request) -> None:
        response = request.existing_response
        timing = request.timing
        start_wall_s = timing["startTime"] / 1000
        answered_ms, ended_ms = max(0.0, timing["responseStart"]), max(0.0, timing["responseEnd"])
        headers = response.headers if response else {}
        now_ms = self._now_ms()
        request_id = f"request@{next(self._numbers)}"
        if self._har is not None and request.post_data_buffer is not None:
            self._har.add_sent(request_id, request.post_data_buffer.decode("utf-8", errors="replace"))
        self._facts.publish(
            RequestFinished(
                request_id=request_id,
                page_id=page_of(request, self._pages),
                url=request.url,
                method=request.method,
                resource_type=request.resource_type,
                status=response.status if response else -1,
                status_text=response.status_text if response else "",
                protocol="",
                request_headers=shown_headers(request.headers.items()),
                response_headers=shown_headers(headers.items()),
                media_type=headers.get("content-type", "").partition(";")[0].strip(),
                # The driver gives wall time only.
                start_ms=now_ms - (self._clock.wall_s() - start_wall_s) * 1000 if start_wall_s > 0 else now_ms,
                start_wall_s=start_wall_s,
                wait_ms=answered_ms,
                receive_ms=max(0.0, ended_ms - answered_ms),
                encoded_bytes=_length(headers),
                server_ip="",
                failure=request.failure or "",
            )
        )
        if response is not None and not request.failure and self._bodies.ask(request_id):
            self._bodies_asked[request] = request_id

    async def _body(self, request: Request) -> None:
        request_id = self._bodies_asked.pop(request, None)
        if request_id is None:
            return
        body: bytes | None = None
        try:
            response = request.existing_response
            body = await response.body() if response is not None else None
        except PlaywrightError:
            pass  # the page has left it behind, or is gone
        finally:
            self._bodies.came(request_id, body, is_text=_is_utf8(body))


def page_of(request: Request, pages: PageRegistry) -> PageId | None:
    """Return the page that a request belongs to; None if there is none."""
    try:
        return pages.id_of(request.frame.page)
    except PlaywrightError:
        return None  # a service worker's, or of a frame that is no more


def _is_utf8(body: bytes | None) -> bool:
    try:
        return body is not None and bool(body.decode() or True)
    except UnicodeDecodeError:
        return False


def _length(headers: dict[str, str]) -> int:
    """What the server said; the true number would cost a round trip for each request."""
    said = headers.get("content-length", "")
    return int(said) if said.isdigit() else 0


def _value(preview: str) -> JsonValue:
    """Return the value that an argument's preview stands for.

    The driver gives only the preview; a text that looks like a number is taken for one.
    """
    if preview in _WORDS:
        return _WORDS[preview]
    if _NUMBER.fullmatch(preview):
        return float(preview) if not preview.lstrip("-").isdigit() else int(preview)
    return preview[:_MAX_TEXT]
