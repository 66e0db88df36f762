"""The proxy: listening sockets made inside the sandbox's network, served from outside of it.

Knows how many connections there may be and that nothing outlives it. What happens on a connection is in `exchange`.

Why it runs in our own process and on our own event loop: the descriptor that it accepts on cannot be reached from the
host, so which browser is asking is never in question, and there is nothing inside the sandbox to attack.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from bykilt.browser.sandbox.egress.dialling import Dialler
from bykilt.browser.sandbox.egress.exchange import Exchange, OnDecision
from bykilt.browser.sandbox.egress.host_rules import EgressRules
from bykilt.browser.sandbox.egress.limits import ProxyLimits
from bykilt.browser.sandbox.egress.upstream_proxy import UpstreamProxy
from bykilt.browser.sandbox.egress.wire import Wire
from bykilt.clock import Clock, SystemClock
from bykilt.network.connecting import Connect, Resolve, connect_tcp, resolve_by_system

# The connection is gone before we took it, or the network has a bad moment: the next one may be well.
# Source: accept(2)
_PASSING = frozenset(
    {
        errno.EAGAIN,
        errno.ECONNABORTED,
        errno.EINTR,
        errno.EPROTO,
        errno.EPERM,
        errno.ENETDOWN,
        errno.ENOPROTOOPT,
        errno.EHOSTDOWN,
        errno.ENONET,
        errno.EHOSTUNREACH,
        errno.EOPNOTSUPP,
        errno.ENETUNREACH,
    }
)
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_RECOVERY_S = 0.1


class EgressProxy:
    """Serves the browser of one sandbox. It owns the listening sockets, which keep the sandbox's network alive."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        dialler: Dialler,
        *,
        limits: ProxyLimits,
        clock: Clock,
        on_decision: OnDecision,
        is_for_browser: bool = False,
    ) -> None:
        self._sockets = tuple(sockets)
        self._dialler = dialler
        self._limits = limits
        self._clock = clock
        self._on_decision = on_decision
        self._is_for_browser = is_for_browser
        self._slots = anyio.Semaphore(limits.connections)
        self._connections: set[socket.socket] = set()

    @property
    def open_connections(self) -> int:
        """How many connections of the browser are being served."""
        return len(self._connections)

    async def serve(self) -> None:
        """Serve until cancelled; then every connection and every listening socket is closed."""
        try:
            async with anyio.create_task_group() as group:
                for listener in self._sockets:
                    listener.setblocking(False)
                    group.start_soon(self._accept, listener, group)
        finally:
            self.close()

    def close(self) -> None:
        """Close every socket, those too that were accepted and whose task never ran."""
        for owned in (*self._sockets, *self._connections):
            owned.close()

    async def _accept(self, listener: socket.socket, group: TaskGroup) -> None:
        while True:
            # With every slot taken, new connections wait in the kernel's queue.
            await self._slots.acquire()
            connection = await _next_connection(listener)
            self._connections.add(connection)
            group.start_soon(self._serve_one, connection)

    async def _serve_one(self, connection: socket.socket) -> None:
        try:
            wire = Wire(connection)
            while await self._exchange_on(wire).run():
                pass  # each request on a connection that stays is read, decided and told of for itself
        finally:
            connection.close()
            self._connections.discard(connection)
            self._slots.release()

    def _exchange_on(self, wire: Wire) -> Exchange:
        return Exchange(
            wire,
            self._dialler,
            limits=self._limits,
            clock=self._clock,
            on_decision=self._on_decision,
            is_for_browser=self._is_for_browser,
        )


@asynccontextmanager
async def open_proxy(
    sockets: Sequence[socket.socket],
    rules: EgressRules,
    *,
    on_decision: OnDecision,
    resolve: Resolve = resolve_by_system,
    connect: Connect = connect_tcp,
    upstream: UpstreamProxy | None = None,
    limits: ProxyLimits | None = None,
    clock: Clock | None = None,
    is_for_browser: bool = False,
) -> AsyncIterator[EgressProxy]:
    """Serve on listening sockets as long as the block lasts; they are closed with it.

    `on_decision` is called once for each request or tunnel: at once when it is refused or leads nowhere, and at its end
    when it is allowed, also when that end is the proxy's own. It must not block.
    With `upstream`, names are resolved there, and the addresses that they lead to are not checked.
    A browser shows whatever it is answered over plain HTTP as the page, so that with `is_for_browser` a refused request
    of that kind gets no answer at all: the page fails to load, and the decision has the reason. A browser also keeps
    its connections for more than one request.
    """
    limits = limits or ProxyLimits()
    dialler = Dialler(rules, resolve, connect, upstream, resolve_s=limits.resolve_s, connect_s=limits.connect_s)
    proxy = EgressProxy(
        sockets,
        dialler,
        limits=limits,
        clock=clock or SystemClock(),
        on_decision=on_decision,
        is_for_browser=is_for_browser,
    )
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(proxy.serve)
            try:
                yield proxy
            finally:
                group.cancel_scope.cancel()
    finally:
        proxy.close()  # also where `serve` has not begun yet


async def _next_connection(listener: socket.socket) -> socket.socket:
    while True:
        await anyio.wait_readable(listener)
        try:
            return listener.accept()[0]
        except OSError as error:
            if error.errno in _EXHAUSTED:
                # There is nothing to wait for: descriptors of the whole process come free somewhere else.
                await anyio.sleep(_RECOVERY_S)
            elif error.errno not in _PASSING:
                raise
