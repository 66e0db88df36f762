"""From a host's name to a connection that really goes where the rules allow.

Knows how names are resolved and connections made. A name is resolved once, every address that comes of it is checked,
and the connection is made to a checked address: whoever owns the name cannot change it in between.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import anyio

from bykilt.browser.sandbox.egress.decisions import Refused, Unreachable, UnreachableReason
from bykilt.browser.sandbox.egress.host_rules import EgressRules, HostRule
from bykilt.browser.sandbox.egress.upstream_proxy import UpstreamKind, UpstreamProxy
from bykilt.browser.sandbox.egress.wire import Wire
from bykilt.network.addresses import IPAddress
from bykilt.network.connecting import Connect, Resolve
from bykilt.network.host_names import is_localhost, literal_address

_LOOPBACK = ("127.0.0.1", "::1")
_MAX_ADDRESSES = 8


@dataclass(frozen=True, slots=True)
class Dialled:
    """A connection to the host. `address` is empty where an upstream proxy chose it.

    `proxy` is the HTTP proxy that the connection goes to, where a plain request needs no tunnel through it.
    """

    wire: Wire
    address: str = ""
    proxy: UpstreamProxy | None = None


@dataclass(frozen=True, slots=True)
class Dialler:
    """Makes connections under one set of rules."""

    rules: EgressRules
    resolve: Resolve
    connect: Connect
    upstream: UpstreamProxy | None
    resolve_s: float
    connect_s: float

    async def dial(self, host: str, port: int, *, rule: HostRule | None, needs_tunnel: bool) -> Dialled:
        """Return a connection to a host that `rule` allowed (None: open mode).

        Raises:
            Refused: The name leads to an address that the rule does not let through.
            Unreachable: The name leads nowhere, or nobody answers there.
        """
        if self.upstream is not None:
            return await self._dial_through(self.upstream, host, port, needs_tunnel=needs_tunnel)
        addresses = await self._addresses_of(host, port)
        for address in addresses:
            refusal = self.rules.refusal_of_address(host, port, address=address, rule=rule)
            if refusal is not None:
                raise Refused(refusal)
        return await self._connect_to_first(addresses, port)

    async def _dial_through(self, proxy: UpstreamProxy, host: str, port: int, *, needs_tunnel: bool) -> Dialled:
        try:
            addresses = await self._addresses_of(proxy.host, proxy.port)
            wire = (await self._connect_to_first(addresses, proxy.port)).wire
        except Unreachable as error:
            raise _by_proxy(f"the upstream proxy {proxy} cannot be reached: {error.message}") from error
        if proxy.kind is UpstreamKind.HTTP and not needs_tunnel:
            return Dialled(wire, proxy=proxy)
        try:
            with anyio.fail_after(self.connect_s):
                await proxy.open_tunnel(wire, host, port)
        except OSError as error:
            wire.close()
            raise _by_proxy(f"the upstream proxy {proxy} gave no connection") from error
        except BaseException:
            wire.close()
            raise
        return Dialled(wire)

    async def _addresses_of(self, host: str, port: int) -> list[IPAddress]:
        literal = literal_address(host)
        if literal is not None:
            return [literal]
        try:
            # By its very name (RFC 6761), whatever a resolver may say.
            with anyio.fail_after(self.resolve_s):
                found = _LOOPBACK if is_localhost(host) else await self.resolve(host, port)
            addresses = [ip_address(text) for text in dict.fromkeys(found)]
        except TimeoutError as error:
            raise Unreachable(UnreachableReason.DNS, f"looking up {host} took too long") from error
        except (OSError, ValueError) as error:
            raise Unreachable(UnreachableReason.DNS, f"{host} has no address") from error
        if not addresses:
            raise Unreachable(UnreachableReason.DNS, f"{host} has no address")
        return addresses

    async def _connect_to_first(self, addresses: Sequence[IPAddress], port: int) -> Dialled:
        """Try the addresses in turn; all of them together have twice the time of one."""
        failure: OSError | None = None
        deadline = anyio.current_time() + 2 * self.connect_s
        for address in addresses[:_MAX_ADDRESSES]:
            try:
                with anyio.fail_after(min(self.connect_s, deadline - anyio.current_time())):
                    connection = await self.connect(str(address), port)
            except OSError as error:  # a TimeoutError is one
                failure = error
                continue
            return Dialled(_with_checked_peer(connection, address), str(address))
        if isinstance(failure, TimeoutError):
            raise Unreachable(UnreachableReason.TIMEOUT, f"no connection within {self.connect_s:g} s") from failure
        raise Unreachable(UnreachableReason.REFUSED, "nobody accepts the connection") from failure


def _with_checked_peer(connection: socket.socket, address: IPAddress) -> Wire:
    """Compare where the connection really goes with what was checked, whatever made it."""
    try:
        peer = ip_address(connection.getpeername()[0])
    except (OSError, ValueError) as error:
        connection.close()
        raise Unreachable(UnreachableReason.REFUSED, "the connection broke at once") from error
    if peer != address:
        connection.close()
        raise Unreachable(UnreachableReason.REFUSED, f"the connection went to {peer} instead of {address}")
    return Wire(connection)


def _by_proxy(message: str) -> Unreachable:
    return Unreachable(UnreachableReason.UPSTREAM_PROXY, message)
