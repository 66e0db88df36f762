"""One request on a connection of the browser, from its first byte to the record of it.

Knows the order of things: read, decide, dial, relay, tell. What each of them means is in the modules beside it.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio

from bykilt.browser.sandbox.egress.answers import ESTABLISHED, answer_to
from bykilt.browser.sandbox.egress.decisions import (
    ConnectionKind,
    EgressDecision,
    MalformedRequest,
    Refused,
    Unreachable,
)
from bykilt.browser.sandbox.egress.dialling import Dialled, Dialler
from bykilt.browser.sandbox.egress.host_rules import HostRule
from bykilt.browser.sandbox.egress.limits import ProxyLimits
from bykilt.browser.sandbox.egress.plain_http import PlainExchange, read_body_start
from bykilt.browser.sandbox.egress.relay import Traffic
from bykilt.browser.sandbox.egress.request_head import Form, HeadReader, RequestHead, parse_proxy_request
from bykilt.browser.sandbox.egress.tunnel import Tunnel
from bykilt.browser.sandbox.egress.wire import Wire
from bykilt.clock import Clock

OnDecision = Callable[[EgressDecision], None]
_Failure = Refused | MalformedRequest | Unreachable


class Exchange:
    """Serves one request and tells of it once: when it is refused, or when it has ended."""

    def __init__(
        self,
        client: Wire,
        dialler: Dialler,
        *,
        limits: ProxyLimits,
        clock: Clock,
        on_decision: OnDecision,
        is_for_browser: bool = False,
    ) -> None:
        self._client = client
        self._dialler = dialler
        self._limits = limits
        self._clock = clock
        self._on_decision = on_decision
        self._is_for_browser = is_for_browser
        self._started_s = clock.monotonic_s()
        self._traffic = Traffic()
        self._request: RequestHead | None = None
        self._kind = ConnectionKind.UNKNOWN
        self._rule: HostRule | None = None
        self._address = ""
        self._failure: _Failure | None = None
        self._has_begun = False
        self._is_established = False
        self._is_told = False

    async def run(self) -> bool:
        """Return whether the browser may send another request; the connection is closed if not.

        Nothing that the browser or the network does comes out as an error.
        """
        stays = False
        try:
            stays = await self._serve()
        except (Refused, MalformedRequest, Unreachable) as failure:
            self._failure = failure
            self._tell()
            await self._answer(failure)
        except OSError:
            self._client.abort()
        finally:
            if not stays:
                self._client.close()
            self._tell()
        return stays

    async def _serve(self) -> bool:
        received = await self._read_head()
        if received is None:
            return False
        head, rest = received
        request = self._request = parse_proxy_request(head)
        is_tunnel = request.form is Form.AUTHORITY
        self._kind = ConnectionKind.CONNECT if is_tunnel else ConnectionKind.HTTP
        verdict = self._dialler.rules.decide(request.host, request.port)
        if not verdict.allowed:
            raise Refused(verdict)
        self._rule = verdict.rule
        if is_tunnel:
            await self._serve_tunnel(request, rest)
            return False
        return await self._serve_plain(request, rest)

    async def _read_head(self) -> tuple[bytes, bytes] | None:
        """Return the head and what came with it; None for a connection that was never used."""
        reader = HeadReader()
        with anyio.move_on_after(self._limits.first_byte_s) as waiting:
            data = await self._client.receive()
        if waiting.cancelled_caught or not data:
            return None
        self._has_begun = True
        try:
            with anyio.fail_after(self._limits.head_s):
                while (complete := reader.feed(data)) is None:
                    data = await self._client.receive()
                    if not data:
                        raise MalformedRequest("the request ended before its head did")
        except TimeoutError:
            raise MalformedRequest("the request head did not come in time", status=408) from None
        return complete

    async def _serve_tunnel(self, request: RequestHead, rest: bytes) -> None:
        if rest:
            raise MalformedRequest("the tunnel is used before it is granted")
        upstream = await self._dial(request, needs_tunnel=True)
        try:
            self._is_established = True
            await self._client.send(ESTABLISHED)
            tunnel = Tunnel(self._client, upstream.wire, request, limits=self._limits)
            await tunnel.run(self._traffic, on_websocket=self._is_websocket)
        except OSError:
            upstream.wire.abort()
            raise
        finally:
            upstream.wire.close()

    async def _serve_plain(self, request: RequestHead, rest: bytes) -> bool:
        start = await read_body_start(self._client, request, rest, limit_s=self._limits.head_s)
        upstream = await self._dial(request, needs_tunnel=False)
        may_stay = self._is_for_browser and not request.asks_to_close
        exchange = PlainExchange(self._client, upstream, request, limits=self._limits, may_stay=may_stay)
        try:
            await exchange.run(start, self._traffic)
        except (OSError, MalformedRequest):
            upstream.wire.abort()
            raise
        finally:
            upstream.wire.close()
        if not start.body.is_done:
            await self._client.close_after_answer()
        return exchange.stays

    async def _dial(self, request: RequestHead, *, needs_tunnel: bool) -> Dialled:
        dialled = await self._dialler.dial(request.host, request.port, rule=self._rule, needs_tunnel=needs_tunnel)
        self._address = dialled.address
        return dialled

    def _is_websocket(self) -> None:
        self._kind = ConnectionKind.WEBSOCKET

    async def _answer(self, failure: _Failure) -> None:
        """Say why, unless the browser takes what it gets for the server's own words by now."""
        if self._is_established or self._traffic.down:
            self._client.abort()
            return
        if self._is_for_browser and self._kind is not ConnectionKind.CONNECT:
            # Chromium shows whatever a proxy answers over plain HTTP as the page itself.
            await self._client.close_after_answer()
            return
        host, port = (self._request.host, self._request.port) if self._request is not None else ("", 0)
        try:
            await self._client.send(answer_to(failure, host, port))
            await self._client.close_after_answer()
        except OSError:
            self._client.abort()

    def _tell(self) -> None:
        if self._is_told or not self._has_begun:
            return
        self._is_told = True
        failure = self._failure
        self._on_decision(
            EgressDecision(
                host=self._request.host if self._request is not None else "",
                port=self._request.port if self._request is not None else 0,
                kind=self._kind,
                allowed=self._request is not None and not isinstance(failure, Refused | MalformedRequest),
                rule=str(self._rule) if self._rule is not None else "",
                reason=failure.message if failure is not None else "",
                hint=failure.hint if failure is not None else "",
                unreachable=failure.reason if isinstance(failure, Unreachable) else None,
                address=self._address,
                bytes_up=self._traffic.up,
                bytes_down=self._traffic.down,
                duration_ms=round((self._clock.monotonic_s() - self._started_s) * 1000),
            )
        )
