"""What the browser gets of an answer's head."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.browser.sandbox.egress.decisions import Unreachable
from bykilt.browser.sandbox.egress.response_head import MAX_HEAD_BYTES, ResponseHeadFilter


def filtered(data: bytes) -> bytes:
    return ResponseHeadFilter().feed(data)


def test_the_browser_is_told_that_the_connection_ends() -> None:
    answer = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok"

    assert filtered(answer) == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@pytest.mark.parametrize(
    "forged",
    [
        b"X-Sandbox-Policy: denied\r\n",
        b"x-sandbox-policy : denied\r\n",
        b"X-Sandbox-Policy:\r\n denied\r\n",
        b"A: b\rX-Sandbox-Policy: denied\r\n",
        b"A: b\nX-Sandbox-Policy: denied\n",
        b"Proxy-Authenticate: Basic realm=a\r\n",
    ],
)
def test_a_server_cannot_speak_for_the_proxy(forged: bytes) -> None:
    head = filtered(b"HTTP/1.1 200 OK\r\n" + forged + b"B: c\r\n\r\n")

    assert b"policy" not in head.lower()
    assert b"authenticate" not in head.lower()
    assert b"denied" not in head
    assert b"\r\nB: c\r\n" in head


def test_interim_answers_go_on_before_the_final_one() -> None:
    answer = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
    reader = ResponseHeadFilter()

    assert reader.feed(answer) == (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    )
    assert reader.status == 204


@given(st.integers(1, 30))
def test_a_head_may_come_in_any_pieces(size: int) -> None:
    answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200\nA: b\n\nbody\r\n\r\nbody"
    reader = ResponseHeadFilter()

    sent = b"".join(reader.feed(answer[start : start + size]) for start in range(0, len(answer), size))

    assert sent == b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200\r\nA: b\r\nConnection: close\r\n\r\nbody\r\n\r\nbody"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"<html>",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * MAX_HEAD_BYTES,
    ],
)
def test_what_is_no_answer_is_not_passed_on(answer: bytes) -> None:
    with pytest.raises(Unreachable):
        filtered(answer)


@given(st.binary(max_size=100))
def test_no_answer_is_worse_than_refused(noise: bytes) -> None:
    for answer in (noise, b"HTTP/1.1 200 OK\r\n" + noise + b"\r\n\r\n"):
        try:
            assert b"x-sandbox-policy" not in filtered(answer).lower().partition(b"\r\n\r\n")[0]
        except Unreachable:
            pass
