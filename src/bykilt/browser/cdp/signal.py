"""Waiting for a state that others change. Knows that something changed, not what."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio

T = TypeVar("T")


class Signal:
    """Wakes everybody who waits, each time it fires."""

    __slots__ = ("_event", "_waiting")

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._waiting = 0

    def fire(self) -> None:
        """Wake those who wait now."""
        if self._waiting:
            self._event.set()
            self._event = anyio.Event()
            self._waiting = 0

    async def wait_until(self, look: Callable[[], T | None]) -> T:
        """Return what `look` finds, as soon as it finds anything; it is asked again after each firing."""
        while True:
            found = look()
            if found is not None and found is not False:
                return found
            self._waiting += 1
            await self._event.wait()
