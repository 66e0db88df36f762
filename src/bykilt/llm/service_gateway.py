"""The door to the language model for the rest of bykilt, and for programs that use bykilt.

Knows whether it is switched on, and what a call's answer looks like. Does not know containers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NotRequired, Protocol, TypedDict

import anyio

from bykilt.errors import InvalidInput
from bykilt.llm.calls import Prompt
from bykilt.llm.errors import AnswerIncomplete, LLMDisabled, ProtocolViolation
from bykilt.settings import Settings

if TYPE_CHECKING:
    from bykilt.llm.docker_sandbox import DockerLLMSandbox


class Usage(TypedDict):
    """Tokens of one call."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class LLMResult(TypedDict):
    """An answer. `data` is there when a schema was given; it comes from the sandbox, so do not trust it blindly."""

    text: str
    usage: Usage
    model: str
    provider: str
    cost: float
    cached: bool
    finish: str
    sandbox: dict[str, Any]
    data: NotRequired[Any]


class LLMServiceGateway(Protocol):
    """What asks a language model. `initialize` it, `invoke_llm`, `shutdown`."""

    async def initialize(self) -> None:
        """Get ready; does nothing the second time."""
        ...

    async def invoke_llm(
        self,
        prompt: Prompt,
        context: Mapping[str, Any] | None = None,
        *,
        schema: Mapping[str, Any] | None = None,
        on_token: Callable[[str], None] | None = None,
    ) -> LLMResult:
        """Return the answer; with a JSON Schema, `text` is JSON and `data` what it says."""
        ...

    async def shutdown(self) -> None:
        """Leave nothing running."""
        ...


class DisabledLLMGateway:
    """The gateway while the language model is switched off: starts nothing, imports nothing, says so."""

    async def initialize(self) -> None:
        """Raise LLMDisabled."""
        raise LLMDisabled

    async def invoke_llm(
        self,
        prompt: Prompt,
        context: Mapping[str, Any] | None = None,
        *,
        schema: Mapping[str, Any] | None = None,
        on_token: Callable[[str], None] | None = None,
    ) -> LLMResult:
        """Raise LLMDisabled."""
        raise LLMDisabled

    async def shutdown(self) -> None:
        """There is nothing to leave."""


class DockerLLMServiceGateway:
    """Asks the model in the container. A container that is gone is replaced at the next call."""

    def __init__(self, sandbox: DockerLLMSandbox) -> None:
        """Take the sandbox; it is started by `initialize` or by the first call."""
        self._sandbox = sandbox
        self._turn = anyio.Lock()

    async def initialize(self) -> None:
        """Start the container.

        Raises:
            DockerUnavailable, ImageMissing: Something is missing on this machine.
            LLMError: The container did not come up, or is not held as it must be.
        """
        await self._sandbox.start()

    async def invoke_llm(
        self,
        prompt: Prompt,
        context: Mapping[str, Any] | None = None,
        *,
        schema: Mapping[str, Any] | None = None,
        on_token: Callable[[str], None] | None = None,
    ) -> LLMResult:
        """Return the answer.

        Raises:
            InvalidInput: The call cannot be carried out as it is.
            AnswerIncomplete: max_tokens were not enough for a document of that schema.
            LLMError: There is no answer.
        """
        async with self._turn:  # whoever waited for a call that cost the container gets another one
            await self._sandbox.start()
            answer = await self._sandbox.invoke_llm(prompt, context, schema=schema, on_token=on_token)
        metrics = self._sandbox.get_metrics()
        result: LLMResult = {
            "text": answer.text,
            "usage": {
                "prompt_tokens": answer.prompt_tokens,
                "completion_tokens": answer.completion_tokens,
                "total_tokens": answer.prompt_tokens + answer.completion_tokens,
            },
            "model": self._sandbox.model,
            "provider": "local",
            "cost": 0.0,
            "cached": False,
            "finish": answer.finish,
            "sandbox": {
                name: metrics[name] for name in ("container_id", "network_mode", "resource_limits", "security")
            },
        }
        if schema is not None:
            result["data"] = _document(answer.text, answer.finish)
        return result

    async def shutdown(self) -> None:
        """Remove the container."""
        await self._sandbox.stop()


def get_llm_gateway(use_docker: bool = True) -> DockerLLMServiceGateway | DisabledLLMGateway:
    """Return the gateway that the environment asks for: one that refuses every call unless ENABLE_LLM is true.

    Raises:
        InvalidInput: `use_docker` is false: outside a container no model is run.
        InvalidSetting: ENABLE_LLM cannot be used.
    """
    if not Settings.from_environment().llm_enabled:
        return DisabledLLMGateway()
    if not use_docker:
        raise InvalidInput("the model runs in a container only", hint="leave use_docker out")
    from bykilt.llm.docker_sandbox import DockerLLMSandbox

    return DockerLLMServiceGateway(DockerLLMSandbox())


def _document(text: str, finish: str) -> Any:
    if finish == "length":
        raise AnswerIncomplete("the answer did not fit into max_tokens", hint="raise max_tokens")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolViolation("an answer to a schema that is no JSON") from None
