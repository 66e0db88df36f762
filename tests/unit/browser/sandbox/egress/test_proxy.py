"""The proxy on real sockets: what goes through it, how it ends, and what it tells."""

from __future__ import annotations

import socket

import anyio
import pytest
from anyio.abc import SocketStream

from bykilt.browser.sandbox.egress.decisions import ConnectionKind, UnreachableReason
from bykilt.browser.sandbox.egress.host_rules import EgressMode
from bykilt.browser.sandbox.egress.limits import ProxyLimits
from tests.support.egress import (
    ANSWER,
    Upstream,
    answer_each,
    body_of,
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


async def test_a_plain_request_reaches_an_allowed_host_and_is_told_of_once() -> None:
    async with open_upstream() as upstream, open_egress(f"private:a.test:{upstream.port}") as egress:
        answer = await egress.ask(get("a.test", upstream.port, "/secret?token=1"))

        decision = await only_decision(egress)
        assert answer == ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        assert upstream.everything.startswith(b"GET /secret?token=1 HTTP/1.1\r\nHost: a.test:")
        assert (decision.host, decision.port, decision.kind) == ("a.test", upstream.port, ConnectionKind.HTTP)
        assert decision.allowed
        assert decision.rule == f"private:a.test:{upstream.port}"
        assert decision.address == "127.0.0.1"
        assert decision.bytes_up == len(upstream.everything)
        assert decision.bytes_down == len(answer)
        assert "secret" not in repr(decision)


async def test_a_host_that_no_rule_names_is_answered_with_the_rule_to_add() -> None:
    async with open_upstream() as upstream, open_egress("other.test") as egress:
        answer = await egress.ask(get("a.test", upstream.port))

        decision = await only_decision(egress)
        assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\nX-Sandbox-Policy: denied\r\n")
        assert body_of(answer) == {
            "error": "sandbox_denied",
            "host": "a.test",
            "port": upstream.port,
            "reason": "a.test is not one of the allowed hosts",
            "hint": f"if the browser needs it, add 'a.test:{upstream.port}' to the allowed hosts",
        }
        assert not decision.allowed
        assert (decision.reason, decision.hint) == (body_of(answer)["reason"], body_of(answer)["hint"])
        assert upstream.seen == []


async def test_a_tunnel_to_a_host_that_no_rule_names_is_not_granted() -> None:
    async with open_egress("other.test") as egress:
        answer = await egress.ask(b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n")

        assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\nX-Sandbox-Policy: denied\r\n")
        assert (await only_decision(egress)).kind is ConnectionKind.CONNECT


async def test_tls_to_the_host_that_was_asked_for_goes_through_unchanged() -> None:
    hello = client_hello("A.test")
    async with open_upstream(echo) as upstream, open_egress(f"private:a.test:{upstream.port}") as egress:
        async with await egress.open_tunnel("a.test", upstream.port) as stream:
            await stream.send(hello + b"more")
            await stream.send_eof()
            assert await read_all(stream) == hello + b"more"

        assert upstream.everything == hello + b"more"
        assert (await only_decision(egress)).kind is ConnectionKind.CONNECT


async def test_a_hello_may_come_byte_by_byte_in_small_records() -> None:
    hello = client_hello("a.test", record_bytes=7)
    async with (
        open_upstream(echo) as upstream,
        open_egress(f"private:a.test:{upstream.port}") as egress,
        await egress.open_tunnel("a.test", upstream.port) as stream,
    ):
        for start in range(len(hello)):
            await stream.send(hello[start : start + 1])
        await stream.send_eof()
        assert await read_all(stream) == hello


@pytest.mark.parametrize(
    "opening",
    [
        client_hello("b.test"),
        client_hello("x.a.test"),
        client_hello("a.test."),
        client_hello(None),
        b"SSH-2.0-x\r\n",
        b"\0\0\0\0",
        b"GET / HTTP/1.1\r\nHost: a.test:{port}\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHost: b.test:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHost: a.test:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /secret",
    ],
)
async def test_a_tunnel_carries_nothing_for_anybody_else(opening: bytes) -> None:
    async with open_upstream() as upstream, open_egress(f"private:a.test:{upstream.port}") as egress:
        async with await egress.open_tunnel("a.test", upstream.port) as stream:
            await stream.send(opening.replace(b"{port}", str(upstream.port).encode()))
            assert await read_all(stream) == b""

        decision = await only_decision(egress)
        assert not decision.allowed
        assert decision.reason
        assert upstream.everything == b""


@pytest.mark.parametrize("name", [None, "127.0.0.1"])
async def test_tls_to_an_address_needs_no_name(name: str | None) -> None:
    async with (
        open_upstream(echo) as upstream,
        open_egress(f"127.0.0.1:{upstream.port}") as egress,
        await egress.open_tunnel("127.0.0.1", upstream.port) as stream,
    ):
        await stream.send(client_hello(name))
        await stream.send_eof()
        assert await read_all(stream) == client_hello(name)


async def test_a_server_that_speaks_first_is_not_heard() -> None:
    async def greet(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        await stream.send(b"220 mail.test ESMTP\r\n")
        await upstream.receive(stream, seen)

    limits = ProxyLimits(hello_s=0.2)
    async with (
        open_upstream(greet) as upstream,
        open_egress(f"private:a.test:{upstream.port}", limits=limits) as egress,
    ):
        async with await egress.open_tunnel("a.test", upstream.port) as stream:
            assert await read_all(stream) == b""

        assert not (await only_decision(egress)).allowed


async def websocket(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
    await upstream.receive_head(stream, seen)
    await stream.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nfirst")
    await echo(upstream, stream, seen)


async def test_a_websocket_goes_through_a_tunnel() -> None:
    async with open_upstream(websocket) as upstream, open_egress(f"private:a.test:{upstream.port}") as egress:
        host = f"a.test:{upstream.port}"
        async with await egress.open_tunnel("a.test", upstream.port) as stream:
            upgrade = f"GET /chat HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            await stream.send(upgrade.encode())
            assert (await read_head(stream)).startswith(b"HTTP/1.1 101 ")
            await stream.send(b"\x81\x85abcd")
            await stream.send_eof()
            assert await read_all(stream) == b"first\x81\x85abcd"

        assert (await only_decision(egress)).kind is ConnectionKind.WEBSOCKET
        assert upstream.everything.startswith(b"GET /chat HTTP/1.1\r\n")


async def test_nothing_follows_an_upgrade_that_the_server_did_not_agree_to() -> None:
    """Such a server would take it for another request, to any of its hosts."""
    async with open_upstream() as upstream, open_egress(f"private:a.test:{upstream.port}") as egress:
        host = f"a.test:{upstream.port}"
        async with await egress.open_tunnel("a.test", upstream.port) as stream:
            upgrade = f"GET /chat HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            await stream.send(upgrade.encode())
            assert (await read_head(stream)).startswith(b"HTTP/1.1 200 ")
            await stream.send(b"GET /secret HTTP/1.1\r\nHost: b.test\r\n\r\n")
            await read_all(stream)

        await until(lambda: bool(egress.decisions))
        assert b"secret" not in upstream.everything


async def test_nothing_follows_a_plain_request() -> None:
    async def answer_slowly(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        await upstream.receive_head(stream, seen)
        await until(lambda: b"second" in sent)
        await stream.send(ANSWER)

    sent = bytearray()
    async with open_upstream(answer_slowly) as upstream, open_egress(f"private:a.test:{upstream.port}") as egress:
        async with await egress.connect() as stream:
            await stream.send(get("a.test", upstream.port))
            await until(lambda: b"\r\n\r\n" in upstream.everything)
            await stream.send(get("a.test", upstream.port, "/second"))
            sent += b"second"
            changed()
            assert (await read_all(stream)).endswith(b"ok")

        assert b"second" not in upstream.everything


async def test_a_chunk_that_breaks_later_ends_the_request_where_it_broke() -> None:
    async def read_only(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        while await upstream.receive(stream, seen):
            pass

    async with open_upstream(read_only) as upstream, open_egress(f"private:a.test:{upstream.port}") as egress:
        head = (
            get("a.test", upstream.port)
            .replace(b"GET", b"POST")
            .replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        )
        async with await egress.connect() as stream:
            await stream.send(head + b"2\r\nhi\r\n")
            await until(lambda: b"hi" in upstream.everything)
            await stream.send(b"2;x=y\r\nho\r\n0\r\n\r\n" + get("a.test", upstream.port, "/secret"))
            assert (await read_all(stream)).startswith(b"HTTP/1.1 400 ")

        assert upstream.everything.endswith(b"\r\n\r\n2\r\nhi\r\n")


async def test_an_answer_comes_as_it_is_made() -> None:
    """An event stream has no end and no length."""
    is_first_seen = anyio.Event()

    async def stream_events(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        await upstream.receive_head(stream, seen)
        await stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await is_first_seen.wait()
        await stream.send(b"6\r\nsecond\r\n0\r\n\r\n")

    async with (
        open_upstream(stream_events) as upstream,
        open_egress(f"private:a.test:{upstream.port}") as egress,
        await egress.connect() as stream,
    ):
        await stream.send(get("a.test", upstream.port))
        await read_head(stream)
        assert await stream.receive() == b"5\r\nfirst\r\n"
        is_first_seen.set()
        assert await read_all(stream) == b"6\r\nsecond\r\n0\r\n\r\n"


async def test_an_answer_that_comes_before_the_whole_body_is_heard() -> None:
    async def refuse_early(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        await upstream.receive_head(stream, seen)
        await stream.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    async with open_upstream(refuse_early) as upstream, open_egress(f"private:a.test:{upstream.port}") as egress:
        head = (
            get("a.test", upstream.port)
            .replace(b"GET", b"POST")
            .replace(b"\r\n\r\n", b"\r\nContent-Length: 100000\r\n\r\n")
        )
        assert (await egress.ask(head + b"x")).startswith(b"HTTP/1.1 413 ")


async def test_without_a_network_every_request_is_refused() -> None:
    async with open_egress("a.test", mode=EgressMode.NONE) as egress:
        assert (await egress.ask(get("a.test", 80))).startswith(b"HTTP/1.1 403 ")


async def test_a_port_where_nobody_listens_is_told_apart_from_a_refusal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with open_egress(f"private:a.test:{port}") as egress:
        answer = await egress.ask(get("a.test", port))

        decision = await only_decision(egress)
        assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\nX-Sandbox-Policy: unreachable\r\n")
        assert body_of(answer)["reason"] == "refused"
        assert decision.allowed
        assert decision.unreachable is UnreachableReason.REFUSED


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-x\r\n"])
async def test_a_server_that_does_not_speak_http_is_told_of(said: bytes) -> None:
    async def say(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        await upstream.receive_head(stream, seen)
        await stream.send(said)

    async with open_upstream(say) as upstream, open_egress(f"private:a.test:{upstream.port}") as egress:
        answer = await egress.ask(get("a.test", upstream.port))

        assert answer.startswith(b"HTTP/1.1 502 ")
        assert body_of(answer)["reason"] == "bad_answer"


async def test_a_refused_request_with_a_large_body_still_gets_its_answer() -> None:
    async with open_egress("other.test") as egress:
        head = b"POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nContent-Length: 500000\r\n\r\n"

        assert (await egress.ask(head + bytes(500_000))).startswith(b"HTTP/1.1 403 ")


async def test_the_server_gets_the_request_of_each_connection_alone() -> None:
    async with open_upstream(answer_each) as upstream, open_egress(f"localhost:{upstream.port}") as egress:
        await egress.ask(get("localhost", upstream.port, "/1"))
        await egress.ask(get("localhost", upstream.port, "/2"))

        assert [seen.count(b"HTTP/1.1") for seen in upstream.seen] == [1, 1]
