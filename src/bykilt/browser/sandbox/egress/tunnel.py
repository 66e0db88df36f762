"""What goes through a CONNECT tunnel: TLS to the host that was asked for, or a WebSocket to it, and nothing else.

Knows how a tunnel has to begin; TLS may say its hello twice. What follows is relayed unread.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import anyio

from bykilt.browser.sandbox.egress.client_hello import HANDSHAKE_RECORD, ClientHello, ClientHelloReader
from bykilt.browser.sandbox.egress.decisions import MalformedRequest, Refused
from bykilt.browser.sandbox.egress.host_rules import Verdict
from bykilt.browser.sandbox.egress.limits import ProxyLimits
from bykilt.browser.sandbox.egress.relay import IdleWatch, Traffic, relay, run_both
from bykilt.browser.sandbox.egress.request_head import (
    WEBSOCKET_FIELDS,
    HeadReader,
    RequestHead,
    parse_websocket_upgrade,
)
from bykilt.browser.sandbox.egress.tls_opening import TlsOpening
from bykilt.browser.sandbox.egress.wire import Wire
from bykilt.network.host_names import literal_address

_MAX_ANSWER_BYTES = 256 * 1024
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_SWITCHING = re.compile(rb"HTTP/1\.1 101[ \r\n]")


class Tunnel:
    """One tunnel that has been granted to the browser, and the connection it leads to."""

    def __init__(self, client: Wire, upstream: Wire, request: RequestHead, *, limits: ProxyLimits) -> None:
        self._client = client
        self._upstream = upstream
        self._request = request
        self._limits = limits

    async def run(self, traffic: Traffic, *, on_websocket: Callable[[], None]) -> None:
        """Return when it has ended. `on_websocket` is called as soon as it is known to carry a plain WebSocket.

        Raises:
            MalformedRequest: It does not begin as it must, or not in time.
            Refused: Its TLS is meant for another host.
            OSError: One of the connections broke.
        """
        try:
            with anyio.fail_after(self._limits.hello_s):
                data = await self._client.receive()
                if not data:
                    return
                is_tls = data[0] == HANDSHAKE_RECORD
                self._client.put_back(data)
                beginning = await self._read_hello() if is_tls else await self._read_upgrade()
        except TimeoutError:
            raise MalformedRequest("the tunnel did not begin in time", status=408) from None
        if not is_tls:
            on_websocket()
        await self._upstream.send(beginning)
        traffic.up += len(beginning)
        if is_tls:
            opening = TlsOpening(self._check_name)
            await relay(self._client, self._upstream, traffic=traffic, limits=self._limits, opening=opening)
        elif await self._is_switched(traffic):
            await relay(self._client, self._upstream, traffic=traffic, limits=self._limits)

    async def _read_hello(self) -> bytes:
        reader = ClientHelloReader()
        received = bytearray()
        hello: ClientHello | None = None
        while hello is None:
            data = await self._receive_opening()
            received += data
            hello = reader.feed(data)
        self._check_name(hello)
        # What follows may be a second hello, sent in advance.
        self._client.put_back(reader.surplus)
        return bytes(received[: len(received) - len(reader.surplus)])

    def _check_name(self, hello: ClientHello) -> None:
        host = self._request.host
        if hello.server_name != host and not (hello.server_name is None and literal_address(host) is not None):
            raise Refused(
                Verdict(
                    False,
                    reason=f"the tunnel to {host} carries TLS for another server",
                    hint="allow that server by its own name",
                )
            )

    async def _read_upgrade(self) -> bytes:
        reader = HeadReader()
        complete: tuple[bytes, bytes] | None = None
        received = b""
        while complete is None:
            data = await self._receive_opening()
            received = (received + data)[:4]
            if not b"GET ".startswith(received):
                raise MalformedRequest("what came through the tunnel is neither TLS nor a WebSocket")
            complete = reader.feed(data)
        head, surplus = complete
        if surplus:
            raise MalformedRequest("the WebSocket goes on before it is answered")
        upgrade = parse_websocket_upgrade(head, self._request.host, self._request.port)
        return upgrade.forwarded(fields=WEBSOCKET_FIELDS)

    async def _receive_opening(self) -> bytes:
        data = await self._client.receive()
        if not data:
            raise MalformedRequest("the tunnel ended while it began")
        return data

    async def _is_switched(self, traffic: Traffic) -> bool:
        """Relay the answer to the upgrade, and return whether the server agreed.

        A server that did not would read what the browser sends next as another request, to any of its hosts: so
        nothing more is sent to it.
        """
        answer = bytearray()
        is_switched = False
        with anyio.CancelScope() as scope:
            watch = IdleWatch(scope, self._limits)
            while not _END_OF_HEAD.search(answer) and len(answer) <= _MAX_ANSWER_BYTES:
                data = await self._upstream.receive()
                answer += data
                if not data:
                    break
                watch.moved()
            is_switched = _SWITCHING.match(answer) is not None and _END_OF_HEAD.search(answer) is not None
            await self._client.send(bytes(answer))
            traffic.down += len(answer)
            if not is_switched:
                await self._relay_down(traffic, watch, scope)
        return is_switched

    async def _relay_down(self, traffic: Traffic, watch: IdleWatch, scope: anyio.CancelScope) -> None:
        async def down() -> None:
            while data := await self._upstream.receive():
                await self._client.send(data)
                traffic.down += len(data)
                watch.moved()
            self._client.send_eof()
            scope.cancel()

        async def discard() -> None:
            while await self._client.receive():
                pass
            watch.half_closed()

        await run_both(down, discard)
