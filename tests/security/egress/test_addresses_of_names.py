"""Names that lead where they should not. Contract: every address is checked, and only a checked one is connected to."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import anyio
import pytest

from bykilt.browser.sandbox.egress.decisions import UnreachableReason
from bykilt.browser.sandbox.egress.host_rules import EgressMode
from bykilt.browser.sandbox.egress.limits import ProxyLimits
from bykilt.network.connecting import Resolve, connect_tcp
from tests.support.egress import Egress, open_egress, open_upstream, read_all

PUBLIC = "93.184.216.34"


def answering(*answers: Sequence[str]) -> Resolve:
    """Return a resolver that gives another answer each time, as the owner of a name may; the last one for ever."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


class Calls:
    """Connects to nothing, and remembers to what it was asked to."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    async def connect(self, address: str, port: int) -> socket.socket:
        self.addresses.append(address)
        raise ConnectionRefusedError


async def ask(egress: Egress, host: str, port: int = 80) -> bytes:
    return await egress.ask(f"GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.5"],
        ["169.254.169.254"],
        ["0.0.0.0"],
        ["::1"],
        ["fe80::1%lo"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["fd00:ec2::254"],
        [PUBLIC, "127.0.0.1"],
        ["127.0.0.1", PUBLIC],
        [PUBLIC, PUBLIC, "::ffff:169.254.169.254"],
    ],
)
@pytest.mark.parametrize("mode", [EgressMode.RESTRICTED, EgressMode.OPEN])
async def test_a_name_with_one_address_that_is_not_public_is_refused(addresses: list[str], mode: EgressMode) -> None:
    calls = Calls()
    async with open_egress("a.test", mode=mode, resolve=answering(addresses), connect=calls.connect) as egress:
        answer = await ask(egress, "a.test")

        assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\nX-Sandbox-Policy: denied\r\n")
        assert not egress.decisions[0].allowed
        assert "which is not public" in egress.decisions[0].reason
        assert calls.addresses == []


async def test_a_name_is_resolved_once() -> None:
    """The second answer would be loopback."""
    calls = Calls()
    resolve = answering([PUBLIC], ["127.0.0.1"])
    async with open_egress("a.test", resolve=resolve, connect=calls.connect) as egress:
        assert (await ask(egress, "a.test")).startswith(b"HTTP/1.1 502 ")
        assert calls.addresses == [PUBLIC]
        assert (await ask(egress, "a.test")).startswith(b"HTTP/1.1 403 ")
        assert calls.addresses == [PUBLIC]


async def test_a_connection_that_went_elsewhere_is_dropped() -> None:
    async def connect(address: str, port: int) -> socket.socket:
        return await connect_tcp("127.0.0.1", port)

    async with (
        open_upstream() as upstream,
        open_egress(f"a.test:{upstream.port}", resolve=answering([PUBLIC]), connect=connect) as egress,
    ):
        assert (await ask(egress, "a.test", upstream.port)).startswith(b"HTTP/1.1 502 ")
        assert upstream.everything == b""


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    async def connect(address: str, port: int) -> socket.socket:
        if address != "127.0.0.1":
            raise ConnectionRefusedError
        return await connect_tcp(address, port)

    resolve = answering([PUBLIC, "127.0.0.1"])
    async with (
        open_upstream() as upstream,
        open_egress(f"private:a.test:{upstream.port}", resolve=resolve, connect=connect) as egress,
    ):
        assert (await ask(egress, "a.test", upstream.port)).endswith(b"ok")
        assert egress.decisions[0].address == "127.0.0.1"


@pytest.mark.parametrize(
    ("rule", "host"),
    [
        ("private:169.254.169.254.example", "169.254.169.254"),
        ("private:*.a.example", "[fd00:ec2::254]"),
        ("localhost:80", "127.0.0.1"),
        ("127.0.0.1", "localhost"),
        ("127.0.0.1", "127.0.0.2"),
    ],
)
async def test_an_address_is_reached_by_its_own_rule_only(rule: str, host: str) -> None:
    """So is where a redirect leads: the browser asks for it anew."""
    calls = Calls()
    async with open_egress(rule, connect=calls.connect) as egress:
        assert (await ask(egress, host)).startswith(b"HTTP/1.1 403 ")
        assert calls.addresses == []


@pytest.mark.parametrize("host", ["localhost", "app.localhost", "LOCALHOST."])
async def test_localhost_is_this_machine_whatever_a_resolver_says(host: str) -> None:
    async with (
        open_upstream() as upstream,
        open_egress(
            f"localhost:{upstream.port}", f"*.localhost:{upstream.port}", resolve=answering([PUBLIC])
        ) as egress,
    ):
        assert (await ask(egress, host, upstream.port)).endswith(b"ok")


@pytest.mark.parametrize("found", [[], ["no address"]])
async def test_a_name_without_addresses_leads_nowhere(found: list[str]) -> None:
    async with open_egress("a.test", resolve=answering(found)) as egress:
        assert b'"reason": "dns"' in await ask(egress, "a.test")
        assert egress.decisions[0].unreachable is UnreachableReason.DNS


async def test_a_resolver_that_does_not_answer_is_not_waited_for() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        await anyio.sleep_forever()
        return []

    async with open_egress("a.test", resolve=resolve, limits=ProxyLimits(resolve_s=0.1)) as egress:
        assert b'"reason": "dns"' in await ask(egress, "a.test")


async def test_a_server_that_does_not_answer_is_not_waited_for() -> None:
    async def connect(address: str, port: int) -> socket.socket:
        await anyio.sleep_forever()
        return socket.socket()

    limits = ProxyLimits(connect_s=0.1)
    async with open_egress("a.test", resolve=answering([PUBLIC] * 5), connect=connect, limits=limits) as egress:
        assert b'"reason": "timeout"' in await ask(egress, "a.test")
        assert egress.decisions[0].unreachable is UnreachableReason.TIMEOUT


async def test_open_mode_reaches_no_service_of_this_machine() -> None:
    async with open_upstream() as upstream, open_egress(mode=EgressMode.OPEN) as egress:
        for host in ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "a.test", "app.localhost"):
            assert (await ask(egress, host, upstream.port)).startswith(b"HTTP/1.1 403 ")
        assert upstream.seen == []


async def test_the_proxy_does_not_serve_itself_to_the_browser() -> None:
    async with open_egress("a.test") as egress, await egress.connect() as stream:
        target = f"127.0.0.1:{egress.port}"
        await stream.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())

        assert (await read_all(stream)).startswith(b"HTTP/1.1 403 ")
