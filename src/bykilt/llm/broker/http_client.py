"""Sends one request to a provider by HTTP/1.1, on a connection that was checked.

The only module that knows the HTTP library (httpcore2), which follows no redirect, reads no environment, keeps no
cookie and unpacks nothing. Every header is written here.
"""

from __future__ import annotations

import logging
import re
import select
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpcore2
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSAttribute, TLSStream

from bykilt.errors import InvalidInput
from bykilt.llm.broker.destination import Destination
from bykilt.llm.broker.dialling import Dialler
from bykilt.llm.errors import ProviderFailed
from bykilt.llm.providers import Provider

_IDLE_S = 30.0
_MAX_CONNECTIONS = 64
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_OURS = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "content-type", "accept"}
_FAILURES = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException)


@dataclass(frozen=True, slots=True)
class Head:
    """How an answer begins; `address` is where it comes from. Names of headers are in lower case, the last one wins."""

    status: int
    headers: Mapping[str, str]
    address: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A head, and the body as it comes."""

    head: Head
    body: AsyncIterator[bytes]


class ProviderClient:
    """Asks one provider. For several tasks of one event loop; `close` it."""

    def __init__(self, provider: Provider, dialler: Dialler, *, tls: ssl.SSLContext | None = None) -> None:
        """Take the provider and what makes connections to it; without `tls`, the system's authorities are trusted.

        Raises:
            InvalidInput: The provider's settings cannot be used.
        """
        # What it tells of a request and an answer is theirs, and no log's.
        logging.getLogger("httpcore2").setLevel(logging.WARNING)
        self._destination = Destination.of(provider)
        self._provider = provider
        self._extra = [(_name(name), _value(name, value)) for name, value in provider.extra_headers.items()]
        _name(provider.auth_header)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            max_connections=_MAX_CONNECTIONS,
            keepalive_expiry=_IDLE_S,
            retries=0,
            network_backend=_CheckedConnections(dialler),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    @asynccontextmanager
    async def post(self, path: str, body: bytes, key: str | None) -> AsyncIterator[Answer]:
        """Send a JSON document to a path, and hand out the answer while the block lasts.

        Raises:
            BrokerRefused: The provider's name leads where it may not lead.
            ProviderFailed: Nothing, or nothing in HTTP, came back.
        """
        place = self._destination
        # A host that is an IPv6 address is without its brackets here.
        url = httpcore2.URL(
            scheme=place.scheme.encode(), host=place.host.encode(), port=place.port, target=path.encode()
        )
        try:
            async with self._pool.stream("POST", url, headers=self._headers(body, key), content=body) as response:
                head = Head(response.status, _headers(response.headers), _address(response.extensions))
                async with aclosing(_body(response)) as parts:
                    yield Answer(head, parts)
        except _FAILURES as error:
            raise _broken(error) from error

    def _headers(self, body: bytes, key: str | None) -> list[tuple[bytes, bytes]]:
        headers = [
            ("Host", self._destination.authority),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Accept", "application/json, text/event-stream"),
            # What is packed could not be looked through for the key.
            ("Accept-Encoding", "identity"),
            ("User-Agent", "bykilt"),
            *self._extra,
        ]
        if key is not None:
            scheme = self._provider.auth_scheme
            headers.append((self._provider.auth_header, f"{scheme} {key}" if scheme else key))
        return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]


class _CertificateRefused(httpcore2.ConnectError):
    """A type of its own, because the library drops what an error was caused by."""


class _CheckedConnections(httpcore2.AsyncNetworkBackend):
    """Opens connections for the library, to where the dialler says and nowhere else."""

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        connection, address = await self._dialler.dial()
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _Connection(await SocketStream.from_socket(connection), address)
        except BaseException:
            connection.close()
            raise

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: object = None
    ) -> httpcore2.AsyncNetworkStream:
        raise httpcore2.ConnectError("there are no providers at Unix sockets")

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class _Connection(httpcore2.AsyncNetworkStream):
    """One connection as the library wants it. The deadline is the call's, set by whoever asks."""

    def __init__(self, stream: ByteStream, address: str) -> None:
        self._stream = stream
        self._address = address

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return await self._stream.receive(max_bytes)
        except anyio.EndOfStream:
            return b""
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise httpcore2.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            await self._stream.send(buffer)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise httpcore2.WriteError(str(error)) from error

    async def aclose(self) -> None:
        # An orderly end of TLS would wait for the other side.
        await anyio.aclose_forcefully(self._stream)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        try:
            wrapped = await TLSStream.wrap(
                self._stream, hostname=server_hostname, ssl_context=ssl_context, standard_compatible=False
            )
        except ssl.SSLCertVerificationError as error:
            await self.aclose()
            raise _CertificateRefused(error.verify_message) from error
        except (ssl.SSLError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
            await self.aclose()
            raise httpcore2.ConnectError(str(error)) from error
        except BaseException:
            await self.aclose()
            raise
        return _Connection(wrapped, self._address)

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._stream.extra(TLSAttribute.ssl_object, None)
        if info == "is_readable":
            return _is_readable(self._stream.extra(SocketAttribute.raw_socket, None))
        return self._address if info == "address" else None


async def _body(response: httpcore2.Response) -> AsyncGenerator[bytes]:
    async for part in response.aiter_stream():
        yield part


def _is_readable(connection: Any) -> bool:
    """Whether there is something to read at an idle connection: that it was ended, or what nobody asked for."""
    if connection is None or connection.fileno() < 0:
        return True
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _address(extensions: Mapping[str, Any]) -> str:
    stream = extensions.get("network_stream")
    return str(stream.get_extra_info("address") or "") if isinstance(stream, httpcore2.AsyncNetworkStream) else ""


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("ascii", "replace").lower(): value.decode("ascii", "replace") for name, value in raw}


def _name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
        raise InvalidInput(f"{name[:80]!r} cannot be a header of a provider's requests")
    return name


def _value(name: str, value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise InvalidInput(f"the value of the header {name!r} must be printable ASCII on one line")
    return value


def _broken(error: Exception) -> ProviderFailed:
    if isinstance(error, _CertificateRefused):
        return ProviderFailed(
            f"the provider's certificate is not accepted: {error}",
            is_retryable=False,
            is_unsent=True,
            hint="check the host in the provider's url, and this machine's certificate authorities",
        )
    reason = str(error) or type(error).__name__
    is_unsent = isinstance(error, httpcore2.ConnectError)
    return ProviderFailed(f"the connection to the provider failed: {reason}", is_retryable=True, is_unsent=is_unsent)
