"""What a rule of the network interception says: which requests it is for and what is done to them.

The same for both engines. Does not know how rules are written (`intercept_reading`), nor how an engine does any of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bykilt.browser.engine.request_patterns import pattern_matches
from bykilt.events.credential_headers import HIDDEN_VALUE, is_credential
from bykilt.json_types import JsonObject, JsonValue

_SHOWN_TEXT = 200


class ResourceType(StrEnum):
    """What asked for something, in the protocol's words."""

    DOCUMENT = "document"
    STYLESHEET = "stylesheet"
    IMAGE = "image"
    MEDIA = "media"
    FONT = "font"
    SCRIPT = "script"
    TEXTTRACK = "texttrack"
    XHR = "xhr"
    FETCH = "fetch"
    PREFETCH = "prefetch"
    EVENTSOURCE = "eventsource"
    WEBSOCKET = "websocket"
    MANIFEST = "manifest"
    PING = "ping"
    PREFLIGHT = "preflight"
    OTHER = "other"


class FailReason(StrEnum):
    """How a request may fail, as the page's network would."""

    FAILED = "failed"
    ABORTED = "aborted"
    TIMED_OUT = "timed_out"
    ACCESS_DENIED = "access_denied"
    CONNECTION_CLOSED = "connection_closed"
    CONNECTION_RESET = "connection_reset"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_ABORTED = "connection_aborted"
    CONNECTION_FAILED = "connection_failed"
    NAME_NOT_RESOLVED = "name_not_resolved"
    INTERNET_DISCONNECTED = "internet_disconnected"
    ADDRESS_UNREACHABLE = "address_unreachable"
    BLOCKED_BY_CLIENT = "blocked_by_client"
    BLOCKED_BY_RESPONSE = "blocked_by_response"


HeaderChanges = tuple[tuple[str, str | None], ...]
"""Headers to set; None takes one away."""


@dataclass(frozen=True, slots=True)
class Fulfillment:
    """An answer of our own. Exactly one of `body` and `file` counts; a file is read when the rules are set."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    file: str | None = None


@dataclass(frozen=True, slots=True)
class RequestChange:
    """What is sent otherwise. None leaves things as they are."""

    url: str | None = None
    method: str | None = None
    headers: HeaderChanges = ()
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class ResponseChange:
    """What the page gets otherwise. `replace` holds pairs of text: what is found and what stands in its place."""

    status: int | None = None
    headers: HeaderChanges = ()
    body: bytes | None = None
    replace: tuple[tuple[str, str], ...] = ()

    @property
    def of_body(self) -> bool:
        """Whether it changes the body."""
        return self.body is not None or bool(self.replace)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What answers a server that asks who is there."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, ***)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which requests, and what is done to them; without an effect they are only observed.

    A rule blocks, fails or fulfils; or it changes the request, the response, or both. Each of these may come
    after a delay. `auth` answers a server that asks for a password.
    """

    urls: tuple[str, ...] = ("*",)
    methods: tuple[str, ...] = ()
    resource_types: tuple[ResourceType, ...] = ()
    fail: FailReason | None = None
    block: bool = False
    fulfill: Fulfillment | None = None
    change_request: RequestChange | None = None
    change_response: ResponseChange | None = None
    delay_ms: float = 0.0
    auth: Credentials | None = None

    def matches(self, url: str, method: str, resource_type: str) -> bool:
        """Whether a request is one that this rule is for."""
        return (
            (not self.methods or method.upper() in self.methods)
            and (not self.resource_types or resource_type in self.resource_types)
            and any(pattern_matches(pattern, url) for pattern in self.urls)
        )

    @property
    def interferes(self) -> bool:
        """Whether it does anything besides observing."""
        return bool(
            self.block
            or self.fail
            or self.fulfill
            or self.change_request
            or self.change_response
            or self.delay_ms
            or self.auth
        )

    def to_json(self) -> JsonObject:
        """Return the rule for people: without passwords, and with long texts cut."""
        shown: dict[str, JsonValue] = {"url": list(self.urls)}
        if self.methods:
            shown["method"] = list(self.methods)
        if self.resource_types:
            shown["resource_type"] = [str(each) for each in self.resource_types]
        if self.block:
            shown["block"] = True
        if self.fail:
            shown["fail"] = str(self.fail)
        if self.fulfill:
            shown["fulfill"] = _shown_fulfillment(self.fulfill)
        if self.change_request:
            change = self.change_request
            shown["change_request"] = _present(
                {
                    "url": change.url,
                    "method": change.method,
                    "headers": _shown_headers(change.headers) or None,
                    "body": _shown_body(change.body),
                }
            )
        if self.change_response:
            answer = self.change_response
            shown["change_response"] = _present(
                {
                    "status": answer.status,
                    "headers": _shown_headers(answer.headers) or None,
                    "body": _shown_body(answer.body),
                    "replace": [{"find": find, "with": put} for find, put in answer.replace] or None,
                }
            )
        if self.delay_ms:
            shown["delay_ms"] = self.delay_ms
        if self.auth:
            shown["auth"] = {"username": self.auth.username, "password": HIDDEN_VALUE}
        return shown


