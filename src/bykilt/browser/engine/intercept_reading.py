"""How the rules and patterns of the network interception are written, and the doors through which they come in.

    {"url": "*.example.com/*", "method": "GET", "resource_type": "image",     which requests; all, if left out
     "block": true}                                                           what is done: see `Rule`

Knows JSON. An error says in which rule, and where in it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from bykilt.browser.engine.field_kinds import (
    Kind,
    read_between,
    read_bool,
    read_nonempty,
    read_plain_text,
    read_text,
    read_texts,
    read_whole,
    read_word,
    read_words,
)
from bykilt.browser.engine.intercept_rules import (
    Credentials,
    FailReason,
    Fulfillment,
    HeaderChanges,
    RequestChange,
    ResourceType,
    ResponseChange,
    Rule,
)
from bykilt.browser.engine.request_patterns import check_pattern
from bykilt.documents.problems import describe
from bykilt.json_types import JsonObject, JsonValue

T = TypeVar("T")

_MAX_RULES = 1000
_MAX_DELAY_MS = 600_000
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_METHOD = re.compile(r"[A-Z]+")


def read_patterns(value: JsonValue) -> tuple[str, ...]:
    """One pattern or a list of them, which may be empty."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise ValueError(f"expected a pattern or a list of patterns, got {describe(value)}")
    return tuple(check_pattern(read_text(item)) for item in items)


def read_rules(value: JsonValue) -> tuple[Rule, ...]:
    """One rule or a list of them. The error says which rule, and where in it."""
    if isinstance(value, Mapping):
        return (_at("", lambda: _read_rule(value)),)
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"expected a list of rules, got {describe(value)}")
    if len(value) > _MAX_RULES:
        raise ValueError(f"holds {len(value)} rules; {_MAX_RULES} are the most")
    rules = []
    for number, item in enumerate(value):
        try:
            rules.append(_read_rule(item))
        except ValueError as error:
            raise ValueError(f"[{number}]: {error}") from None
    return tuple(rules)


def _at(place: str, read: Callable[[], T]) -> T:
    """Read something; an error says where it was."""
    try:
        return read()
    except ValueError as error:
        raise ValueError(f"{place}: {error}" if place else str(error)) from None


class _Keys:
    """The keys of an object, each read with its name in the error."""

    def __init__(self, value: JsonValue, known: Sequence[str]) -> None:
        if not isinstance(value, Mapping):
            raise ValueError(f"expected an object, got {describe(value)}")
        unknown = sorted(set(value) - set(known))
        if unknown:
            raise ValueError(f"unknown key {unknown[0]!r}; the keys are {', '.join(known)}")
        self.given = {key: each for key, each in value.items() if each is not None}

    def read(self, key: str, read: Callable[[JsonValue], T]) -> T | None:
        """Return what a key holds, None if it is not there."""
        return _at(key, lambda: read(self.given[key])) if key in self.given else None

    def one_of(self, *names: str) -> str | None:
        """Return which of the keys is there; more than one make no sense."""
        found = [name for name in names if name in self.given]
        if len(found) > 1:
            raise ValueError(f"{found[0]} and {found[1]} do not go together")
        return found[0] if found else None


_EFFECTS = ("observe", "block", "fail", "fulfill", "change_request", "change_response")
_RULE_KEYS = ("url", "method", "resource_type", *_EFFECTS, "delay_ms", "auth")


def _read_rule(value: JsonValue) -> Rule:
    keys = _Keys(value, _RULE_KEYS)
    for key in ("observe", "block"):
        if keys.read(key, read_bool) is False:
            del keys.given[key]
    for change in ("change_request", "change_response"):
        keys.one_of("observe", "block", "fail", "fulfill", change)
    return Rule(
        urls=_at("url", lambda: _some(read_patterns(keys.given["url"]))) if "url" in keys.given else ("*",),
        methods=keys.read("method", _read_methods) or (),
        resource_types=keys.read("resource_type", read_words(ResourceType)) or (),
        block="block" in keys.given,
        fail=keys.read("fail", read_word(FailReason)),
        fulfill=keys.read("fulfill", _read_fulfillment),
        change_request=keys.read("change_request", _read_request_change),
        change_response=keys.read("change_response", _read_response_change),
        delay_ms=keys.read("delay_ms", read_between(0, _MAX_DELAY_MS)) or 0.0,
        auth=keys.read("auth", _read_credentials),
    )


