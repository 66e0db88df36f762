"""Bytes from one connection to another and back, until both have finished or nothing moves any more.

Knows half-closed connections, idle ones and reset ones. It does not know what the bytes mean.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

from bykilt.browser.sandbox.egress.limits import ProxyLimits
from bykilt.browser.sandbox.egress.wire import Wire
from bykilt.errors import BykiltError


@dataclass(slots=True)
class Traffic:
    """How many bytes have gone each way."""

    up: int = 0
    down: int = 0


class IdleWatch:
    """Ends a scope when nothing has moved for a while; shorter once one side has finished."""

    def __init__(self, scope: anyio.CancelScope, limits: ProxyLimits) -> None:
        self._scope = scope
        self._limit_s = limits.idle_s
        self._half_closed_s = limits.half_closed_s
        self.moved()

    def moved(self) -> None:
        """Something was relayed."""
        self._scope.deadline = anyio.current_time() + self._limit_s

    def half_closed(self) -> None:
        """One side has finished; nobody may wait for the other for ever."""
        self._limit_s = self._half_closed_s
        self.moved()


async def relay(client: Wire, upstream: Wire, *, traffic: Traffic, limits: ProxyLimits) -> None:
    """Return when both sides have finished, or nothing has moved for too long.

    Raises:
        OSError: One of the connections broke; the other should be torn down too.
    """

    def went_up(count: int) -> None:
        traffic.up += count
        watch.moved()

    def went_down(count: int) -> None:
        traffic.down += count
        watch.moved()

    with anyio.CancelScope() as scope:
        watch = IdleWatch(scope, limits)
        await run_both(
            lambda: _pump(client, upstream, went_up, watch.half_closed),
            lambda: _pump(upstream, client, went_down, watch.half_closed),
        )


async def run_both(first: Callable[[], Awaitable[None]], second: Callable[[], Awaitable[None]]) -> None:
    """Run two directions of one connection; an expected failure of either ends both and comes out as itself."""
    broken: list[OSError | BykiltError] = []

    async def guarded(direction: Callable[[], Awaitable[None]]) -> None:
        # A task group would wrap the error in a group of errors.
        try:
            await direction()
        except (OSError, BykiltError) as error:
            broken.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(guarded, first)
        group.start_soon(guarded, second)
    if broken:
        raise broken[0]


async def _pump(source: Wire, target: Wire, moved: Callable[[int], None], finished: Callable[[], None]) -> None:
    while data := await source.receive():
        await target.send(data)
        moved(len(data))
    target.send_eof()
    finished()