def _present(fields: dict[str, JsonValue]) -> JsonObject:
    return {name: value for name, value in fields.items() if value is not None}


def _shown_headers(changes: HeaderChanges) -> JsonObject:
    return {name: HIDDEN_VALUE if value and is_credential(name) else value for name, value in changes}


def _shown_body(body: bytes | None) -> str | None:
    if body is None:
        return None
    text = body.decode("utf-8", errors="replace")
    return text if len(text) <= _SHOWN_TEXT else f"{text[:_SHOWN_TEXT]}… ({len(body)} bytes)"


def _shown_fulfillment(given: Fulfillment) -> JsonObject:
    shown: dict[str, JsonValue] = {"status": given.status}
    if given.headers:
        shown["headers"] = _shown_headers(given.headers)
    shown["file" if given.file else "body"] = given.file or _shown_body(given.body)
    return shown


@dataclass(frozen=True, slots=True)
class InterceptSettings:
    """Which requests are looked at, and the rules for them; the first rule that matches counts."""

    patterns: tuple[str, ...]
    rules: tuple[Rule, ...] = ()

    def covers(self, url: str) -> bool:
        """Whether a request is looked at at all."""
        return any(pattern_matches(pattern, url) for pattern in self.patterns)

    def rule_for(self, url: str, method: str, resource_type: str) -> tuple[int, Rule] | None:
        """Return the first rule for a request with its number, None if there is none."""
        if not self.covers(url):
            return None
        return next(
            ((number, rule) for number, rule in enumerate(self.rules) if rule.matches(url, method, resource_type)), None
        )

    @property
    def holding_patterns(self) -> tuple[str, ...]:
        """The patterns of the requests that have to be held back; the others are only listened to."""
        # A rule that only observes has to be seen too: it keeps the later ones from counting. But alone it is nothing.
        holding = [pattern for rule in self.rules if rule.interferes for pattern in rule.urls]
        return tuple(dict.fromkeys(holding))

    @property
    def with_auth(self) -> bool:
        """Whether a rule answers servers that ask who is there."""
        return any(rule.auth for rule in self.rules)

    def credentials_for(self, url: str) -> Credentials | None:
        """Return what answers a server at an address."""
        if not self.covers(url):
            return None
        return next(
            (rule.auth for rule in self.rules if rule.auth and any(pattern_matches(each, url) for each in rule.urls)),
            None,
        )


def replaced(body: bytes, content_type: str, pairs: tuple[tuple[str, str], ...]) -> bytes:
    """Return a body with its texts replaced; the charset is the one that the answer names, else UTF-8."""
    charset = next(
        (part.partition("=")[2].strip("\"' ") for part in content_type.split(";")[1:] if "charset" in part.lower()),
        "utf-8",
    )
    try:
        text = body.decode(charset)
    except (LookupError, UnicodeDecodeError):
        # Bytes that are no text go through this one unchanged.
        charset = "latin-1"
        text = body.decode(charset)
    for find, put in pairs:
        text = text.replace(find, put)
    try:
        return text.encode(charset)
    except UnicodeEncodeError:
        return text.encode(charset, errors="xmlcharrefreplace")
