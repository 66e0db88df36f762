"""Secrets are found in every encoding, in any text, however it is cut; and nothing else is."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bykilt.security.encodings import SHORTEST
from bykilt.security.redaction import HIDDEN, LONGEST_PATTERN, Pieces, SecretRedactor

AWKWARD = "p<ä>/s&'w\"o+r=d 鍵\\%7"


def _alike(text: str) -> str:
    return text


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": _alike,
    "URL path": quote,
    "URL component": lambda text: quote(text, safe="-_.!~*'()"),
    "URL, lower case": lambda text: _lowered(quote(text, safe="")),
    "form": quote_plus,
    "form of a browser": lambda text: urlencode({"": text}, safe="*-._")[1:],
    "HTML": html.escape,
    "HTML text": lambda text: html.escape(text, quote=False),
    "HTML, decimal": lambda text: html.escape(text).replace("&#x27;", "&#39;"),
    "JSON": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON in ASCII": json.dumps,
    "JSON, slashes escaped": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "JSON for a script element": lambda text: (
        json.dumps(text).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").replace("'", "\\u0027")
    ),
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 in an URL": lambda text: quote(base64.b64encode(text.encode()), safe=""),
}
values = st.text(st.characters(exclude_categories=["Cs"]), min_size=SHORTEST, max_size=40).filter(
    lambda text: len(text.strip()) >= SHORTEST
)
surroundings = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def _lowered(encoded: str) -> str:
    return "".join(letter.lower() if letter in "ABCDEF" else letter for letter in encoded)


def only(*secrets: str) -> SecretRedactor:
    """Knows these, and no patterns."""
    return SecretRedactor(secrets, patterns=(), cards=False)


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_value_is_hidden_in_every_encoding(name: str) -> None:
    """Contract: also one with all the letters that encodings treat apart."""
    written = ENCODINGS[name](AWKWARD)
    masked = only(AWKWARD).mask(f"before {written} after")
    assert HIDDEN in masked
    # Base64 keeps a letter or two at its ends that depend on what stands beside the value.
    assert len(masked) <= len(f'before "\\"{HIDDEN}\\"" after') + 6, masked


@given(value=values, name=st.sampled_from(sorted(set(ENCODINGS) - {"URL, lower case"})))
def test_any_value_is_hidden_in_every_encoding(value: str, name: str) -> None:
    """Property: what is left of the encoded text cannot be decoded to the value."""
    written = ENCODINGS[name](value)
    if name.startswith("base64") and len(value.encode()) < 8:
        return  # too short to be told from other text
    assert written.strip('"') not in only(value).mask(f"[{written}]")


@given(value=values, before=st.binary(max_size=5), after=st.binary(max_size=5))
def test_a_value_inside_of_something_in_base64_is_hidden(value: str, before: bytes, after: bytes) -> None:
    """Property: wherever it begins; a user name and a password are sent in one such text."""
    if len(value.encode()) < 8:
        return
    masked = only(value).mask(base64.b64encode(before + value.encode() + after).decode())
    assert HIDDEN in masked
    kept = "".join(masked.split(HIDDEN)).rstrip("=")
    # Four letters hold three bytes: beside those of its neighbours, a byte of the value at each end is all there is.
    assert len(kept) * 6 <= (len(before) + len(after)) * 8 + 4 * 8


@given(value=values, before=surroundings, after=surroundings)
@example(value="aaaa", before="aa", after="a")
def test_nothing_else_is_hidden(value: str, before: str, after: str) -> None:
    """Property: the text around a secret stays, unless it goes on as the secret began."""
    masked = only(value).mask(before + value + after)
    assert value not in masked
    if value not in (before + value + after).replace(value, "", 1) and _shares_nothing(value, before, after):
        assert masked == before + HIDDEN + after


def _shares_nothing(value: str, before: str, after: str) -> bool:
    return not set(value) & (set(before) | set(after))


@given(text=surroundings, value=values)
def test_a_text_without_secrets_stays_as_it_is(text: str, value: str) -> None:
    """Property."""
    redactor = only(value)
    if not redactor.spans(text):
        assert redactor.mask(text) is text


def test_secrets_that_overlap_leave_nothing_behind() -> None:
    """Contract: neither the end of one nor the beginning of the other."""
    assert only("abcdef", "defghi").mask("x abcdefghi y") == f"x {HIDDEN} y"


def test_a_value_may_be_added_later() -> None:
    """Contract: it is hidden from then on."""
    redactor = only("first-secret")
    assert redactor.mask("second-secret") == "second-secret"
    redactor.add("second-secret")
    assert redactor.mask("first-secret second-secret") == f"{HIDDEN} {HIDDEN}"


def test_a_very_short_value_is_not_looked_for() -> None:
    """Contract: it would be found in every other word."""
    assert only("at", "  x ").mask("that is at x") == "that is at x"


def test_each_line_of_a_long_value_counts() -> None:
    """Contract: servers and logs break them up."""
    key = "line-one-of-a-key\r\nline-two-of-a-key\n"
    assert only(key).mask("> line-two-of-a-key <") == f"> {HIDDEN} <"
    assert only(key).mask(key.replace("\r\n", "\n")) in (HIDDEN, HIDDEN + "\n")


@given(value=values, before=surroundings, after=surroundings, cuts=st.lists(st.integers(0, 200), max_size=12))
def test_pieces_make_the_same_as_the_whole(value: str, before: str, after: str, cuts: list[int]) -> None:
    """Property: wherever the text is cut, between typed characters too."""
    whole = before + value + after
    redactor = only(value)
    pieces = Pieces(redactor)
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    told = "".join(pieces.feed(whole[begin:end]) for begin, end in pairwise(places))
    assert told + pieces.finish() == redactor.mask(whole)


def test_pieces_are_told_before_the_end() -> None:
    """Contract: a text of any length needs little memory."""
    pieces = Pieces(only("the-secret"))
    told = 0
    for _ in range(1_000):
        told += len(pieces.feed("lorem ipsum the-secret " * 10))
    assert told > 100_000
    assert len(pieces.finish()) <= 2 * LONGEST_PATTERN


CREDENTIALS = {
    "bearer": "Authorization: Bearer abcdefghijklmnop0123456789",
    "basic": "authorization: Basic YWxhZGRpbjpvcGVuc2VzYW1l",
    "jwt": "token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "openai": "sk-proj-abcdefghijklmnopqrstuv0123456789",
    "stripe": "sk_" + "live_abcdefghijklmnop0123",
    "github": "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789",
    "github-fine": "github_pat_" + "11ABCDEFG0abcdefghijklmnopqrstuvwxyz",
    "gitlab": "glpat-" + "abcdefghijklmnopqrst",
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "google": "AIza" + "SyA-abcdefghijklmnopqrstuvwxyz01234",
    "slack": "xoxb-" + "123456789012-abcdefghij",
    "npm": "npm_" + "abcdefghijklmnopqrstuvwxyz0123456789",
    "hugging-face": "hf_" + "abcdefghijklmnopqrstuvwxyz01234567",
    "vault": "hvs." + "abcdefghijklmnopqrstuvwx",
    "sendgrid": "SG." + "abcdefghijklmnop.qrstuvwxyz0123456789",
    "private-key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\nDEFghi\n-----END RSA PRIVATE KEY-----",
    "card, in fours": "card 4111 1111 1111 1111 expires",
    "card, in one": "4111111111111111",
    "card with dashes": "5500-0055-5555-5559",
    "amex": "3782 822463 10005",
}


@pytest.mark.parametrize("name", CREDENTIALS)
def test_what_looks_like_a_credential_is_hidden(name: str) -> None:
    """Contract: although nobody named it."""
    masked = SecretRedactor().mask(f"x {CREDENTIALS[name]} y")
    assert HIDDEN in masked
    assert masked.startswith("x ")
    assert masked.endswith(" y")


@pytest.mark.parametrize(
    "text",
    [
        "a Bearer of news came to Basic English",
        "4111 1111 1111 1112",
        "1732474860123",
        "order 20261124000000001",
        "41111111111111111111111",
        "eyJust some text",
        "task-abcdefghijklmnopqrstuvwxyz"[:12],
        "-----BEGIN CERTIFICATE-----",
        "2026-11-24 19:36:40 2026-11-24",
    ],
)
def test_what_only_begins_like_one_stays(text: str) -> None:
    """Contract."""
    assert SecretRedactor().mask(text) == text
