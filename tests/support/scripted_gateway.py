"""A gateway without a model that plays a script: for tests of what stands above the gateway.

It is a fake, for what no real model does on demand: give a chosen answer, fail with a chosen error, never answer. Tests
of what a model really does use the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio

from bykilt.json_types import JsonValue
from bykilt.llm.calls import Message, Prompt
from bykilt.llm.service_gateway import LLMResult, LLMServiceGateway


@dataclass(frozen=True)
class Asked:
    """One call, as it came."""

    messages: tuple[Message, ...]
    context: Mapping[str, Any]
    schema: Mapping[str, Any] | None

    @property
    def text(self) -> str:
        """All that was said in it."""
        return "\n".join(message.content for message in self.messages)


@dataclass
class ScriptedGateway:
    """Answers one after the other: a value, an error, or with nothing left never. Is an `LLMServiceGateway`."""

    answers: list[JsonValue | Exception] = field(default_factory=list)
    unready: Exception | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    shut_down: bool = False

    def __call__(self) -> LLMServiceGateway:
        """Be the one that gives the gateway, too."""
        return self

    async def initialize(self) -> None:
        if self.unready is not None:
            raise self.unready

    async def invoke_llm(
        self,
        prompt: Prompt,
        context: Mapping[str, Any] | None = None,
        *,
        schema: Mapping[str, Any] | None = None,
        on_token: Callable[[str], None] | None = None,
    ) -> LLMResult:
        messages = tuple(one for one in prompt if isinstance(one, Message))
        self.asked.append(Asked(messages, dict(context or {}), schema))
        if not self.answers:
            await anyio.sleep_forever()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        result: dict[str, Any] = {
            "text": str(answer),
            "data": answer,
            "usage": {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107},
            "model": "scripted-1",
            "provider": "nobody",
            "cost": 0.002,
            "cached": False,
            "priced": True,
            "finish": "stop",
            "sandbox": {},
            **self.more,
        }
        return result  # type: ignore[return-value]

    async def shutdown(self) -> None:
        self.shut_down = True
