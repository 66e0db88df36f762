"""Bytes from one connection to another and back, until both have finished or nothing moves any more.

Knows half-closed connections, idle ones and reset ones. It does not know what the bytes mean.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

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


class Opening(Protocol):
    """What looks at how a connection begins, until it is open."""

    @property
    def is_open(self) -> bool: ...

    @property
    def is_answered(self) -> bool: ...

    @property
    def is_holding(self) -> bool:
        """Whether something of the client waits for the server's answer."""
        ...

    def from_client(self, data: bytes = b"") -> bytes:
        """Return what may go on of what has come so far."""
        ...

    def from_server(self, data: bytes) -> None: ...


async def relay(
    client: Wire, upstream: Wire, *, traffic: Traffic, limits: ProxyLimits, opening: Opening | None = None
) -> None:
    """Return when both sides have finished, or nothing has moved for too long.

    Raises:
        OSError: One of the connections broke; the other should be torn down too.
        BykiltError: The opening says that it must not go on.
    """

    def went_up(count: int) -> None:
        traffic.up += count
        watch.moved()

    def went_down(count: int) -> None:
        traffic.down += count
        watch.moved()

    with anyio.CancelScope() as scope:
        watch = IdleWatch(scope, limits)
        answered = anyio.Event()

        async def up() -> None:
            if opening is None or await _open_up(client, upstream, opening, answered, went_up):
                await _pump(client, upstream, went_up)
            upstream.send_eof()
            watch.half_closed()

        async def down() -> None:
            if opening is not None:
                await _open_down(client, upstream, opening, went_down)
                answered.set()
            await _pump(upstream, client, went_down)
            client.send_eof()
            watch.half_closed()

        await run_both(up, down)


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


async def _open_up(
    client: Wire, upstream: Wire, opening: Opening, answered: anyio.Event, moved: Callable[[int], None]
) -> bool:
    """Relay what the opening lets through; return whether it is open, or the client has finished before."""
    while not opening.is_open:
        data = await client.receive()
        if not data:
            return False
        passing = opening.from_client(data)
        if opening.is_holding:
            await upstream.send(passing)
            await answered.wait()
            if not opening.is_answered:
                return False  # the server has finished without an answer
            passing = opening.from_client()
        await upstream.send(passing)
        moved(len(data))
    return True


async def _open_down(client: Wire, upstream: Wire, opening: Opening, moved: Callable[[int], None]) -> None:
    """Relay until the server has answered, or has finished."""
    while not opening.is_answered:
        data = await upstream.receive()
        if not data:
            return
        opening.from_server(data)
        await client.send(data)
        moved(len(data))


async def _pump(source: Wire, target: Wire, moved: Callable[[int], None]) -> None:
    while data := await source.receive():
        await target.send(data)
        moved(len(data))
