"""Requests held back by the browser until we answer, on every session of a context.

Knows that each gets exactly one answer, whatever happens to its page or to us. Does not know what the answer is:
that is `decide`, which is called inside the receive path.

Source: CDP Fetch domain, https://chromedevtools.github.io/devtools-protocol/tot/Fetch/
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from bykilt.browser.cdp.commands import (
    FETCH_CONTINUE_REQUEST,
    FETCH_CONTINUE_RESPONSE,
    FETCH_CONTINUE_WITH_AUTH,
    FETCH_DISABLE,
    FETCH_ENABLE,
    FETCH_FAIL_REQUEST,
    FETCH_FULFILL_REQUEST,
    FETCH_GET_RESPONSE_BODY,
)
from bykilt.browser.cdp.connection import Call, Session
from bykilt.browser.cdp.errors import SessionClosed
from bykilt.browser.cdp.protocol_events import FETCH_AUTH_REQUIRED, FETCH_REQUEST_PAUSED
from bykilt.browser.cdp.session_features import TargetKind

if TYPE_CHECKING:
    from cdp_use.cdp.fetch.commands import (
        ContinueRequestParameters,
        ContinueResponseParameters,
        FulfillRequestParameters,
    )
    from cdp_use.cdp.fetch.events import AuthRequiredEvent, RequestPausedEvent
    from cdp_use.cdp.fetch.types import AuthChallengeResponse, HeaderEntry
    from cdp_use.cdp.network.types import ErrorReason

    from bykilt.browser.cdp.page import Page

Headers = Sequence[tuple[str, str]]


class PausedRequest:
    """A request before it is sent, or its answer before the page gets it (`is_answer`)."""

    def __init__(self, session: Session, page: Page, event: RequestPausedEvent, done: Callable[[], None]) -> None:
        self.page = page
        self.id = event["requestId"]
        self.network_id = event.get("networkId", "")
        self.url: str = event["request"]["url"]
        self.method: str = event["request"]["method"]
        self.resource_type = event["resourceType"].lower()
        self.headers = header_pairs(event["request"]["headers"])
        self.status = event.get("responseStatusCode")
        self.answer_headers = tuple((each["name"], each["value"]) for each in event.get("responseHeaders") or ())
        self.is_answer = self.status is not None or "responseErrorReason" in event
        self._session = session
        self._done = done
        self._answered = False
        self._call_off: Callable[[], None] = lambda: None

    def later(self, delay_s: float, answer: Callable[[], None]) -> None:
        """Answer after a while, unless something else answers before."""
        self._call_off = self._session.connection.later(delay_s, answer)

    def proceed(
        self,
        *,
        url: str | None = None,
        method: str | None = None,
        headers: Headers | None = None,
        body: bytes | None = None,
        stop_at_answer: bool = False,
    ) -> None:
        """Send it, changed where something is given. With `stop_at_answer` its answer is held back too."""
        params: ContinueRequestParameters = {"requestId": self.id}
        if url is not None:
            params["url"] = url
        if method is not None:
            params["method"] = method
        if headers is not None:
            params["headers"] = _entries(headers)
        if body is not None:
            params["postData"] = base64.b64encode(body).decode()
        if stop_at_answer:
            params["interceptResponse"] = True
        self._answer(FETCH_CONTINUE_REQUEST(params))

    def fail(self, reason: ErrorReason) -> None:
        """Let it fail."""
        self._answer(FETCH_FAIL_REQUEST({"requestId": self.id, "errorReason": reason}))

    def fulfill(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer in the server's place."""
        params: FulfillRequestParameters = {
            "requestId": self.id,
            "responseCode": status,
            "responseHeaders": _entries(headers),
            "body": base64.b64encode(body).decode(),
        }
        self._answer(FETCH_FULFILL_REQUEST(params))

    def hand_over(self, status: int | None = None, headers: Headers | None = None) -> None:
        """Give the page the server's answer, under another status or with other headers if given."""
        params: ContinueResponseParameters = {"requestId": self.id}
        if headers is not None or status is not None:
            # The protocol takes both or neither.
            params["responseCode"] = status if status is not None else self.status or 200
            params["responseHeaders"] = _entries(headers if headers is not None else self.answer_headers)
        self._answer(FETCH_CONTINUE_RESPONSE(params))

    def read_body(self, then: Callable[[bytes | None], None]) -> None:
        """Hand on the body of the answer; None when there is none, as with a redirect."""

        def got(answer: Any) -> None:
            if answer is None:
                then(None)
            else:
                then(base64.b64decode(answer["body"]) if answer["base64Encoded"] else answer["body"].encode())

        self._session.ask(FETCH_GET_RESPONSE_BODY({"requestId": self.id}), got)

    def release(self) -> None:
        """Let it go on as if nothing had held it, if it was not answered."""
        if self.is_answer:
            self.hand_over()
        else:
            self.proceed()

    def forget(self) -> None:
        """Take note that nobody waits for the answer any more."""
        self._answered = True
        self._call_off()

    def _answer(self, call: Call[Any]) -> None:
        if self._answered:
            return
        self.forget()
        self._done()
        # Refused when the page gave the request up in the meantime: then nothing waits for it.
        self._session.post(call)


