"""The way out through the proxy of one's company: HTTP and SOCKS5, with and without a login."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import anyio
import pytest
from anyio.abc import SocketStream

from bykilt.browser.sandbox.egress.decisions import UnreachableReason
from bykilt.browser.sandbox.egress.limits import ProxyLimits
from bykilt.browser.sandbox.egress.upstream_proxy import UpstreamKind, UpstreamProxy
from bykilt.errors import InvalidInput
from tests.support.egress import Upstream, client_hello, echo, loopback, open_egress, open_upstream, read_all

LOGIN = b"Proxy-Authorization: Basic " + base64.b64encode(b"me:p:w d")


@dataclass
class HttpProxy:
    """An HTTP proxy that grants tunnels to itself and answers plain requests."""

    refusal: bytes = b""

    async def serve(self, upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        await upstream.receive_head(stream, seen)
        if self.refusal:
            await stream.send(self.refusal)
        elif seen.startswith(b"CONNECT "):
            await stream.send(b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\n")
            await echo(upstream, stream, seen)
        else:
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def socks(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
    """A SOCKS5 proxy that wants a login (of me, with pass) and takes every one, to a.test."""

    async def receive_until(count: int) -> None:
        while len(seen) < count:
            if not await upstream.receive(stream, seen):
                return

    methods, login, target = 4, len("..me.pass"), 4 + len(".a.test") + 2
    await receive_until(methods)
    await stream.send(b"\x05\x02")
    await receive_until(methods + login)
    await stream.send(b"\x01\x00")
    await receive_until(methods + login + target)
    await stream.send(b"\x05\x00\x00\x03\x02ab\x00\x00")
    await echo(upstream, stream, seen)


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("proxy.test:8080", UpstreamProxy(UpstreamKind.HTTP, "proxy.test", 8080)),
        ("http://Proxy.test", UpstreamProxy(UpstreamKind.HTTP, "proxy.test", 80)),
        ("http://me:p%3Aw%20d@proxy.test:3128/", UpstreamProxy(UpstreamKind.HTTP, "proxy.test", 3128, "me", "p:w d")),
        ("socks5://[::1]", UpstreamProxy(UpstreamKind.SOCKS5, "::1", 1080)),
        ("socks5h://me@127.0.0.1:9050", UpstreamProxy(UpstreamKind.SOCKS5, "127.0.0.1", 9050, "me")),
    ],
)
def test_the_address_of_a_proxy_is_read(text: str, proxy: UpstreamProxy) -> None:
    assert UpstreamProxy.parse(text) == proxy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://me:secret@proxy.test",
        "ftp://me:secret@proxy.test",
        "http://me:secret@proxy.test:99999",
        "http://me:secret@proxy.test/path",
        "http://me:secret@2130706433",
        "http://me:secret@pro xy",
        "http://me%3Asecret:x@proxy.test",
        "http://me:secret%0d%0aA:b@proxy.test",
        "socks5://me:" + "secret" * 50 + "@proxy.test",
        "http://[::1",
    ],
)
def test_a_wrong_address_of_a_proxy_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        UpstreamProxy.parse(text)

    assert "secret" not in caught.value.explain()


def test_a_password_is_not_shown() -> None:
    proxy = UpstreamProxy.parse("http://me:secret@proxy.test:1")

    assert "secret" not in f"{proxy} {proxy!r}"
    assert "me" not in str(proxy)


async def test_a_plain_request_goes_to_an_http_proxy_with_its_whole_url() -> None:
    async with open_upstream(HttpProxy().serve) as company:
        proxy = UpstreamProxy.parse(f"http://me:p%3Aw%20d@127.0.0.1:{company.port}")
        async with open_egress("a.test", upstream=proxy) as egress:
            assert (await egress.ask(b"GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n")).endswith(b"ok")

        assert company.everything.startswith(b"GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n")
        assert b"\r\n" + LOGIN + b"\r\n" in company.everything
        assert egress.decisions[0].address == ""


async def test_tls_goes_through_a_tunnel_of_an_http_proxy() -> None:
    async with open_upstream(HttpProxy().serve) as company:
        proxy = UpstreamProxy.parse(f"http://me:p%3Aw%20d@127.0.0.1:{company.port}")
        async with open_egress("a.test", upstream=proxy) as egress, await egress.open_tunnel("a.test", 443) as stream:
            await stream.send(client_hello("a.test"))
            await stream.send_eof()
            assert await read_all(stream) == client_hello("a.test")

        assert company.everything.startswith(b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n" + LOGIN)


async def test_a_socks_proxy_resolves_the_name() -> None:
    async with open_upstream(socks) as company:
        proxy = UpstreamProxy.parse(f"socks5://me:pass@127.0.0.1:{company.port}")
        async with (
            open_egress("a.test", upstream=proxy) as egress,
            await egress.open_tunnel("a.test", 443) as stream,
        ):
            await stream.send(client_hello("a.test"))
            await stream.send_eof()
            assert await read_all(stream) == client_hello("a.test")

        assert company.everything.startswith(
            b"\x05\x02\x00\x02" + b"\x01\x02me\x04pass" + b"\x05\x01\x00\x03\x06a.test\x01\xbb" + b"\x16\x03\x01"
        )


async def test_a_plain_request_goes_through_a_socks_proxy_as_to_the_server_itself() -> None:
    async with open_upstream(socks) as company:
        proxy = UpstreamProxy.parse(f"socks5://me:pass@127.0.0.1:{company.port}")
        async with open_egress("a.test", upstream=proxy) as egress:
            await egress.ask(b"GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n")

        assert b"\x00\x50GET /x HTTP/1.1\r\nHost: a.test\r\n" in company.everything


async def test_the_rules_hold_in_front_of_a_proxy_too() -> None:
    async with open_upstream(HttpProxy().serve) as company:
        proxy = UpstreamProxy.parse(f"127.0.0.1:{company.port}")
        async with open_egress("a.test", upstream=proxy) as egress:
            for host in ("b.test", "127.0.0.1", "169.254.169.254", "localhost"):
                request = f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
                assert (await egress.ask(request)).startswith(b"HTTP/1.1 403 ")

        assert company.seen == []


@pytest.mark.parametrize(
    "refusal",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
    ],
)
async def test_a_proxy_that_refuses_is_told_of_without_the_password(refusal: bytes) -> None:
    async with open_upstream(HttpProxy(refusal).serve) as company:
        proxy = UpstreamProxy.parse(f"http://me:secret@127.0.0.1:{company.port}")
        async with open_egress("a.test", upstream=proxy) as egress:
            answer = await egress.ask(b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n")

        assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\nX-Sandbox-Policy: unreachable\r\n")
        assert egress.decisions[0].unreachable is UnreachableReason.UPSTREAM_PROXY
        assert b"secret" not in answer
        assert "secret" not in repr(egress.decisions)


async def test_a_plain_request_to_a_proxy_that_wants_another_login_is_told_of() -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n\r\n"
    async with open_upstream(HttpProxy(refusal).serve) as company:
        proxy = UpstreamProxy.parse(f"127.0.0.1:{company.port}")
        async with open_egress("a.test", upstream=proxy) as egress:
            answer = await egress.ask(b"GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n")

        assert b'"reason": "upstream_proxy"' in answer


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_that_says_nothing_is_not_waited_for(scheme: str) -> None:
    async def say_nothing(upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        await anyio.sleep_forever()

    async with open_upstream(say_nothing) as company:
        proxy = UpstreamProxy.parse(f"{scheme}://127.0.0.1:{company.port}")
        async with open_egress("a.test", upstream=proxy, limits=ProxyLimits(connect_s=0.1)) as egress:
            answer = await egress.ask(b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n")

        assert b'"reason": "upstream_proxy"' in answer


async def test_a_proxy_is_found_by_its_name() -> None:
    async with open_upstream(HttpProxy().serve) as company:
        proxy = UpstreamProxy.parse(f"company.test:{company.port}")
        async with open_egress("a.test", upstream=proxy, resolve=loopback) as egress:
            assert (await egress.ask(b"GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n")).endswith(b"ok")
