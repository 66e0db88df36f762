"""A backend that answers as it was told to, and remembers what it was asked. Knows no test.

It passes the same contract suite as the real ones (`tests/contract/llm`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from bykilt.errors import BykiltError, InvalidInput
from bykilt.llm.backend import OnToken
from bykilt.llm.calls import Call, Completion

ANSWER = Completion("The capital of France is Paris.", "stop", 10, 7)

Step = Completion | BykiltError
"""An answer, or what goes wrong instead."""


@dataclass
class ScriptedBackend:
    """Carries out `script` step by step, and then answers `ANSWER` to everything.

    `pieces` are told before a step that goes wrong. A call waits for `gate`, where there is one.
    """

    provider: str = "local"
    script: list[Step] = field(default_factory=list)
    models: Sequence[str] = ("smollm2-135m-instruct",)
    pieces: Sequence[str] = ()
    gate: anyio.Event | None = None
    on_call: Callable[[Call], None] = lambda call: None
    start_error: BykiltError | None = None
    asked: list[Call] = field(default_factory=list)
    starts: int = 0
    is_running: bool = False

    async def start(self) -> None:
        if self.start_error is not None:
            raise self.start_error
        if not self.is_running:
            self.starts += 1
            self.is_running = True

    async def answer(self, call: Call, on_token: OnToken | None = None) -> Completion:
        await self.start()
        if call.options.model not in (None, *self.models):
            raise InvalidInput(f"{self.provider} has no model {call.options.model!r}")
        self.asked.append(call)
        self.on_call(call)
        if self.gate is not None:
            await self.gate.wait()
        await anyio.lowlevel.checkpoint()
        step = self.script.pop(0) if self.script else ANSWER
        if isinstance(step, BykiltError):
            for piece in self.pieces:
                if on_token is not None:
                    on_token(piece)
            raise step
        if on_token is not None:
            for word in step.text.splitlines(keepends=True):
                for place in range(0, len(word), 8):
                    on_token(word[place : place + 8])
        return step

    async def stop(self) -> None:
        self.is_running = False

    def get_metrics(self) -> dict[str, Any]:
        return {"container_id": f"of {self.provider}" if self.is_running else None, "network_mode": "none"}