def _some(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if not patterns:
        raise ValueError("an empty list matches nothing; leave it out to match every request")
    return patterns


def _read_method(value: JsonValue) -> str:
    method = read_nonempty(value).upper()
    if not _METHOD.fullmatch(method):
        raise ValueError(f"{method!r} is no method")
    return method


def _read_methods(value: JsonValue) -> tuple[str, ...]:
    return tuple(_read_method(item) for item in read_texts(value))


def _read_fulfillment(value: JsonValue) -> Fulfillment:
    keys = _Keys(value, ("status", "headers", "body", "body_base64", "json", "file"))
    kind = keys.one_of("body", "body_base64", "json", "file")
    headers = tuple((name, text) for name, text in keys.read("headers", _read_headers) or () if text is not None)
    usual = {"body": "text/plain; charset=utf-8", "json": "application/json"}.get(kind or "")
    if usual and not any(name.lower() == "content-type" for name, _ in headers):
        headers += (("Content-Type", usual),)
    return Fulfillment(
        status=keys.read("status", read_whole(200, 599)) or 200,
        headers=headers,
        body=_read_body(keys) or b"",
        file=keys.read("file", read_nonempty),
    )


def _read_body(keys: _Keys) -> bytes | None:
    if "json" in keys.given:
        return json.dumps(keys.given["json"], ensure_ascii=False).encode()
    text = keys.read("body", read_text)
    return text.encode() if text is not None else keys.read("body_base64", _read_base64)


def _read_base64(value: JsonValue) -> bytes:
    try:
        return base64.b64decode(read_text(value), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"is no base64: {error}") from None


def _read_request_change(value: JsonValue) -> RequestChange:
    keys = _Keys(value, ("url", "method", "headers", "body", "body_base64", "json"))
    keys.one_of("body", "body_base64", "json")
    return RequestChange(
        url=keys.read("url", _read_address),
        method=keys.read("method", _read_method),
        headers=keys.read("headers", _read_headers) or (),
        body=_read_body(keys),
    )


def _read_address(value: JsonValue) -> str:
    url = read_nonempty(value)
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} does not begin with http:// or https://")
    return url


def _read_response_change(value: JsonValue) -> ResponseChange:
    keys = _Keys(value, ("status", "headers", "body", "body_base64", "json", "replace"))
    keys.one_of("body", "body_base64", "json", "replace")
    return ResponseChange(
        status=keys.read("status", read_whole(200, 599)),
        headers=keys.read("headers", _read_headers) or (),
        body=_read_body(keys),
        replace=keys.read("replace", _read_replacements) or (),
    )


def _read_replacements(value: JsonValue) -> tuple[tuple[str, str], ...]:
    items = [value] if isinstance(value, Mapping) else value
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise ValueError(f"expected {{'find', 'with'}} or a list of them, got {describe(value)}")
    pairs = []
    for item in items:
        keys = _Keys(item, ("find", "with"))
        find = keys.read("find", read_text)
        if not find:
            raise ValueError("needs `find`: the text that is replaced")
        pairs.append((find, keys.read("with", read_text) or ""))
    return tuple(pairs)


def _read_headers(value: JsonValue) -> HeaderChanges:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected an object of names and values, got {describe(value)}")
    for name, text in value.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a header")
        if isinstance(text, str) and any(sign in text for sign in "\r\n\0"):
            raise ValueError(f"the value of {name} holds a line break")
    return tuple((name, None if text is None else read_plain_text(text)) for name, text in value.items())


def _read_credentials(value: JsonValue) -> Credentials:
    keys = _Keys(value, ("username", "password"))
    username, password = keys.read("username", read_text), keys.read("password", read_plain_text)
    if username is None or password is None:
        raise ValueError("needs both username and password")
    return Credentials(username, password)


# ---- the schema


def _object(**properties: Any) -> JsonObject:
    return {"type": "object", "properties": properties, "additionalProperties": False}


_TEXT: JsonObject = {"type": "string"}
_TEXTS: JsonObject = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_STATUS: JsonObject = {"type": "integer", "minimum": 200, "maximum": 599}
_HEADERS: JsonObject = {"type": "object", "additionalProperties": {"type": ["string", "number", "null"]}}
_BODY: dict[str, Any] = {"body": _TEXT, "body_base64": _TEXT, "json": {}}
_PAIR = _object(find=_TEXT, **{"with": _TEXT})
_WORDS: JsonObject = {"enum": [str(word) for word in ResourceType]}
_RULE = _object(
    url=_TEXTS,
    method=_TEXTS,
    resource_type={"anyOf": [_WORDS, {"type": "array", "items": _WORDS}]},
    observe={"type": "boolean"},
    block={"type": "boolean"},
    fail={"enum": [str(word) for word in FailReason]},
    fulfill=_object(status=_STATUS, headers=_HEADERS, file=_TEXT, **_BODY),
    change_request=_object(url=_TEXT, method=_TEXT, headers=_HEADERS, **_BODY),
    change_response=_object(
        status=_STATUS, headers=_HEADERS, replace={"anyOf": [_PAIR, {"type": "array", "items": _PAIR}]}, **_BODY
    ),
    delay_ms={"type": "number", "minimum": 0, "maximum": _MAX_DELAY_MS},
    auth=_object(username=_TEXT, password={"type": ["string", "number"]}),
)

PatternsField = Annotated[tuple[str, ...], Kind(read_patterns, _TEXTS)]
RulesField = Annotated[
    tuple[Rule, ...], Kind(read_rules, {"anyOf": [_RULE, {"type": "array", "items": _RULE, "maxItems": _MAX_RULES}]})
]
