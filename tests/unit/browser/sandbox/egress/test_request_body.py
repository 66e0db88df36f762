"""Where a request's body ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.browser.sandbox.egress.decisions import MalformedRequest
from bykilt.browser.sandbox.egress.request_body import ChunkedBody, SizedBody


def payload_of(framed: bytes) -> bytes:
    """Read chunks in the simplest way, to compare with."""
    digits, _, rest = framed.partition(b"\r\n")
    size = int(digits, 16)
    return rest[:size] + payload_of(rest[size + 2 :]) if size else b""


def test_not_one_byte_after_a_body_of_known_length_goes_on() -> None:
    body = SizedBody(5)

    assert (body.feed(b"hel"), body.is_done) == (b"hel", False)
    assert (body.feed(b"loGET /"), body.is_done) == (b"lo", True)
    assert body.has_surplus


def test_no_body_is_done_at_once() -> None:
    assert SizedBody(0).is_done
    assert not SizedBody(0).has_surplus


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.integers(1, 50))
def test_chunks_carry_the_same_bytes_in_whatever_pieces_they_come(chunks: list[bytes], size: int) -> None:
    framed = b"".join(b"%X\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    body = ChunkedBody()

    sent = b"".join(body.feed(framed[start : start + size]) for start in range(0, len(framed), size))

    assert body.is_done
    assert not body.has_surplus
    assert payload_of(sent) == b"".join(chunks)


def test_what_comes_after_the_last_chunk_does_not_go_on() -> None:
    body = ChunkedBody()

    assert body.feed(b"2\r\nhi\r\n0\r\n\r\nGET / HTTP/1.1\r\n") == b"2\r\nhi\r\n0\r\n\r\n"
    assert body.is_done
    assert body.has_surplus
    assert body.feed(b"more") == b""


@pytest.mark.parametrize(
    "framed",
    [
        b"\r\n",
        b"g\r\n",
        b"-1\r\n",
        b"2\nhi",
        b"2\r\nhiX",
        b"2\r\nhi\n",
        b"0\r\nA: b\r\n",
        b"1;a\r\n",
        b" 1\r\n",
        b"111111111",
    ],
)
def test_a_broken_chunk_is_refused_as_soon_as_it_is_seen(framed: bytes) -> None:
    with pytest.raises(MalformedRequest):
        ChunkedBody().feed(framed)


@given(st.binary(max_size=60))
def test_no_chunks_are_worse_than_refused(noise: bytes) -> None:
    try:
        sent = ChunkedBody().feed(noise)
    except MalformedRequest:
        return

    assert len(sent) <= 6 * len(noise) + 5
