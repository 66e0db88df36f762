"""A browser's connection that serves more than one plain request: each is decided for itself, and none gets another's
answer.
"""

from __future__ import annotations

import anyio
import pytest
from anyio.abc import SocketStream
from hypothesis import given
from hypothesis import strategies as st

from bykilt.browser.sandbox.egress.response_head import ResponseHeadFilter
from tests.support.egress import (
    ANSWER,
    Handler,
    Upstream,
    open_egress,
    open_upstream,
    read_all,
    read_answer,
    read_head,
    until,
)

END = b"\r\nConnection: close\r\n\r\n"


def get(port: int, path: str = "/", *, host: str = "a.test", method: str = "GET", more: str = "") -> bytes:
    return f"{method} http://{host}:{port}{path} HTTP/1.1\r\nHost: {host}:{port}\r\n{more}\r\n".encode()


def answering(*pieces: bytes) -> Handler:
    async def answer(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        await upstream.receive_head(stream, seen)
        for piece in pieces:
            await stream.send(piece)
        await stream.send_eof()

    return answer


async def test_requests_follow_each_other_on_one_connection_and_each_is_told_of() -> None:
    """Contract: to the server each has a connection of its own, which ends with it."""
    async with (
        open_upstream() as upstream,
        open_egress(f"private:a.test:{upstream.port}", is_for_browser=True) as egress,
        await egress.connect() as stream,
    ):
        for number in range(3):
            await stream.send(get(upstream.port, f"/{number}"))
            assert await read_answer(stream, 2) == ANSWER
        await until(lambda: len(egress.decisions) == 3)

    assert [bytes(seen).split(b" ")[1] for seen in upstream.seen] == [b"/0", b"/1", b"/2"]
    assert all(b"\r\nConnection: close\r\n" in seen for seen in upstream.seen)
    assert [decision.bytes_down for decision in egress.decisions] == [len(ANSWER)] * 3


async def test_a_host_that_is_not_allowed_is_refused_on_a_kept_connection_too() -> None:
    """Promise: what was allowed before says nothing of what comes."""
    async with (
        open_upstream() as upstream,
        open_egress(f"private:a.test:{upstream.port}", is_for_browser=True) as egress,
        await egress.connect() as stream,
    ):
        await stream.send(get(upstream.port))
        assert await read_answer(stream, 2) == ANSWER
        await stream.send(get(upstream.port, host="b.test"))
        assert await read_all(stream) == b""

    assert [decision.allowed for decision in egress.decisions] == [True, False]
    assert len(upstream.seen) == 1


async def test_two_requests_at_once_are_refused() -> None:
    """Promise: what comes with a request is no other request."""
    async with (
        open_upstream() as upstream,
        open_egress(f"private:a.test:{upstream.port}", is_for_browser=True) as egress,
        await egress.connect() as stream,
    ):
        await stream.send(get(upstream.port) + get(upstream.port, host="b.test"))
        assert await read_all(stream) == b""

    assert upstream.seen == []
    assert [decision.allowed for decision in egress.decisions] == [False]


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.0 200 OK\r\nContent-Length: 2",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding : identity",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2",
        b"HTTP/1.1 200 OK\r\nContent-Length : 2",
        b"HTTP/1.1 200 OK\r\nContent-Length:\r\n 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x2",
        b"HTTP/1.1 205 Reset Content\r\nContent-Length: 2",
        b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked",
    ],
)
async def test_an_answer_whose_end_is_in_doubt_ends_the_connection(head: bytes) -> None:
    """Promise: what one reader takes for the end of an answer and another does not, is never followed by another."""
    async with (
        open_upstream(
            answering(head + b"\r\n\r\n", b"okHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        ) as upstream,
        open_egress(f"private:a.test:{upstream.port}", is_for_browser=True) as egress,
        await egress.connect() as stream,
    ):
        await stream.send(get(upstream.port))
        answer = await read_all(stream)

    assert answer.partition(b"\r\n\r\n")[0].endswith(END.rstrip())
    assert len(upstream.seen) == 1


@pytest.mark.parametrize(
    ("method", "head", "body"),
    [
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"ok"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", b""),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b""),
    ],
)
async def test_what_a_server_sends_after_its_answer_answers_nothing(method: str, head: bytes, body: bytes) -> None:
    """Promise: a server that speaks on cannot put words into the mouth of the next one."""
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    async with (
        open_upstream() as honest,
        open_upstream(answering(head + body + forged, forged)) as upstream,
        open_egress(f"private:a.test:{upstream.port}", f"private:b.test:{honest.port}", is_for_browser=True) as egress,
        await egress.connect() as stream,
    ):
        await stream.send(get(upstream.port, method=method))
        assert await read_answer(stream, len(body)) == head + body
        await stream.send(get(honest.port, host="b.test"))
        assert await read_answer(stream, 2) == ANSWER


async def test_an_answer_that_breaks_off_ends_the_connection() -> None:
    """Promise: the rest of one answer is not filled up with another."""
    async with (
        open_upstream(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")) as upstream,
        open_egress(f"private:a.test:{upstream.port}", is_for_browser=True) as egress,
        await egress.connect() as stream,
    ):
        await stream.send(get(upstream.port))
        assert (await read_all(stream)).endswith(b"\r\n\r\nhalf")


async def test_what_comes_before_the_answer_has_ended_ends_the_connection() -> None:
    """Contract: only a browser that waits may ask again."""
    go_on = anyio.Event()

    async def slow(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        await upstream.receive_head(stream, seen)
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        await go_on.wait()
        await stream.send(b"k")

    async with (
        open_upstream(slow) as upstream,
        open_egress(f"private:a.test:{upstream.port}", is_for_browser=True) as egress,
        await egress.connect() as stream,
    ):
        await stream.send(get(upstream.port))
        await read_head(stream)
        await stream.send(get(upstream.port, host="b.test"))
        await anyio.wait_all_tasks_blocked()
        go_on.set()
        assert await read_all(stream) == b"ok"

    assert len(upstream.seen) == 1


@pytest.mark.parametrize("field", ["Connection: close\r\n", "Proxy-Connection: close\r\n"])
async def test_a_browser_that_asks_for_the_end_gets_it(field: str) -> None:
    """Contract: RFC 9112, section 9.6."""
    async with (
        open_upstream() as upstream,
        open_egress(f"private:a.test:{upstream.port}", is_for_browser=True) as egress,
    ):
        assert await egress.ask(get(upstream.port, more=field)) == ANSWER.replace(b"\r\n\r\n", END)


async def test_a_body_goes_up_before_the_next_request() -> None:
    """Contract: a request with a body may be followed by another."""
    async with (
        open_upstream() as upstream,
        open_egress(f"private:a.test:{upstream.port}", is_for_browser=True) as egress,
        await egress.connect() as stream,
    ):
        await stream.send(get(upstream.port, method="POST", more="Content-Length: 3\r\n") + b"abc")
        assert await read_answer(stream, 2) == ANSWER
        await stream.send(get(upstream.port, "/next"))
        assert await read_answer(stream, 2) == ANSWER

    assert upstream.seen[0].endswith(b"\r\n\r\nabc")


@given(length=st.integers(0, 40), sent=st.binary(max_size=80), cut=st.integers(0, 60))
def test_not_one_byte_more_than_stated_goes_on(length: int, sent: bytes, cut: int) -> None:
    """Promise: however the answer is cut up."""
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode()
    data = head + sent
    answer = ResponseHeadFilter(may_stay=True)

    given_on = answer.feed(data[:cut]) + answer.feed(data[cut:])

    assert given_on == head + sent[:length]
    assert answer.is_done == (len(sent) >= length)
