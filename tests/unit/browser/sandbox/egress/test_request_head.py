"""What is forwarded of a request, and that nothing but a request gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.browser.sandbox.egress.decisions import MalformedRequest
from bykilt.browser.sandbox.egress.request_head import (
    CLOSE_FIELDS,
    WEBSOCKET_FIELDS,
    Form,
    HeadReader,
    parse_proxy_request,
    parse_websocket_upgrade,
)


def lines(*texts: str) -> bytes:
    return "\r\n".join(texts).encode("latin-1")


UPGRADE = ("Host: a.test", "Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Version: 13")


def test_a_request_for_a_url_is_forwarded_as_one_for_a_path() -> None:
    head = lines("GET http://A.test./x?y=[z] HTTP/1.1", "Host: a.TEST", "Accept: */*", "X-Tab:\ta\tb ")

    request = parse_proxy_request(head)

    assert (request.form, request.host, request.port, request.body_bytes) == (Form.ABSOLUTE, "a.test", 80, 0)
    assert request.forwarded(fields=CLOSE_FIELDS) == (
        b"GET /x?y=[z] HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nX-Tab: a\tb\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("url", "path"),
    [("http://a.test", "/"), ("http://a.test?q", "/?q"), ("http://a.test/?q=http://b/", "/?q=http://b/")],
)
def test_a_url_without_a_path_asks_for_the_root(url: str, path: str) -> None:
    assert parse_proxy_request(lines(f"GET {url} HTTP/1.1", "Host: a.test")).path == path


@pytest.mark.parametrize(
    ("authority", "host", "port"),
    [
        ("a.test", "a.test", 80),
        ("a.test:80", "a.test", 80),
        ("a.test:8080", "a.test", 8080),
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("[0:0::1]:8080", "::1", 8080),
    ],
)
def test_the_host_of_a_request_is_read(authority: str, host: str, port: int) -> None:
    request = parse_proxy_request(lines(f"GET http://{authority}/ HTTP/1.1", f"Host: {authority}"))

    assert (request.host, request.port) == (host, port)


def test_a_request_keeps_its_host_and_port_on_the_way() -> None:
    request = parse_proxy_request(lines("GET http://[::1]:8080/ HTTP/1.1", "Host: [::1]:8080"))

    assert request.forwarded().startswith(b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n")
    assert request.forwarded(to_proxy=True).startswith(b"GET http://[::1]:8080/ HTTP/1.1\r\nHost: [::1]:8080\r\n")


def test_what_is_meant_for_the_proxy_is_not_forwarded() -> None:
    head = lines(
        "POST http://a.test/ HTTP/1.1",
        "Host: a.test",
        "Proxy-Authorization: Basic c2VjcmV0",
        "Proxy-Connection: keep-alive",
        "Connection: keep-alive, X-Mine",
        "X-Mine: 1",
        "Keep-Alive: 5",
        "TE: trailers",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABk",
        "Cookie: kept=1",
        "Content-Length: 3",
    )

    assert parse_proxy_request(head).forwarded() == (
        b"POST / HTTP/1.1\r\nHost: a.test\r\nCookie: kept=1\r\nContent-Length: 3\r\n\r\n"
    )


def test_a_body_in_chunks_is_announced_as_one() -> None:
    head = lines("POST http://a.test/ HTTP/1.1", "Host: a.test", "Transfer-Encoding: Chunked")

    request = parse_proxy_request(head)

    assert request.body_bytes is None
    assert request.forwarded() == b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("host", ["Host: a.test:443", "Host: a.test"])
def test_connect_names_host_and_port(host: str) -> None:
    request = parse_proxy_request(lines("CONNECT a.test:443 HTTP/1.1", host, "Proxy-Connection: keep-alive"))

    assert (request.form, request.host, request.port) == (Form.AUTHORITY, "a.test", 443)


def test_the_request_that_opens_a_websocket_is_forwarded_with_its_upgrade() -> None:
    request = parse_websocket_upgrade(lines("GET /chat?a HTTP/1.1", *UPGRADE), "a.test", 80)

    assert request.forwarded(fields=WEBSOCKET_FIELDS) == (
        b"GET /chat?a HTTP/1.1\r\nHost: a.test\r\nSec-WebSocket-Version: 13\r\n"
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )


@pytest.mark.parametrize(
    "head",
    [
        lines("GET / HTTP/1.1", "Host: a.test"),
        lines("POST / HTTP/1.1", *UPGRADE),
        lines("GET http://a.test/ HTTP/1.1", *UPGRADE),
        lines("GET / HTTP/1.1", "Host: b.test", *UPGRADE[1:]),
        lines("GET / HTTP/1.1", "Host: a.test:8080", *UPGRADE[1:]),
        lines("GET / HTTP/1.1", "Host: a.test", *UPGRADE),
        lines("GET / HTTP/1.1", *UPGRADE[1:]),
        lines("GET / HTTP/1.1", "Host: a.test", "Connection: close", "Upgrade: websocket"),
        lines("GET / HTTP/1.1", *UPGRADE[:2], "Upgrade: h2c"),
        lines("GET / HTTP/1.1", *UPGRADE, "Upgrade: h2c"),
        lines("GET / HTTP/1.1", *UPGRADE, "Content-Length: 5"),
        lines("GET / HTTP/1.1", *UPGRADE, "Transfer-Encoding: chunked"),
        lines("CONNECT b.test:80 HTTP/1.1", "Host: b.test:80"),
    ],
)
def test_nothing_else_opens_a_websocket(head: bytes) -> None:
    with pytest.raises(MalformedRequest):
        parse_websocket_upgrade(head, "a.test", 80)


@given(st.integers(1, 20))
def test_a_head_may_come_in_any_pieces(size: int) -> None:
    data = b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\nrest"
    reader = HeadReader()

    answers = [reader.feed(data[start : start + size]) for start in range(0, len(data) - 4, size)]

    complete = next(answer for answer in answers if answer is not None)
    assert complete[0] == data[:-8]


@given(st.binary(max_size=200))
def test_no_head_is_worse_than_refused(noise: bytes) -> None:
    for head in (noise, b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n" + noise, b"CONNECT " + noise + b" HTTP/1.1"):
        try:
            complete = HeadReader().feed(head + b"\r\n\r\n")
            if complete is not None:
                parse_proxy_request(complete[0])
        except MalformedRequest:
            pass


@given(st.text("GET:/. \r\n\tabchostHTTP1-_,;=\0\x0b", max_size=60))
def test_what_is_forwarded_has_one_reading(noise: str) -> None:
    """However a field is written, the head that goes on has one Host, one end, and no line that is not a field."""
    head = lines("GET http://a.test/ HTTP/1.1", "Host: a.test", noise)
    try:
        forwarded = parse_proxy_request(head).forwarded()
    except MalformedRequest:
        return

    assert forwarded.count(b"\r\n\r\n") == 1
    assert b"\n" not in forwarded.replace(b"\r\n", b"")
    assert forwarded.lower().count(b"\r\nhost:") == 1
    assert all(b": " in line for line in forwarded[:-4].split(b"\r\n")[1:])
