"""A secret does not show itself, and knows where it may be used."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback

import pytest

from bykilt.events.redactor import masked
from bykilt.security.errors import InvalidSecret
from bykilt.security.secret import KnownValue, Secret, SecretKind, SecretPolicy, check_name, check_value, normal_origin
from bykilt.storage.json_document import compact_json
from tests.support.vaults import CANARY, SetClock

SECRET = Secret("shop_password", CANARY, SecretPolicy())


@pytest.mark.parametrize(
    "shown",
    [
        repr(SECRET),
        str(SECRET),
        f"{SECRET}",
        f"{SECRET!r:>40}",
        "%s" % SECRET,  # noqa: UP031 - one of the ways in which people print
        repr([SECRET]),
        repr({"a": SECRET}),
        repr(KnownValue("shop_password", CANARY)),
    ],
)
def test_it_is_not_printed(shown: str) -> None:
    assert CANARY not in shown
    assert "***" in shown


def test_it_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").warning("typed %s, %r", SECRET, SECRET)
    assert CANARY not in caplog.text


def test_it_is_not_in_a_traceback_with_its_variables() -> None:
    def fail(secret: Secret) -> None:
        raise ValueError(secret)

    with pytest.raises(ValueError) as failed:
        fail(SECRET)

    told = traceback.TracebackException.from_exception(failed.value, capture_locals=True)
    assert CANARY not in "".join(told.format())


def test_it_is_neither_pickled_nor_copied() -> None:
    for attempt in (lambda: pickle.dumps(SECRET), lambda: copy.copy(SECRET), lambda: copy.deepcopy(SECRET)):
        with pytest.raises(TypeError):
            attempt()


def test_it_does_not_get_into_json() -> None:
    with pytest.raises(TypeError):
        json.dumps(SECRET)
    assert CANARY not in compact_json({"value": SECRET})  # type: ignore[dict-item]
    assert masked({"value": "x"}, Shouting()) == {"value": "X"}  # the redactor that is used beside it works


class Shouting:
    """A redactor whose work is seen."""

    def mask(self, text: str) -> str:
        return text.upper()


def test_it_has_no_dictionary_and_no_hash() -> None:
    assert not hasattr(SECRET, "__dict__")
    with pytest.raises(TypeError):
        hash(SECRET)


def test_two_with_the_same_value_are_equal_and_none_equals_a_text() -> None:
    assert Secret("other", CANARY, SecretPolicy()) == SECRET
    assert Secret("shop_password", "another", SecretPolicy()) != SECRET
    assert SECRET != CANARY


def test_reveal_gives_the_value_and_for_otp_the_code_of_the_moment() -> None:
    clock = SetClock(59)
    key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    otp = Secret("code", key, SecretPolicy(kind=SecretKind.OTP), clock=clock)

    assert SECRET.reveal() == CANARY
    assert otp.reveal() == "287082"
    clock.now_s = 1111111109
    assert otp.reveal() == "081804"


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("https://Shop.Example", "https://shop.example"),
        ("https://shop.example:443/", "https://shop.example"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_origins_are_compared_as_browsers_spell_them(written: str, normal: str) -> None:
    assert normal_origin(written) == normal
    assert SecretPolicy(origins=(normal,)).allows_origin(written)


@pytest.mark.parametrize(
    "text",
    ["shop.example", "ftp://shop.example", "https://", "https://*.shop.example", "https://shop.example/login",
     "https://user@shop.example", "https://shop.example:x", "https://店.example", "null", ""],
)  # fmt: skip
def test_what_is_no_origin_is_refused_in_a_policy_and_is_never_allowed(text: str) -> None:
    with pytest.raises(InvalidSecret):
        SecretPolicy(origins=(text,))
    assert not SecretPolicy(origins=("https://shop.example",)).allows_origin(text)


def test_another_origin_is_not_allowed() -> None:
    policy = SecretPolicy(origins=("https://shop.example",))
    for other in ("http://shop.example", "https://shop.example:8443", "https://shop.example.evil.example"):
        assert not policy.allows_origin(other)
    assert not SecretPolicy().allows_origin("https://anywhere.example")


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "a" * 129, "名前", "a\n"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidSecret):
        check_name(name)


@pytest.mark.parametrize("value", ["", "x" * 65_537, "half \ud800"])
def test_what_is_no_value_is_refused_without_being_repeated(value: str) -> None:
    with pytest.raises(InvalidSecret) as refused:
        check_value(value, SecretKind.TEXT)
    assert "xxx" not in refused.value.explain()
