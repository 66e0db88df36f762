"""A backend whose calls take turns, so that each one finds a container, and waits within its own deadline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import anyio

from bykilt.llm.backend import Backend, OnToken
from bykilt.llm.calls import Call, Completion
from bykilt.llm.errors import LLMBusy

_LEAST_DEADLINE_S = 0.01


class TakingTurns:
    """Asks a backend one thing at a time. What is gone after a call is started again before the next one."""

    def __init__(self, backend: Backend) -> None:
        self.provider = backend.provider
        self._backend = backend
        self._turn = anyio.Lock()

    async def start(self) -> None:
        """Start it; does nothing where it is."""
        await self._backend.start()

    async def answer(self, call: Call, on_token: OnToken | None = None) -> Completion:
        """Return the answer, within the deadline of the call, other calls included that it waits for.

        Raises:
            LLMBusy: They took all of it.
            InvalidInput, LLMError: See `Backend`.
        """
        deadline_s = call.options.deadline_s
        asked_s = anyio.current_time()
        try:
            with anyio.fail_after(deadline_s):
                await self._turn.acquire()
        except TimeoutError:
            raise LLMBusy(deadline_s) from None
        try:
            await self._backend.start()  # whoever waited for a call that cost the container gets another one
            left_s = max(_LEAST_DEADLINE_S, deadline_s - (anyio.current_time() - asked_s))
            return await self._backend.answer(replace(call, options=replace(call.options, deadline_s=left_s)), on_token)
        finally:
            self._turn.release()

    async def stop(self) -> None:
        """Stop it."""
        await self._backend.stop()

    def get_metrics(self) -> dict[str, Any]:
        """Return what it says of itself."""
        return self._backend.get_metrics()
