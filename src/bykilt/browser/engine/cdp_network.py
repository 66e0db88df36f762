"""The network interception of the CDP engine: decides about requests by the rules, and keeps the record.

Knows rules and record. How a request is held back and answered is in `browser/cdp/interception`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from bykilt.browser.cdp.connection import Call, Session
from bykilt.browser.cdp.context import BrowserContext
from bykilt.browser.cdp.interception import Interception, PausedRequest, changed_headers, header_pairs
from bykilt.browser.cdp.protocol_events import (
    NETWORK_LOADING_FAILED,
    NETWORK_LOADING_FINISHED,
    NETWORK_REQUEST_WILL_BE_SENT,
    NETWORK_RESPONSE_RECEIVED,
    NETWORK_WEB_SOCKET_CLOSED,
    NETWORK_WEB_SOCKET_CREATED,
    NETWORK_WEB_SOCKET_FRAME_RECEIVED,
    NETWORK_WEB_SOCKET_FRAME_SENT,
    NETWORK_WEB_SOCKET_HANDSHAKE_RESPONSE_RECEIVED,
)
from bykilt.browser.cdp.session_features import TargetKind
from bykilt.browser.engine.actions import Action, InterceptNetwork
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.cdp_target import Pages
from bykilt.browser.engine.intercept_rules import FailReason, InterceptSettings, RequestChange, Rule, replaced
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.request_patterns import browser_glob
from bykilt.browser.engine.request_record import RequestEntry, RequestRecord, done_by
from bykilt.browser.engine.response_files import with_files
from bykilt.browser.engine.socket_record import SocketRecord
from bykilt.clock import Clock
from bykilt.events.model import FactSink

if TYPE_CHECKING:
    from cdp_use.cdp.network.events import (
        LoadingFailedEvent,
        LoadingFinishedEvent,
        RequestWillBeSentEvent,
        ResponseReceivedEvent,
        WebSocketCreatedEvent,
        WebSocketFrameReceivedEvent,
        WebSocketFrameSentEvent,
        WebSocketHandshakeResponseReceivedEvent,
    )
    from cdp_use.cdp.network.types import ErrorReason

    from bykilt.browser.cdp.page import Page
    from bykilt.browser.engine.cdp_engine import CDPEngine

_REASONS: Mapping[FailReason, ErrorReason] = {
    FailReason.FAILED: "Failed",
    FailReason.ABORTED: "Aborted",
    FailReason.TIMED_OUT: "TimedOut",
    FailReason.ACCESS_DENIED: "AccessDenied",
    FailReason.CONNECTION_CLOSED: "ConnectionClosed",
    FailReason.CONNECTION_RESET: "ConnectionReset",
    FailReason.CONNECTION_REFUSED: "ConnectionRefused",
    FailReason.CONNECTION_ABORTED: "ConnectionAborted",
    FailReason.CONNECTION_FAILED: "ConnectionFailed",
    FailReason.NAME_NOT_RESOLVED: "NameNotResolved",
    FailReason.INTERNET_DISCONNECTED: "InternetDisconnected",
    FailReason.ADDRESS_UNREACHABLE: "AddressUnreachable",
    FailReason.BLOCKED_BY_CLIENT: "BlockedByClient",
    FailReason.BLOCKED_BY_RESPONSE: "BlockedByResponse",
}
# They describe the body as the server sent it, and it comes here unpacked.
_OF_THE_OLD_BODY: Sequence[tuple[str, str | None]] = tuple(
    (name, None) for name in ("Content-Encoding", "Content-Length", "Transfer-Encoding")
)

_TEXT_FRAME = 1

ProxyCredentials = tuple[str, str]


class CdpNetwork:
    """The interception of one context."""

    def __init__(self, facts: FactSink, clock: Clock, proxy: ProxyCredentials | None = None) -> None:
        self.record = RequestRecord()
        self._clock = clock
        self._proxy = proxy
        self._sockets = SocketRecord(facts, clock)
        self._settings: InterceptSettings | None = None
        self._interception = Interception(self)
        self._rules_of: dict[str, Rule] = {}

    async def join(self, context: BrowserContext) -> None:
        """Become part of every session of a context."""
        await context.add_feature(self._interception)
        await context.add_feature(self)
        if self._proxy is not None:
            await self._hold()

    def prepare(self, page: Page, session: Session, kind: TargetKind) -> Sequence[Call[Any]]:
        """Listen on a new session; see `SessionFeature`."""
        session.on(NETWORK_REQUEST_WILL_BE_SENT, lambda event: self._sent(page, event))
        session.on(NETWORK_RESPONSE_RECEIVED, self._answered)
        session.on(NETWORK_LOADING_FINISHED, self._finished)
        session.on(NETWORK_LOADING_FAILED, self._failed)
        session.on(NETWORK_WEB_SOCKET_CREATED, lambda event: self._socket(page, event))
        session.on(NETWORK_WEB_SOCKET_HANDSHAKE_RESPONSE_RECEIVED, self._socket_answered)
        session.on(NETWORK_WEB_SOCKET_FRAME_SENT, lambda event: self._frame(event, sent=True))
        session.on(NETWORK_WEB_SOCKET_FRAME_RECEIVED, lambda event: self._frame(event, sent=False))
        session.on(NETWORK_WEB_SOCKET_CLOSED, lambda event: self._sockets.closed(self.record, event["requestId"]))
        return []

    async def intercept(self, settings: InterceptSettings | None) -> None:
        """Work by these settings from now on; None ends the interception, and what is held back goes on.

        Raises:
            ProtocolError: The browser refused.
        """
        if settings is not None:
            self.record = RequestRecord()
        self._settings = settings
        self._rules_of.clear()
        await self._hold()

    async def _hold(self) -> None:
        settings = self._settings
        patterns = settings.holding_patterns if settings else ()
        globs = ["*"] if self._proxy else list(dict.fromkeys(browser_glob(pattern) for pattern in patterns))
        await self._interception.hold(
            ["*"] if "*" in globs else globs, with_auth=bool(self._proxy or (settings and settings.with_auth))
        )

    # ---- deciding

    def credentials(self, url: str, *, is_proxy: bool) -> tuple[str, str] | None:
        """Return what answers a server or proxy that asks; see `Decider`."""
        if is_proxy:
            return self._proxy
        found = self._settings.credentials_for(url) if self._settings else None
        return (found.username, found.password) if found else None

    def decide(self, paused: PausedRequest) -> None:
        """Answer a request by its rule; see `Decider`."""
        if paused.is_answer:
            self._change_answer(paused)
            return
        settings = self._settings
        found = settings.rule_for(paused.url, paused.method, paused.resource_type) if settings else None
        if found is None:
            paused.proceed()
            return
        number, rule = found
        self._note(paused, number, rule)
        if rule.delay_ms:
            paused.later(rule.delay_ms / 1000, lambda: self._apply(paused, rule))
        else:
            self._apply(paused, rule)

    def _apply(self, paused: PausedRequest, rule: Rule) -> None:
        if rule.block or rule.fail:
            paused.fail(_REASONS[rule.fail or FailReason.BLOCKED_BY_CLIENT])
            return
        if rule.fulfill is not None:
            paused.fulfill(rule.fulfill.status, rule.fulfill.headers, rule.fulfill.body)
            return
        change = rule.change_request or RequestChange()
        if rule.change_response is not None:
            self._rules_of[paused.network_id or paused.id] = rule
        paused.proceed(
            url=change.url,
            method=change.method,
            headers=changed_headers(paused.headers, change.headers) if change.headers else None,
            body=change.body,
            stop_at_answer=rule.change_response is not None,
        )

    def _change_answer(self, paused: PausedRequest) -> None:
        rule = self._rules_of.pop(paused.network_id or paused.id, None)
        change = rule.change_response if rule else None
        if change is None or paused.status is None or 300 <= paused.status < 400:
            # A redirect has no answer of its own: its next hop is a request again.
            paused.hand_over()
            return
        status = change.status if change.status is not None else paused.status
        headers = changed_headers(paused.answer_headers, change.headers)
        if not change.of_body:
            paused.hand_over(change.status, headers)
            return
        plain = changed_headers(headers, _OF_THE_OLD_BODY)
        if change.body is not None:
            paused.fulfill(status, plain, change.body)
            return
        kind = next((value for name, value in headers if name.lower() == "content-type"), "")

        def got(body: bytes | None) -> None:
            if body is None:
                paused.hand_over(change.status, headers)
            else:
                paused.fulfill(status, plain, replaced(body, kind, change.replace))

        paused.read_body(got)

    # ---- the record

    def _note(self, paused: PausedRequest, number: int, rule: Rule) -> None:
        key = paused.network_id
        entry = self.record.of(key)
        if entry is None or entry.ended_ms is not None:
            # The browser may hold a request back before it tells of it.
            entry = self._entry(paused.page, paused.url, paused.method, paused.resource_type, paused.headers)
            self.record.begin(key, entry)
        entry.done, entry.rule, entry.delayed_ms = done_by(rule), number, rule.delay_ms

    def _entry(
        self, page: Page, url: str, method: str, resource_type: str, headers: tuple[tuple[str, str], ...]
    ) -> RequestEntry:
        return RequestEntry(page.id, url, method, resource_type, headers, self._now_ms(), self._clock.wall_s())

    def _sent(self, page: Page, event: RequestWillBeSentEvent) -> None:
        settings = self._settings
        if settings is None:
            return
        key, request = event["requestId"], event["request"]
        redirect = event.get("redirectResponse")
        if redirect is not None:
            self.record.answered(key, redirect["status"], header_pairs(redirect["headers"]), event["timestamp"] * 1000)
            self.record.ended(key, event["timestamp"] * 1000)
        if not settings.covers(request["url"]):
            return
        noted = self.record.of(key)
        if noted is not None and noted.ended_ms is None and noted.url == request["url"]:
            return
        kind = str(event.get("type", "Other")).lower()
        self.record.begin(
            key, self._entry(page, request["url"], request["method"], kind, header_pairs(request["headers"]))
        )

    def _answered(self, event: ResponseReceivedEvent) -> None:
        if self._settings is not None:
            answer = event["response"]
            self.record.answered(event["requestId"], answer["status"], header_pairs(answer["headers"]), self._now_ms())

    def _finished(self, event: LoadingFinishedEvent) -> None:
        self.record.ended(event["requestId"], self._now_ms())

    def _failed(self, event: LoadingFailedEvent) -> None:
        self._rules_of.pop(event["requestId"], None)
        self.record.ended(event["requestId"], self._now_ms(), str(event.get("errorText") or "failed"))

    def _socket(self, page: Page, event: WebSocketCreatedEvent) -> None:
        if self._settings is not None and self._settings.covers(event["url"]):
            self._sockets.opened(self.record, event["requestId"], page.id, event["url"])

    def _socket_answered(self, event: WebSocketHandshakeResponseReceivedEvent) -> None:
        answer = event["response"]
        self.record.answered(event["requestId"], answer["status"], header_pairs(answer["headers"]), self._now_ms())

    def _frame(self, event: WebSocketFrameSentEvent | WebSocketFrameReceivedEvent, *, sent: bool) -> None:
        frame = event["response"]
        data = frame["payloadData"]
        payload = data if frame["opcode"] == _TEXT_FRAME else base64.b64decode(data)
        self._sockets.frame(self.record, event["requestId"], payload, sent=sent)

    def _now_ms(self) -> float:
        return self._clock.monotonic_s() * 1000


async def intercept_network(
    engine: CDPEngine, pages: Pages, action: InterceptNetwork, progress: Progress
) -> ActionOutput:
    progress.waiting_for("the browser to hold requests back")
    rules = await anyio.to_thread.run_sync(with_files, action.rules, engine.context.upload_limits)
    await engine.network.intercept(InterceptSettings(action.patterns, rules) if action.patterns else None)
    return ActionOutput({"patterns": list(action.patterns), "rules": len(rules)})


HANDLERS: Mapping[type[Action], Any] = {InterceptNetwork: intercept_network}