class Decider(Protocol):
    """What decides about requests. Called inside the receive path: each answers at once, or has it done later."""

    def decide(self, paused: PausedRequest) -> None:
        """Answer a request, or see to it that it is answered."""

    def credentials(self, url: str, *, is_proxy: bool) -> tuple[str, str] | None:
        """Return user name and password for a server or a proxy that asks; None if there are none."""


class Interception:
    """Holds requests back on every session that it is given to. Off until `hold`."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider
        self._sessions: dict[Session, Page] = {}
        self._globs: tuple[str, ...] = ()
        self._with_auth = False
        self._waiting: dict[tuple[Session, str], PausedRequest] = {}
        self._tried: dict[tuple[Session, str], None] = {}

    def prepare(self, page: Page, session: Session, kind: TargetKind) -> Sequence[Call[Any]]:
        """Listen on a new session; see `SessionFeature`."""
        self._sessions[session] = page
        session.on_close(lambda _: self._forget(session))
        if kind is TargetKind.PAGE:
            # With its session gone, Chromium would send what is still held back.
            page.before_close(lambda: self._give_up(page))
        session.on(FETCH_REQUEST_PAUSED, lambda event: self._paused(session, page, event))
        session.on(FETCH_AUTH_REQUIRED, lambda event: self._asked(session, event))
        return [self._command()] if self._globs else []

    def _command(self) -> Call[Any]:
        if not self._globs:
            return FETCH_DISABLE({})
        return FETCH_ENABLE(
            {"patterns": [{"urlPattern": glob} for glob in self._globs], "handleAuthRequests": self._with_auth}
        )

    async def hold(self, globs: Sequence[str], *, with_auth: bool) -> None:
        """Hold back, from now on, the requests whose address fits one of the globs; with none, none.

        What was held back before is let go.

        Raises:
            ProtocolError: The browser refused.
        """
        was_on = bool(self._globs)
        self._globs, self._with_auth = tuple(globs), with_auth
        for paused in list(self._waiting.values()):
            paused.release()
        if not was_on and not globs:
            return
        for answer in [session.send(self._command()) for session in self._sessions]:
            try:
                await answer
            except SessionClosed:
                continue

    def _paused(self, session: Session, page: Page, event: RequestPausedEvent) -> None:
        key = (session, event["requestId"])

        def done() -> None:
            self._waiting.pop(key, None)

        paused = PausedRequest(session, page, event, done)
        self._waiting[key] = paused
        if self._globs:
            self._decider.decide(paused)
        else:
            paused.release()

    def _asked(self, session: Session, event: AuthRequiredEvent) -> None:
        is_proxy = event["authChallenge"].get("source") == "Proxy"
        attempt = (session, f"{event['requestId']} {is_proxy}")
        found = None
        if attempt not in self._tried:
            found = self._decider.credentials(event["request"]["url"], is_proxy=is_proxy)
        answer: AuthChallengeResponse = {"response": "CancelAuth"}
        if found is not None:
            self._tried[attempt] = None
            answer = {"response": "ProvideCredentials", "username": found[0], "password": found[1]}
        session.post(FETCH_CONTINUE_WITH_AUTH({"requestId": event["requestId"], "authChallengeResponse": answer}))

    def _give_up(self, page: Page) -> None:
        for paused in [paused for paused in self._waiting.values() if paused.page is page]:
            paused.fail("Aborted")

    def _forget(self, session: Session) -> None:
        self._sessions.pop(session, None)
        for key in [key for key in self._waiting if key[0] is session]:
            self._waiting.pop(key).forget()
        for attempt in [attempt for attempt in self._tried if attempt[0] is session]:
            del self._tried[attempt]


def _entries(headers: Headers) -> list[HeaderEntry]:
    return [{"name": name, "value": value} for name, value in headers]


def header_pairs(headers: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return the protocol's headers as pairs of text."""
    return tuple((name, str(value)) for name, value in headers.items())


def changed_headers(headers: Headers, changes: Sequence[tuple[str, str | None]]) -> list[tuple[str, str]]:
    """Return headers with some of them set, or taken away (None); names are compared without regard to case."""
    lower: Mapping[str, str | None] = {name.lower(): value for name, value in changes}
    kept = [(name, value) for name, value in headers if name.lower() not in lower]
    return kept + [(name, value) for name, value in changes if value is not None]
