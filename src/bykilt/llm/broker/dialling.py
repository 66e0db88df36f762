"""From a provider's name to a connection that really goes to an address that it may have.

A name is looked up once for a connection, every address that comes of it is checked, and the connection is made to a
checked address: whoever owns the name cannot change it in between.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_address

import anyio

from bykilt.llm.broker.destination import Destination
from bykilt.llm.errors import BrokerRefused, ProviderFailed
from bykilt.network.addresses import AddressKind, IPAddress, kind_of
from bykilt.network.connecting import Connect, Resolve, connect_tcp, resolve_by_system
from bykilt.network.host_names import is_localhost, literal_address

_LOOPBACK = ("127.0.0.1", "::1")
_MAX_ADDRESSES = 8
_RESOLVE_S = 10.0
_CONNECT_S = 10.0
# An address of a cloud's metadata is in none of these: it hands credentials to whoever asks.
_NEAR = (AddressKind.PRIVATE, AddressKind.SHARED, AddressKind.LOOPBACK, AddressKind.LINK_LOCAL)


class Dialler:
    """Makes connections to one provider."""

    def __init__(
        self,
        destination: Destination,
        *,
        allow_private: bool,
        resolve: Resolve = resolve_by_system,
        connect: Connect = connect_tcp,
    ) -> None:
        """Take the provider's place; `allow_private` lets it be on this machine or in a private network."""
        self._destination = destination
        self._allow_private = allow_private
        self._resolve = resolve
        self._connect = connect

    async def dial(self) -> tuple[socket.socket, str]:
        """Return a connection, and the address that it goes to.

        Raises:
            BrokerRefused: The name leads to an address that the provider may not have.
            ProviderFailed: The name leads nowhere, or nobody answers there.
        """
        addresses = await self._addresses()
        for address in addresses:
            self._check(address)
        failure: OSError | None = None
        for address in addresses[:_MAX_ADDRESSES]:
            try:
                with anyio.fail_after(_CONNECT_S):
                    connection = await self._connect(str(address), self._destination.port)
            except OSError as error:  # a TimeoutError is one
                failure = error
                continue
            _require_peer(connection, address)
            return connection, str(address)
        raise _unreachable(f"{self._destination.origin} does not accept a connection: {failure}") from failure

    async def _addresses(self) -> Sequence[IPAddress]:
        host = self._destination.host
        literal = literal_address(host)
        if literal is not None:
            return [literal]
        try:
            # By its very name (RFC 6761), whatever a resolver may say.
            with anyio.fail_after(_RESOLVE_S):
                found = _LOOPBACK if is_localhost(host) else await self._resolve(host, self._destination.port)
            addresses = [ip_address(text) for text in dict.fromkeys(found)]
        except (OSError, ValueError) as error:
            raise _unreachable(f"{host} has no address: {str(error) or 'looking it up took too long'}") from error
        if not addresses:
            raise _unreachable(f"{host} has no address")
        return addresses

    def _check(self, address: IPAddress) -> None:
        kind = kind_of(address)
        if kind is AddressKind.PUBLIC and self._destination.scheme == "https":
            return
        if kind in _NEAR and self._allow_private:
            return
        if kind is AddressKind.PUBLIC:
            raise BrokerRefused(
                f"{self._destination.host} is {address}, which is not in a private network, and there is no TLS",
                hint="write https:// in the provider's url",
            )
        raise BrokerRefused(
            f"{self._destination.host} leads to {address}, which is {kind.value}",
            hint="allow_private = true lets a provider be on this machine or in a private network"
            if kind in _NEAR
            else "",
        )


def _require_peer(connection: socket.socket, address: IPAddress) -> None:
    """Compare where the connection really goes with what was checked, whatever made it."""
    try:
        peer = ip_address(connection.getpeername()[0])
    except (OSError, ValueError) as error:
        connection.close()
        raise _unreachable("the connection broke at once") from error
    if peer != address:
        connection.close()
        raise BrokerRefused(f"the connection went to {peer} instead of {address}")


def _unreachable(message: str) -> ProviderFailed:
    return ProviderFailed(message, is_retryable=True, is_unsent=True)
