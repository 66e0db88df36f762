"""The proxy on real sockets: much at once, slow ones, those that stop or break off, and the end."""

from __future__ import annotations

import gc
import os
import socket
import struct
import warnings

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from bykilt.browser.sandbox.egress.limits import ProxyLimits
from tests.support.egress import (
    PATIENCE_S,
    Upstream,
    changed,
    client_hello,
    echo,
    get,
    only_decision,
    open_egress,
    open_upstream,
    read_all,
    read_head,
    until,
)

MIB = 1 << 20


async def test_64_mib_come_through_a_tunnel_byte_for_byte() -> None:
    block = os.urandom(MIB)

    async def send_much(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        await upstream.receive(stream, seen)
        for _ in range(64):
            await stream.send(block)
        await stream.send_eof()

    received = 0
    async with open_upstream(send_much) as upstream, open_egress(f"private:a.test:{upstream.port}") as egress:
        async with await egress.open_tunnel("a.test", upstream.port) as stream:
            await stream.send(client_hello("a.test"))
            pending = b""
            with anyio.fail_after(2 * PATIENCE_S):
                while received < 64:
                    pending += await stream.receive(MIB)
                    while len(pending) >= MIB:
                        assert pending[:MIB] == block
                        pending, received = pending[MIB:], received + 1
            assert pending == b""

        assert (await only_decision(egress)).bytes_down == 64 * MIB


async def test_a_reader_that_stops_stops_the_writer() -> None:
    """Nothing piles up in between: what the server could send is what the kernel's buffers hold."""
    sent = 0

    async def flood(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        nonlocal sent
        await upstream.receive_head(stream, seen)
        await stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await stream.send(bytes(MIB))
            sent += 1
            changed()

    async with (
        open_upstream(flood) as upstream,
        open_egress(f"private:a.test:{upstream.port}") as egress,
        await egress.connect() as stream,
    ):
        raw = stream.extra(SocketAttribute.raw_socket)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        await stream.send(get("a.test", upstream.port))
        await until(lambda: sent > 0)
        with anyio.move_on_after(0.5):
            await until(lambda: sent > 100)
        assert sent < 100


async def test_a_half_closed_tunnel_still_brings_the_answer() -> None:
    async def answer_at_end(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        while await upstream.receive(stream, seen):
            pass
        await stream.send(b"late")

    async with (
        open_upstream(answer_at_end) as upstream,
        open_egress(f"private:a.test:{upstream.port}") as egress,
        await egress.open_tunnel("a.test", upstream.port) as stream,
    ):
        await stream.send(client_hello("a.test"))
        await stream.send_eof()
        assert await read_all(stream) == b"late"


async def test_a_tunnel_that_only_one_side_holds_open_ends() -> None:
    async def say_nothing(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        while await upstream.receive(stream, seen):
            pass
        await anyio.sleep_forever()

    limits = ProxyLimits(half_closed_s=0.1)
    async with (
        open_upstream(say_nothing) as upstream,
        open_egress(f"private:a.test:{upstream.port}", limits=limits) as egress,
        await egress.open_tunnel("a.test", upstream.port) as stream,
    ):
        await stream.send(client_hello("a.test"))
        await stream.send_eof()
        assert await read_all(stream) == b""


async def test_a_tunnel_in_which_nothing_moves_ends() -> None:
    async with (
        open_upstream(echo) as upstream,
        open_egress(f"private:a.test:{upstream.port}", limits=ProxyLimits(idle_s=0.1)) as egress,
    ):
        async with await egress.open_tunnel("a.test", upstream.port) as stream:
            await stream.send(client_hello("a.test"))
            assert await read_all(stream) == client_hello("a.test")

        assert (await only_decision(egress)).allowed


async def test_a_server_that_resets_is_not_taken_for_one_that_finished() -> None:
    async def reset(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        await upstream.receive(stream, seen)
        await stream.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await until(lambda: bool(seen_by_client))
        raw = stream.extra(SocketAttribute.raw_socket)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    seen_by_client = bytearray()
    async with (
        open_upstream(reset) as upstream,
        open_egress(f"private:a.test:{upstream.port}") as egress,
        await egress.connect() as stream,
    ):
        await stream.send(get("a.test", upstream.port))
        seen_by_client += await read_head(stream)
        changed()
        assert await stream.receive() == b"half"
        with pytest.raises(anyio.BrokenResourceError):
            await stream.receive()


@pytest.mark.parametrize(
    ("piece", "limits"),
    [
        (b"", ProxyLimits(first_byte_s=0.1)),
        (b"GET http://a.test/ HTTP/1.1\r\nHost: a", ProxyLimits(head_s=0.1)),
        (b"POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n", ProxyLimits(head_s=0.1)),
    ],
)
async def test_a_client_that_takes_its_time_is_not_waited_for(piece: bytes, limits: ProxyLimits) -> None:
    async with open_egress("private:a.test", limits=limits) as egress:
        answer = await egress.ask(piece)

        assert answer.startswith(b"HTTP/1.1 408 ") if piece else answer == b""
        assert [decision.allowed for decision in egress.decisions] == ([False] if piece else [])


async def test_a_head_that_drips_is_not_waited_for() -> None:
    """Each byte counts against the same deadline."""
    async with open_egress("private:a.test", limits=ProxyLimits(head_s=0.3)) as egress:
        async with await egress.connect() as stream:
            with anyio.fail_after(PATIENCE_S):
                try:
                    while True:
                        await stream.send(b"G")
                        with anyio.move_on_after(0.05):
                            await stream.receive()
                            break
                except (anyio.BrokenResourceError, anyio.EndOfStream):
                    pass

        assert not (await only_decision(egress)).allowed


async def test_100_connections_at_once_do_not_get_in_each_others_way() -> None:
    answers: dict[int, bytes] = {}

    async def answer_path(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        await upstream.receive_head(stream, seen)
        await until(lambda: len(upstream.seen) == 100)
        path = bytes(seen).split(b" ")[1]
        await stream.send(b"HTTP/1.1 200 OK\r\n\r\n" + path)

    async with open_upstream(answer_path) as upstream, open_egress(f"private:*.test:{upstream.port}") as egress:

        async def ask(number: int) -> None:
            answers[number] = await egress.ask(get(f"host{number}.test", upstream.port, f"/{number}"))

        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(ask, number)

        assert all(answer.endswith(f"\r\n\r\n/{number}".encode()) for number, answer in answers.items())
        assert len(answers) == 100
        assert sorted(decision.host for decision in egress.decisions) == sorted(f"host{n}.test" for n in range(100))


async def test_more_connections_than_there_are_places_wait_for_one() -> None:
    async with (
        open_upstream() as upstream,
        open_egress(f"private:a.test:{upstream.port}", limits=ProxyLimits(connections=1)) as egress,
    ):
        async with await egress.open_tunnel("a.test", upstream.port):
            waiting = await egress.connect()
            await waiting.send(get("a.test", upstream.port))
            with anyio.move_on_after(0.2) as patience:
                await waiting.receive()
            assert patience.cancelled_caught
            assert upstream.everything == b""
        async with waiting:
            assert (await read_all(waiting)).endswith(b"ok")


async def test_nothing_is_left_of_a_proxy_that_was_closed() -> None:
    before = set(os.listdir("/proc/self/fd"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        async with open_upstream(echo) as upstream:
            async with open_egress(f"private:a.test:{upstream.port}") as egress:
                tunnel = await egress.open_tunnel("a.test", upstream.port)
                await tunnel.send(client_hello("a.test"))
                await tunnel.receive()
                idle = await egress.connect()

            assert await read_all(tunnel) == b""
            assert await read_all(idle) == b""
            await tunnel.aclose()
            await idle.aclose()
            assert [decision.allowed for decision in egress.decisions] == [True]
            with pytest.raises(OSError):
                await egress.connect()
        gc.collect()

    assert set(os.listdir("/proc/self/fd")) == before
