"""One plain HTTP request through the proxy: it goes up once, its answer comes down as it is made.

Knows when the request has ended and the answer has. One request per connection to a server: what it keeps open
afterwards could be fed another request, to any of its hosts. The browser may keep its own connection: each request on
it is read, decided and dialled for itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from bykilt.browser.sandbox.egress.decisions import MalformedRequest, Unreachable, UnreachableReason
from bykilt.browser.sandbox.egress.dialling import Dialled
from bykilt.browser.sandbox.egress.limits import ProxyLimits
from bykilt.browser.sandbox.egress.relay import IdleWatch, Traffic, run_both
from bykilt.browser.sandbox.egress.request_body import ChunkedBody, RequestBody, SizedBody
from bykilt.browser.sandbox.egress.request_head import CLOSE_FIELDS, RequestHead
from bykilt.browser.sandbox.egress.response_head import ResponseHeadFilter
from bykilt.browser.sandbox.egress.wire import Wire

_PROXY_WANTS_LOGIN = 407


@dataclass(frozen=True, slots=True)
class BodyStart:
    """A body of which some may have come already, in `first`."""

    body: RequestBody
    first: bytes


async def read_body_start(client: Wire, request: RequestHead, came_with_head: bytes, *, limit_s: float) -> BodyStart:
    """Return how the body begins, so that one that is wrong at once reaches no server.

    Raises:
        MalformedRequest: It is wrong, late, or more than one request.
        OSError: The connection broke.
    """
    body: RequestBody = ChunkedBody() if request.body_bytes is None else SizedBody(request.body_bytes)
    first = body.feed(came_with_head)
    try:
        with anyio.fail_after(limit_s):
            while not first and not body.is_done:
                first = body.feed(await _receive_body(client))
    except TimeoutError:
        raise MalformedRequest("the body of the request did not begin in time", status=408) from None
    if body.has_surplus:
        raise MalformedRequest("more came than one request")
    return BodyStart(body, first)


class PlainExchange:
    """One request and its answer. With `may_stay` the browser may keep its connection."""

    def __init__(
        self, client: Wire, dialled: Dialled, request: RequestHead, *, limits: ProxyLimits, may_stay: bool = False
    ) -> None:
        self._client = client
        self._upstream = dialled.wire
        self._proxy = dialled.proxy
        self._request = request
        self._limits = limits
        self._may_stay = may_stay
        self._only_waits = False  # the browser: it has sent its request, and not one byte after it
        self.stays = False

    async def run(self, start: BodyStart, traffic: Traffic) -> None:
        """Return when the answer has ended. As long as `traffic.down` is 0, the browser has been answered nothing.

        `stays` is then whether the browser may send another request.

        Raises:
            MalformedRequest: The body broke off or has broken chunks.
            Unreachable: What answered is no HTTP server, or nothing did.
            OSError: One of the connections broke in the middle of the answer.
        """
        login = self._proxy.login_fields if self._proxy is not None else ()
        head = self._request.forwarded(to_proxy=self._proxy is not None, fields=(*CLOSE_FIELDS, *login))
        with anyio.CancelScope() as scope:
            watch = IdleWatch(scope, self._limits)
            await run_both(
                lambda: self._send_request(head + start.first, start.body, traffic=traffic, watch=watch),
                lambda: self._relay_answer(traffic, watch=watch, scope=scope),
            )

    async def _send_request(self, opening: bytes, body: RequestBody, *, traffic: Traffic, watch: IdleWatch) -> None:
        is_taken = await self._send_up(opening, traffic)
        while is_taken and not body.is_done:
            is_taken = await self._send_up(body.feed(await _receive_body(self._client)), traffic)
            watch.moved()
        self._only_waits = body.is_done
        while await self._client.receive():
            self._only_waits = False  # nothing after the body concerns the server
        self._only_waits = False
        watch.half_closed()

    async def _send_up(self, data: bytes, traffic: Traffic) -> bool:
        """Return whether the server still reads. One may answer before it has read everything, and say why."""
        try:
            await self._upstream.send(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        traffic.up += len(data)
        return True

    async def _relay_answer(self, traffic: Traffic, *, watch: IdleWatch, scope: anyio.CancelScope) -> None:
        answer = ResponseHeadFilter(method=self._request.method, may_stay=self._may_stay)
        while data := await self._receive_answer(traffic):
            filtered = answer.feed(data)
            if self._proxy is not None and answer.status == _PROXY_WANTS_LOGIN:
                raise Unreachable(UnreachableReason.UPSTREAM_PROXY, "the upstream proxy refused the login")
            await self._client.send(filtered)
            traffic.down += len(filtered)
            watch.moved()
            if answer.is_done:
                # Not waited here: the other direction would take the browser's next request for something surplus.
                self.stays = self._only_waits
                break
        if answer.status is None:
            raise Unreachable(UnreachableReason.BAD_ANSWER, "the server closed the connection without an answer")
        if not self.stays:
            self._client.send_eof()
        scope.cancel()

    async def _receive_answer(self, traffic: Traffic) -> bytes:
        try:
            return await self._upstream.receive()
        except OSError as error:
            if traffic.down:
                raise
            raise Unreachable(UnreachableReason.BAD_ANSWER, "the server broke the connection off") from error


async def _receive_body(client: Wire) -> bytes:
    data = await client.receive()
    if not data:
        raise MalformedRequest("the request ended before its body did")
    return data
