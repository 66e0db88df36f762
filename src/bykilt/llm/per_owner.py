"""One backend for each owner, so that what one of them says never lies in a container that another one asks.

Knows whose turn it is to go when there are too many. Does not know what a backend is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio

from bykilt.llm.backend import Backend, OnToken
from bykilt.llm.calls import Call, Completion

DEFAULT_MOST = 8


@dataclass(slots=True)
class _Held:
    backend: Backend
    users: int = 0


class PerOwner:
    """A backend that sends each owner's calls to a backend of that owner. None is made before it is needed."""

    def __init__(
        self, provider: str, make: Callable[[], Backend], close: Callable[[], Awaitable[None]], most: int = DEFAULT_MOST
    ) -> None:
        """Take what makes a backend, and what ends with the last of them.

        Of more than `most`, those that nobody uses are stopped, the one that was used longest ago first.
        """
        self.provider = provider
        self._make = make
        self._close = close
        self._most = most
        self._held: dict[str, _Held] = {}
        self._last: Backend | None = None

    async def start(self) -> None:
        """Do nothing: an owner's backend starts with the first call of that owner."""

    async def answer(self, call: Call, on_token: OnToken | None = None) -> Completion:
        """Return the answer of the owner's backend; see `Backend`."""
        owner = call.options.owner
        held = self._held.pop(owner, None) or _Held(self._make())
        self._held[owner] = held  # behind all others: it is the one that was used last
        held.users += 1
        try:
            await self._make_room()
            answer = await held.backend.answer(call, on_token)
            self._last = held.backend
            return answer
        finally:
            held.users -= 1

    async def stop(self) -> None:
        """Stop all of them."""
        held, self._held = self._held, {}
        with anyio.CancelScope(shield=True):
            try:
                async with anyio.create_task_group() as tasks:
                    for one in held.values():
                        tasks.start_soon(one.backend.stop)
            finally:
                await self._close()

    def get_metrics(self) -> dict[str, Any]:
        """Return what the backend says of itself that answered last."""
        return {"container_id": None} if self._last is None else self._last.get_metrics()

    async def _make_room(self) -> None:
        while len(self._held) > self._most:
            idle = next((owner for owner, held in self._held.items() if held.users == 0), None)
            if idle is None:
                return
            held = self._held.pop(idle)
            with anyio.CancelScope(shield=True):  # it is on no list any more
                await held.backend.stop()
