"""Rules of the network interception as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bykilt.browser.engine.actions import InterceptNetwork, parse_action, to_json
from bykilt.browser.engine.errors import InvalidAction
from bykilt.browser.engine.intercept_rules import FailReason, InterceptSettings, Rule, replaced


def read(*rules: Any) -> tuple[Rule, ...]:
    """Return the rules as the action holds them."""
    action = parse_action({"type": "intercept_network", "rules": list(rules)})
    assert isinstance(action, InterceptNetwork)
    return action.rules


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"blok": True}, r"\[1\].*'blok'"),
        ({"url": ""}, r"\[1\]: url"),
        ({"url": []}, r"\[1\]: url"),
        ({"method": "GE T"}, r"\[1\]: method"),
        ({"resource_type": "picture"}, r"\[1\]: resource_type.*one of"),
        ({"fail": "boom"}, r"\[1\]: fail.*timed_out"),
        ({"fulfill": {"status": 99}}, r"\[1\]: fulfill: status"),
        ({"fulfill": {"body": "a", "file": "b"}}, r"\[1\]: fulfill: body and file"),
        ({"fulfill": {"body_base64": "%"}}, r"\[1\]: fulfill: body_base64"),
        ({"fulfill": {"headers": {"a b": "c"}}}, r"\[1\]: fulfill: headers"),
        ({"fulfill": {"headers": {"X": "a\r\nSet-Cookie: b"}}}, r"\[1\]: fulfill: headers.*line break"),
        ({"change_request": {"url": "example.com"}}, r"\[1\]: change_request: url"),
        ({"change_response": {"replace": [{"with": "b"}]}}, r"\[1\]: change_response: replace.*find"),
        ({"block": True, "fulfill": {}}, r"\[1\]: block and fulfill"),
        ({"block": True, "change_request": {}}, r"\[1\]: block and change_request"),
        ({"delay_ms": -1}, r"\[1\]: delay_ms"),
        ({"auth": {"username": "a"}}, r"\[1\]: auth.*password"),
        ("block", r"\[1\]: expected an object"),
    ],
)
def test_a_mistake_is_named_with_its_place(rule: Any, place: str) -> None:
    """Which rule, and where in it."""
    with pytest.raises(InvalidAction, match=place):
        read({"block": True}, rule)


def test_the_first_rule_that_matches_counts() -> None:
    """By address, method and resource type; outside the patterns none does."""
    rules = read(
        {"url": "example.com/a", "method": ["post", "PUT"], "block": True},
        {"url": "example.com", "resource_type": "image", "fail": "timed_out"},
        {"url": "*", "observe": True},
    )
    settings = InterceptSettings(("*.example.com",), rules)

    assert settings.rule_for("http://example.com/a", "POST", "fetch") == (0, rules[0])
    assert settings.rule_for("http://example.com/a", "GET", "image") == (1, rules[1])
    assert settings.rule_for("http://example.com/a", "GET", "fetch") == (2, rules[2])
    assert settings.rule_for("http://example.net/a", "POST", "fetch") is None
    assert rules[1].fail is FailReason.TIMED_OUT


def test_only_what_a_rule_interferes_with_is_held_back() -> None:
    """To observe, the browser's reports are enough."""
    assert InterceptSettings(("*",), read({"url": "a.example", "observe": True})).holding_patterns == ()
    assert InterceptSettings(("*",), read({"url": "a.example", "delay_ms": 5})).holding_patterns == ("a.example",)


def test_a_rule_is_shown_without_its_secrets() -> None:
    """Passwords and credential headers never come into an event."""
    action = parse_action(
        {
            "type": "intercept_network",
            "rules": [
                {"auth": {"username": "aiko", "password": "hunter2"}},
                {"change_request": {"headers": {"Authorization": "Bearer hunter2", "X-Plain": "seen", "Cookie": None}}},
                {"fulfill": {"body": "b" * 1000}},
            ],
        }
    )

    shown = json.dumps(to_json(action))

    assert "hunter2" not in shown
    assert "hunter2" not in repr(action.rules[0])  # type: ignore[attr-defined]
    assert "aiko" in shown
    assert "seen" in shown
    assert len(shown) < 1000


@pytest.mark.parametrize(
    ("body", "kind", "after"),
    [
        (b"tea", "text/html", b"cake"),
        ("茶 tea".encode("shift_jis"), "text/html; charset=Shift_JIS", "茶 cake".encode("shift_jis")),
        (b"\xff tea \x00", "application/octet-stream", b"\xff cake \x00"),
        (b"tea", "text/html; charset=unknown", b"cake"),
    ],
)
def test_text_is_replaced_in_the_charset_of_the_answer(body: bytes, kind: str, after: bytes) -> None:
    """Bytes that are no text stay as they are."""
    assert replaced(body, kind, (("tea", "cake"),)) == after
