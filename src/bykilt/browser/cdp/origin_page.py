"""A page of ours at any origin, in which no script of that origin runs: for reading and writing what it stores.

Knows how such a page is had: every request it makes is answered here, with nothing. No server hears of it, and no
`Page` is made for it.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from bykilt.browser.cdp.commands import (
    FETCH_ENABLE,
    FETCH_FULFILL_REQUEST,
    NETWORK_ENABLE,
    NETWORK_SET_BYPASS_SERVICE_WORKER,
    PAGE_ENABLE,
    PAGE_NAVIGATE,
    RUNTIME_EVALUATE,
    RUNTIME_RUN_IF_WAITING_FOR_DEBUGGER,
)
from bykilt.browser.cdp.connection import Session
from bykilt.browser.cdp.errors import CdpError
from bykilt.browser.cdp.protocol_events import FETCH_REQUEST_PAUSED, PAGE_LOAD_EVENT_FIRED
from bykilt.browser.cdp.realms import javascript_error, json_value
from bykilt.browser.cdp.signal import Signal
from bykilt.json_types import JsonValue

if TYPE_CHECKING:
    from cdp_use.cdp.fetch.events import RequestPausedEvent

_EMPTY = base64.b64encode(b"<!doctype html><title>storage</title>").decode()


class OriginPage:
    """One hidden page; `go` as often as needed."""

    def __init__(self, session: Session, target_id: str) -> None:
        self.target_id = target_id
        self._session = session
        self._loaded = False
        self._changed = Signal()
        session.on(FETCH_REQUEST_PAUSED, self._answer)
        session.on(PAGE_LOAD_EVENT_FIRED, lambda _: self._load())
        session.on_close(lambda _: self._changed.fire())

    async def prepare(self) -> None:
        """Take over its network; to be called once, first.

        Raises:
            ProtocolError: The browser refused or is gone.
        """
        send = self._session.send
        commands: list[Any] = [
            NETWORK_ENABLE({}),
            NETWORK_SET_BYPASS_SERVICE_WORKER({"bypass": True}),
            PAGE_ENABLE({}),
            FETCH_ENABLE({"patterns": [{"urlPattern": "*"}]}),
        ]
        answers = [send(command) for command in commands]
        self._session.post(RUNTIME_RUN_IF_WAITING_FOR_DEBUGGER({}))
        for answer in answers:
            await answer

    async def go(self, origin: str) -> None:
        """Show an empty document of an origin such as `https://shop.example`.

        Raises:
            ProtocolError: The browser refused or is gone.
        """
        self._loaded = False
        answer = await self._session.send(PAGE_NAVIGATE({"url": f"{origin}/"}))
        if answer.get("errorText"):
            raise CdpError("Page.navigate", 0, answer["errorText"], self._session.id)
        await self._changed.wait_until(lambda: self._loaded or None)

    async def evaluate(self, expression: str) -> JsonValue:
        """Return what an expression, or the promise that it yields, comes to.

        Raises:
            JavaScriptError: It threw.
            ProtocolError: The browser is gone.
        """
        answer = await self._session.send(
            RUNTIME_EVALUATE({"expression": expression, "awaitPromise": True, "returnByValue": True})
        )
        details: Any = answer.get("exceptionDetails")
        if details is not None:
            raise javascript_error(details)
        return json_value(answer["result"])

    def _load(self) -> None:
        self._loaded = True
        self._changed.fire()

    def _answer(self, event: RequestPausedEvent) -> None:
        headers = [{"name": "Content-Type", "value": "text/html"}, {"name": "Cache-Control", "value": "no-store"}]
        answer: Any = {
            "requestId": event["requestId"],
            "responseCode": 200,
            "responseHeaders": headers,
            "body": _EMPTY,
        }
        self._session.post(FETCH_FULFILL_REQUEST(answer))
