"""Rules for hosts: what can be written, what it means, and what each wrong form is answered with."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.browser.sandbox.egress.host_rules import EgressMode, EgressRules, HostRule
from bykilt.errors import InvalidInput
from bykilt.network.host_names import canonical_host

LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=2, max_size=4).map(".".join)


def restricted(*rules: str) -> EgressRules:
    return EgressRules.parse(EgressMode.RESTRICTED, rules)


@pytest.mark.parametrize(
    ("rule", "host", "port"),
    [
        ("example.com", "example.com", 443),
        ("example.com", "example.com", 80),
        ("example.com", "EXAMPLE.com.", 443),
        ("EXAMPLE.com.", "example.com", 443),
        ("*.example.com", "a.example.com", 443),
        ("*.example.com", "a.b.c.example.com", 80),
        ("example.com:8443", "example.com", 8443),
        ("example.com:80,8080", "example.com", 8080),
        ("*.example.com:*", "a.example.com", 31337),
        ("127.0.0.1:8000", "127.0.0.1", 8000),
        ("[::1]:8000", "[::1]", 8000),
        ("[0:0:0:0:0:0:0:1]:8000", "[::1]", 8000),
        ("localhost:8000", "localhost", 8000),
        ("*.localhost:8000", "app.localhost", 8000),
        ("private:intranet.example", "intranet.example", 443),
        ("169.254.169.254", "169.254.169.254", 80),
        ("bücher.example", "xn--bcher-kva.example", 443),
        ("faß.example", "xn--fa-hia.example", 443),
        ("*.internal", "a.internal", 443),
        ("under_score.example", "under_score.example", 443),
    ],
)
def test_a_host_that_a_rule_names_is_allowed(rule: str, host: str, port: int) -> None:
    verdict = restricted(rule).decide(host, port)

    assert verdict.allowed
    assert verdict.rule == HostRule.parse(rule)


@pytest.mark.parametrize(
    ("rule", "host", "port"),
    [
        ("example.com", "example.com", 8443),
        ("example.com", "a.example.com", 443),
        ("example.com", "notexample.com", 443),
        ("example.com", "example.com.evil.test", 443),
        ("*.example.com", "example.com", 443),
        ("*.example.com", "badexample.com", 443),
        ("*.example.com", ".example.com", 443),
        ("example.com:8443", "example.com", 443),
        ("127.0.0.1:8000", "localhost", 8000),
        ("127.0.0.1:8000", "127.0.0.2", 8000),
        ("localhost:8000", "127.0.0.1", 8000),
        ("127.0.0.1", "127.1", 80),
        ("127.0.0.1", "0x7f.1", 80),
        ("127.0.0.1", "2130706433", 80),
        ("127.0.0.1", "0177.0.0.1", 80),
        ("127.0.0.1", "127.0.0.1..", 80),
        ("127.0.0.1", "[::ffff:127.0.0.1]", 80),
        ("127.0.0.1", "[::ffff:7f00:1]", 80),
        ("[fe80::1]", "[fe80::1%eth0]", 80),
        ("example.com", "exa\0mple.com", 443),
        ("example.com", "example.com\r\n", 443),
        ("example.com", "example.com:443", 443),
        ("example.com", "", 443),
        ("example.com", "example.com", 0),
        ("example.com:*", "example.com", 65536),
    ],
)
def test_a_host_that_no_rule_names_is_refused_with_advice(rule: str, host: str, port: int) -> None:
    verdict = restricted(rule).decide(host, port)

    assert not verdict.allowed
    assert verdict.rule is None
    assert verdict.reason
    assert verdict.hint


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "example.com"),
        ("   ", "example.com"),
        ("*", "`open`"),
        ("*:443", "`open`"),
        ("private:*", "`open`"),
        ("*.com", "one more label"),
        ("*example.com", "first dot"),
        ("a.*.example.com", "first dot"),
        ("*.*.example.com", "first dot"),
        ("https://example.com", "without https://"),
        ("example.com/path", "every path"),
        ("10.0.0.0/8", "range of addresses"),
        ("user:secret@example.com", "without a user name"),
        ("example.com:", "1 to 65535"),
        ("example.com:0", "1 to 65535"),
        ("example.com:65536", "1 to 65535"),
        ("example.com:080", "1 to 65535"),
        ("example.com:http", "1 to 65535"),
        ("example.com:80,", "1 to 65535"),
        ("example.com:-1", "1 to 65535"),
        ("2130706433", "four decimal numbers"),
        ("0x7f.1", "four decimal numbers"),
        ("127.1", "four decimal numbers"),
        ("127.0.0.01", "four decimal numbers"),
        ("1.2.3.4.5", "four decimal numbers"),
        ("a.example.0x", "four decimal numbers"),
        ("*.127.0.0.1", "127.0.0.1"),
        ("::1", "in brackets"),
        ("::1:8000", "in brackets"),
        ("[::1", "in brackets"),
        ("[::1]8000", "in brackets"),
        ("[fe80::1%eth0]", "without a zone"),
        ("[::ffff:10.0.0.1]", "10.0.0.1"),
        ("example..com", "labels"),
        ("example.com..", "labels"),
        (".example.com", "labels"),
        ("exa mple.com", "labels"),
        ("example.com\0", "labels"),
        ("example.com%2e", "labels"),
        ("a" * 64 + ".example", "labels"),
        (".".join(["abcdefgh"] * 30), "labels"),
        ("a\u2028b.example", "as the browser shows it"),
    ],
)
def test_a_wrong_rule_is_refused_with_what_to_write_instead(text: str, advice: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        HostRule.parse(text)

    assert advice in caught.value.hint
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Example.COM.", "example.com"),
        ("example.com:443,80", "example.com"),
        ("example.com:8080,80", "example.com:80,8080"),
        ("PRIVATE:*.example.com:*", "private:*.example.com:*"),
        ("[0:0::1]:8000", "[::1]:8000"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_rule_is_shown_in_its_shortest_spelling(text: str, canonical: str) -> None:
    assert str(HostRule.parse(text)) == canonical


@given(
    NAMES,
    st.booleans(),
    st.booleans(),
    st.none() | st.frozensets(st.integers(1, 65535), min_size=1, max_size=3),
)
def test_what_is_shown_of_a_rule_is_that_rule(
    name: str, is_wildcard: bool, is_private: bool, ports: frozenset[int] | None
) -> None:
    rule = HostRule(name, is_wildcard, ports, is_private)

    assert HostRule.parse(str(rule)) == rule


@given(st.text(max_size=40), st.integers(-1, 70000))
def test_no_text_gets_past_a_rule_that_does_not_name_it(host: str, port: int) -> None:
    rules = restricted("*.allowed.example")

    allowed = rules.decide(host, port).allowed

    assert not allowed or canonical_host(host).endswith(".allowed.example")


@given(st.text(max_size=40))
def test_the_spelling_of_a_host_is_settled_at_once(host: str) -> None:
    try:
        once = canonical_host(host)
    except InvalidInput:
        return

    assert canonical_host(f"[{once}]" if ":" in once else once) == once


def test_nothing_is_allowed_without_a_network() -> None:
    verdict = EgressRules.parse(EgressMode.NONE, ["example.com"]).decide("example.com", 443)

    assert not verdict.allowed
    assert "restricted" in verdict.hint


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "0.0.0.0", "localhost", "a.localhost"]
)
def test_open_mode_refuses_what_is_not_public_by_its_name(host: str) -> None:
    assert not EgressRules(EgressMode.OPEN).decide(host, 80).allowed


def test_open_mode_allows_a_public_host_on_any_port() -> None:
    assert EgressRules(EgressMode.OPEN).decide("example.com", 8443).allowed


def test_open_mode_allows_what_a_rule_adds() -> None:
    assert EgressRules.parse(EgressMode.OPEN, ["localhost:8000"]).decide("localhost", 8000).allowed


@pytest.mark.parametrize(
    ("rule", "host", "address", "is_admitted"),
    [
        ("example.com", "example.com", "93.184.216.34", True),
        ("example.com", "example.com", "127.0.0.1", False),
        ("example.com", "example.com", "10.0.0.1", False),
        ("example.com", "example.com", "::ffff:10.0.0.1", False),
        ("private:example.com", "example.com", "93.184.216.34", True),
        ("private:example.com", "example.com", "10.0.0.1", True),
        ("private:example.com", "example.com", "100.64.0.1", True),
        ("private:example.com", "example.com", "fd00::1", True),
        ("private:example.com", "example.com", "127.0.0.1", True),
        ("private:example.com", "example.com", "169.254.169.254", False),
        ("private:example.com", "example.com", "fd00:ec2::254", False),
        ("private:example.com", "example.com", "100.100.100.200", False),
        ("private:example.com", "example.com", "169.254.1.1", False),
        ("private:example.com", "example.com", "0.0.0.0", False),
        ("private:example.com", "example.com", "224.0.0.1", False),
        ("localhost", "localhost", "127.0.0.1", True),
        ("localhost", "localhost", "::1", True),
        ("localhost", "localhost", "93.184.216.34", False),
        ("localhost", "localhost", "10.0.0.1", False),
        ("169.254.169.254", "169.254.169.254", "169.254.169.254", True),
        ("10.0.0.1", "10.0.0.1", "10.0.0.2", False),
        ("0.0.0.0", "0.0.0.0", "0.0.0.0", False),
    ],
)
def test_an_address_is_admitted_by_its_kind_or_by_its_own_rule(
    rule: str, host: str, address: str, is_admitted: bool
) -> None:
    rules = restricted(rule)

    refusal = rules.refusal_of_address(host, 443, address=ip_address(address), rule=HostRule.parse(rule))

    assert (refusal is None) is is_admitted
    assert refusal is None or (refusal.reason and refusal.hint)


def test_the_widest_permission_counts_whatever_the_order() -> None:
    for rules in (["*.example.com", "private:api.example.com"], ["private:api.example.com", "*.example.com"]):
        assert str(restricted(*rules).decide("api.example.com", 443).rule) == "private:api.example.com"


@pytest.mark.parametrize(
    ("host", "port", "rule"),
    [("example.com", 443, "'example.com'"), ("example.com", 8443, "'example.com:8443'"), ("::1", 80, "'[::1]'")],
)
def test_the_hint_names_the_rule_to_add(host: str, port: int, rule: str) -> None:
    assert rule in restricted().decide(host, port).hint


def test_an_explanation_says_which_rule_it_was() -> None:
    assert restricted("*.example.com").explain("a.example.com", 443) == (
        "a.example.com:443 is allowed by rule '*.example.com', if it leads to public addresses"
    )
    assert restricted("a.example").explain("a.example", 8080) == (
        "a.example:8080 is refused: rule 'a.example' does not cover port 8080\n"
        "hint: if the browser needs it, add 'a.example:8080' to the allowed hosts"
    )
