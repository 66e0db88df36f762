"""Where a provider may be asked: one spelling, one place; whatever else a request names is refused."""

from __future__ import annotations

from typing import Any

import pytest

from bykilt.errors import InvalidInput
from bykilt.llm.broker.destination import Destination
from bykilt.llm.errors import BrokerRefused
from bykilt.llm.providers import Price, Provider

URL = "https://api.example/v1"


def provider(url: str = URL, **changes: Any) -> Provider:
    return Provider(name="p", url=url, models={"m": Price()}, **changes)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (f"{URL}/chat/completions", "/v1/chat/completions"),
        (f"{URL}/models", "/v1/models"),
        (URL, "/v1"),
        ("https://api.example:443/v1/chat/completions", "/v1/chat/completions"),
    ],
)
def test_what_is_below_the_providers_address_is_let_through(url: str, path: str) -> None:
    """The control of the table below."""
    for method in ("GET", "POST"):
        assert Destination.of(provider()).check(method, url) == path


ELSEWHERE = [
    "https://api.example/v1evil/chat/completions",
    "https://api.example/v2/chat/completions",
    "https://api.example/",
    "https://api.example",
    "https://evil.example/v1/chat/completions",
    "https://api.example.evil.example/v1/chat/completions",
    "https://evil.example/https://api.example/v1/chat/completions",
    "http://api.example/v1/chat/completions",
    "https://api.example:8443/v1/chat/completions",
    "https://api.example:0443/v1/chat/completions",
    "https://api.example:/v1/chat/completions",
    "https://api.example:443443/v1/chat/completions",
    "https://api.example@evil.example/v1/chat/completions",
    "https://user:password@api.example/v1/chat/completions",
    "https://@api.example/v1/chat/completions",
    "https://api.example\\@evil.example/v1/chat/completions",
    "https://api.example#@evil.example/v1/chat/completions",
    "https://api.example/v1/chat/completions#x",
    "https://api.example/v1/chat/completions?x=1",
    "https://api.example/v1/chat/completions?",
    "https://api.example/v1/chat/completions;x",
    "https://api.example/v1/../admin",
    "https://api.example/v1/./chat/completions",
    "https://api.example/v1/..",
    "https://api.example/v1/chat/../../admin",
    "https://api.example/v1//chat/completions",
    "https://api.example//v1/chat/completions",
    "https://api.example/v1/chat/completions/",
    "https://api.example/v1/%2e%2e/admin",
    "https://api.example/v1/chat%2fcompletions",
    "https://api.example/v1/chat\\completions",
    "https://api.example/v1/chat/completions%00",
    "https://api.example/v1/chat/completions\x00",
    "https://api.example/v1/chat/completions\r\nHost: evil.example",
    "https://api.example/v1/chat/completions\t",
    " https://api.example/v1/chat/completions",
    "https://api.example/v1/chat/compl\u200betions",
    "https://\uff41pi.example/v1/chat/completions",
    "https://API.example/v1/chat/completions",
    "https://api.example./v1/chat/completions",
    "https:/api.example/v1/chat/completions",
    "https:api.example/v1/chat/completions",
    "//api.example/v1/chat/completions",
    "/v1/chat/completions",
    "HTTPS://api.example/v1/chat/completions",
    "file:///etc/passwd",
    "ftp://api.example/v1/chat/completions",
    "ws://api.example/v1/chat/completions",
    "https://127.0.0.1/v1/chat/completions",
    "https://2130706433/v1/chat/completions",
    "https://0x7f.1/v1/chat/completions",
    "https://[::1]/v1/chat/completions",
    "https://[::ffff:127.0.0.1]/v1/chat/completions",
    "https://[::1%25lo]/v1/chat/completions",
    "https://[api.example]/v1/chat/completions",
    "https://169.254.169.254/latest/meta-data/",
    "https:///v1/chat/completions",
    "https://api.example/v1/" + "a" * 4000,
    "",
]


@pytest.mark.parametrize("url", ELSEWHERE)
def test_another_place_or_another_spelling_is_refused(url: str) -> None:
    with pytest.raises(BrokerRefused):
        Destination.of(provider()).check("POST", url)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "CONNECT", "post", "POST ", "POST / HTTP/1.1\r\nX: ", ""])
def test_other_methods_are_refused(method: str) -> None:
    with pytest.raises(BrokerRefused, match="GET or POST"):
        Destination.of(provider()).check(method, f"{URL}/chat/completions")


@pytest.mark.parametrize(
    "url",
    [
        "api.example/v1", "https://user@api.example/v1", "https://api.example/v1?x=1", "https://api.example/v1#x",
        "https://api.example/a/../v1", "https://api.example:0/v1", "ftp://api.example", "https://", "https://API.example",
    ],
)  # fmt: skip
def test_settings_with_another_spelling_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="url of the provider"):
        Destination.of(provider(url))


def test_without_tls_a_key_goes_to_a_private_network_at_most() -> None:
    with pytest.raises(InvalidInput, match="without TLS"):
        Destination.of(provider("http://api.example/v1"))
    place = Destination.of(provider("http://localhost:8080/v1/", allow_private=True))
    assert (place.origin, place.authority, place.chat_path) == (
        "http://localhost:8080", "localhost:8080", "/v1/chat/completions",
    )  # fmt: skip


def test_addresses_with_colons_are_written_in_brackets() -> None:
    place = Destination.of(provider("https://[2001:4860::8888]/v1"))
    assert (place.host, place.authority) == ("2001:4860::8888", "[2001:4860::8888]")
    assert place.check("POST", "https://[2001:4860::8888]/v1/chat/completions") == "/v1/chat/completions"
