"""The model in one container as a backend whose calls take turns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import anyio

from bykilt.llm.backend import OnToken
from bykilt.llm.calls import Call, Completion
from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.errors import LLMBusy
from bykilt.llm.providers import LOCAL

_LEAST_DEADLINE_S = 0.01


class LocalBackend:
    """Asks the sandbox. A container that is gone is replaced at the next call."""

    provider = LOCAL

    def __init__(self, sandbox: DockerLLMSandbox) -> None:
        self.sandbox = sandbox
        self._turn = anyio.Lock()

    async def start(self) -> None:
        """Start the container; does nothing where it is."""
        await self.sandbox.start()

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
            await self.sandbox.start()  # whoever waited for a call that cost the container gets another one
            left_s = max(_LEAST_DEADLINE_S, deadline_s - (anyio.current_time() - asked_s))
            return await self.sandbox.answer(replace(call, options=replace(call.options, deadline_s=left_s)), on_token)
        finally:
            self._turn.release()

    async def stop(self) -> None:
        """Remove the container."""
        await self.sandbox.stop()

    def get_metrics(self) -> dict[str, Any]:
        """Return what holds the container, and what was done in it."""
        return self.sandbox.get_metrics()
