"""The proxy of one's company, through which the sandbox's proxy goes out where there is no other way.

Knows how to ask an HTTP proxy (CONNECT) and a SOCKS5 proxy for a tunnel. The names of hosts are resolved by the
upstream proxy, so their addresses cannot be checked here: rules for hosts still hold, and what an allowed name leads
to is the upstream's to decide. The password is in no error and in no event.

Source: RFC 9110 section 9.3.6, RFC 1928, RFC 1929
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address
from typing import Self
from urllib.parse import unquote, urlsplit

from bykilt.browser.sandbox.egress.decisions import Unreachable, UnreachableReason
from bykilt.browser.sandbox.egress.wire import Wire
from bykilt.errors import InvalidInput
from bykilt.network.host_names import canonical_host, literal_address, with_port

_MAX_ANSWER_BYTES = 64 * 1024
_HINT = "use http://user:password@host:port or socks5://host:port"
_CREDENTIALS = re.compile(r"[\x20-\x7e\x80-\U0010ffff]*")
_SOCKS = 5
_NO_LOGIN, _LOGIN = 0, 2
_ADDRESS_BYTES = {1: 4, 4: 16}


class UpstreamKind(Enum):
    """How to talk to it."""

    HTTP = "http"
    SOCKS5 = "socks5"


@dataclass(frozen=True, slots=True)
class UpstreamProxy:
    """Where the upstream proxy is, and the login for it."""

    kind: UpstreamKind
    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the proxy of an address; `host:port` alone is an HTTP proxy.

        Raises:
            InvalidInput: It is none. The text is not shown, since it may hold a password.
        """
        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
            kind = UpstreamKind("socks5" if parts.scheme in ("socks5h", "socks") else parts.scheme)
            port = parts.port or (1080 if kind is UpstreamKind.SOCKS5 else 80)
            hostname = parts.hostname or ""
            user, password = unquote(parts.username or ""), unquote(parts.password or "")
        except ValueError:
            raise InvalidInput("the upstream proxy has no usable address", hint=_HINT) from None
        is_too_much = parts.path not in ("", "/") or parts.query or parts.fragment
        is_usable_login = all(_CREDENTIALS.fullmatch(part) and len(part.encode()) <= 255 for part in (user, password))
        if is_too_much or not is_usable_login or ":" in user:
            raise InvalidInput("the upstream proxy has no usable address", hint=_HINT)
        host = canonical_host(f"[{hostname}]" if ":" in hostname else hostname)
        return cls(kind, host, port, user, password)

    def __str__(self) -> str:
        return f"{self.kind.value}://{with_port(self.host, self.port)}"

    @property
    def login_fields(self) -> tuple[tuple[str, str], ...]:
        """The request field that logs in to an HTTP proxy, if there is a login."""
        if not self.user:
            return ()
        pair = f"{self.user}:{self.password}".encode()
        return (("Proxy-Authorization", "Basic " + base64.b64encode(pair).decode("ascii")),)

    async def open_tunnel(self, wire: Wire, host: str, port: int) -> None:
        """Make of a connection to the proxy one to `host`.

        Raises:
            Unreachable: The proxy refused, or does not speak its protocol.
            OSError: The connection broke.
        """
        if self.kind is UpstreamKind.HTTP:
            await self._connect_by_http(wire, host, port)
        else:
            await self._connect_by_socks(wire, host, port)

    async def _connect_by_http(self, wire: Wire, host: str, port: int) -> None:
        target = with_port(host, port)
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        lines += [f"{name}: {value}" for name, value in self.login_fields]
        await wire.send(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
        answer = bytearray()
        while (end := answer.find(b"\r\n\r\n")) < 0:
            data = await wire.receive()
            answer += data
            if not data or len(answer) > _MAX_ANSWER_BYTES:
                raise _refused("the upstream proxy gave no answer")
        status = re.match(rb"HTTP/1\.[01] ([0-9]{3})(?![0-9])", answer)
        if status is None or not status[1].startswith(b"2"):
            shown = status[1].decode() if status is not None else "something else than HTTP"
            raise _refused(f"the upstream proxy answered {shown}")
        wire.put_back(bytes(answer[end + 4 :]))

    async def _connect_by_socks(self, wire: Wire, host: str, port: int) -> None:
        methods = bytes([_NO_LOGIN, _LOGIN] if self.user else [_NO_LOGIN])
        await wire.send(bytes([_SOCKS, len(methods)]) + methods)
        version, method = await _receive_exactly(wire, 2)
        if version != _SOCKS or method not in methods:
            raise _refused("the upstream proxy takes none of our ways to log in")
        if method == _LOGIN:
            user, password = self.user.encode(), self.password.encode()
            await wire.send(bytes([1, len(user)]) + user + bytes([len(password)]) + password)
            if (await _receive_exactly(wire, 2))[1] != 0:
                raise _refused("the upstream proxy refused the login")
        await wire.send(bytes([_SOCKS, 1, 0]) + _socks_address(host) + port.to_bytes(2, "big"))
        version, code, _, kind = await _receive_exactly(wire, 4)
        if version != _SOCKS or code != 0:
            raise _refused(f"the upstream proxy answered code {code}")
        length = _ADDRESS_BYTES.get(kind) or (await _receive_exactly(wire, 1))[0]
        await _receive_exactly(wire, length + 2)


def _socks_address(host: str) -> bytes:
    address = literal_address(host)
    if address is None:
        return bytes([3, len(host)]) + host.encode("ascii")
    return bytes([1 if isinstance(address, IPv4Address) else 4]) + address.packed


async def _receive_exactly(wire: Wire, count: int) -> bytes:
    received = b""
    while len(received) < count:
        data = await wire.receive()
        if not data:
            raise _refused("the upstream proxy gave no answer")
        received += data
    wire.put_back(received[count:])
    return received[:count]


def _refused(message: str) -> Unreachable:
    return Unreachable(UnreachableReason.UPSTREAM_PROXY, message)
