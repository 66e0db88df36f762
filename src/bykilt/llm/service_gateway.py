"""The door to the language model for the rest of bykilt, and for programs that use bykilt.

Knows whether it is switched on, and what a call's answer looks like. Does not know containers, nor what a call may
use up (`pipeline`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NotRequired, Protocol, TypedDict

import anyio

from bykilt.errors import BykiltError, InvalidInput
from bykilt.llm.calls import Call, Prompt
from bykilt.llm.errors import DockerUnavailable, ImageMissing, LLMDisabled, NoAnswer
from bykilt.settings import Settings

if TYPE_CHECKING:
    from bykilt.llm.backend import Backend
    from bykilt.llm.composing import MakeBackend, Surroundings
    from bykilt.llm.docker_sandbox import DockerLLMSandbox
    from bykilt.llm.pipeline import Answered, CallPipeline
    from bykilt.llm.pool import WorkerPool


class Usage(TypedDict):
    """Tokens of one call."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class LLMResult(TypedDict):
    """An answer. `data` is there when a schema was given; it comes from the sandbox, so do not trust it blindly.

    `cost` is in US dollars, and 0.0 where the model has no price, which `priced` tells. `disabled` is there, and true,
    where the user has chosen a stub for when there is no model: then nothing was asked, and `text` is empty.
    """

    text: str
    usage: Usage
    model: str
    provider: str
    cost: float
    cached: bool
    priced: bool
    finish: str
    sandbox: dict[str, Any]
    data: NotRequired[Any]
    disabled: NotRequired[bool]


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
    """Asks the model in the container, or providers from inside one, as the home's `llm.yaml` says."""

    def __init__(
        self,
        sandbox: DockerLLMSandbox | WorkerPool | None = None,
        *,
        around: Surroundings | None = None,
        local: Backend | None = None,
        remote: MakeBackend | None = None,
    ) -> None:
        """Take the sandbox of the local model, or a pool of them, and where calls belong.

        Without `sandbox` it is a pool that is held as `llm.yaml` says, and without `around` calls belong to the
        environment's home.
        Nothing is opened or started before it is needed. `local` asks the sandbox, and `remote` makes what asks a
        provider, in another way than the usual one.
        """
        from bykilt.llm.pool import WorkerPool

        self._is_as_settings_say = sandbox is None
        self._sandbox = WorkerPool(home=around.home if around is not None else None) if sandbox is None else sandbox
        self._around = around
        self._local = local
        self._remote = remote
        self._opening = anyio.Lock()
        self._pipeline: CallPipeline | None = None

    async def initialize(self) -> None:
        """Read the settings, and start what answers first.

        Raises:
            SettingsError, CacheUnavailable: `llm.yaml` cannot be used as it is.
            DockerUnavailable, ImageMissing: Something is missing on this machine, and no stub is wanted for that.
            LLMError: The container did not come up, or is not held as it must be.
        """
        pipeline = await self._open()
        try:
            await pipeline.backends[pipeline.settings.use[0]].start()
        except (DockerUnavailable, ImageMissing):
            # Another provider may answer, or the stub; a call tells.
            if len(pipeline.settings.use) == 1 and not _has_stub(pipeline):
                raise

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
            AnswerInvalid: The answer does not fit the schema.
            BudgetExceeded, RateExceeded, CallAboveRate, ProviderResting: The call was not made.
            LLMError: There is no answer.
            BykiltError: It could not be put on record, or a secret could not be had.
        """
        call = Call.parse(prompt, context, schema)
        pipeline = await self._open()
        try:
            answered = await pipeline.answer(call, on_token)
        except (DockerUnavailable, ImageMissing, NoAnswer) as error:
            if _has_stub(pipeline) and _is_nowhere(error):
                return _stub(error)
            raise
        return _result(answered, schema is not None)

    async def shutdown(self) -> None:
        """Remove every container, and close the files."""
        async with self._opening:
            pipeline, self._pipeline = self._pipeline, None
        if pipeline is None:
            await self._sandbox.stop()
            return
        try:
            async with anyio.create_task_group() as tasks:
                for backend in pipeline.backends.values():
                    tasks.start_soon(backend.stop)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(pipeline.close)

    async def _open(self) -> CallPipeline:
        async with self._opening:
            if self._pipeline is None:
                self._pipeline = await anyio.to_thread.run_sync(self._compose)
            return self._pipeline

    def _compose(self) -> CallPipeline:
        from bykilt.llm.composing import Surroundings, compose, local_pool, remote_backends
        from bykilt.llm.pool import WorkerPool
        from bykilt.llm.settings_file import load_settings
        from bykilt.llm.turns import TakingTurns

        around = self._around or Surroundings.from_environment()
        settings = load_settings(around.home)
        if self._is_as_settings_say:
            self._sandbox = local_pool(around, settings.container)
        local = self._local or (self._sandbox if isinstance(self._sandbox, WorkerPool) else TakingTurns(self._sandbox))
        remote = self._remote or remote_backends(around, settings.container)
        return compose(around, local, remote, settings)


def get_llm_gateway(
    use_docker: bool = True, *, settings: Settings | None = None, around: Surroundings | None = None
) -> DockerLLMServiceGateway | DisabledLLMGateway:
    """Return the gateway that the environment asks for: one that refuses every call unless ENABLE_LLM is true.

    `settings` and `around` are there for who has them already.

    Raises:
        InvalidInput: `use_docker` is false: outside a container no model is run.
        InvalidSetting: ENABLE_LLM cannot be used.
    """
    if not (settings or Settings.from_environment()).llm_enabled:
        return DisabledLLMGateway()
    if not use_docker:
        raise InvalidInput("the model runs in a container only", hint="leave use_docker out")
    return DockerLLMServiceGateway(around=around)


def _has_stub(pipeline: CallPipeline) -> bool:
    from bykilt.llm.settings import WhenUnavailable

    return pipeline.settings.when_unavailable is WhenUnavailable.STUB


def _result(answered: Answered, has_schema: bool) -> LLMResult:
    from bykilt.llm.money import in_dollars

    answer = answered.completion
    walls = ("container_id", "network_mode", "resource_limits", "security")
    result: LLMResult = {
        "text": answer.text,
        "usage": {
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "total_tokens": answer.prompt_tokens + answer.completion_tokens,
        },
        "model": answered.model,
        "provider": answered.provider,
        "cost": float(in_dollars(answered.parts or 0)),
        "cached": answered.cached,
        "priced": answered.parts is not None,
        "finish": answer.finish,
        "sandbox": {name: answered.metrics[name] for name in walls if name in answered.metrics},
    }
    if has_schema:
        result["data"] = answered.data
    return result


def _is_nowhere(error: BykiltError) -> bool:
    """Whether this machine has no model at all, rather than one that did not answer."""
    reasons = [reason for _, reason in error.reasons] if isinstance(error, NoAnswer) else [error]
    return all(isinstance(reason, DockerUnavailable | ImageMissing) for reason in reasons)


def _stub(error: BykiltError) -> LLMResult:
    """Return what says that there is no model, and nothing else."""
    return {
        "text": "",
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        "model": "none",
        "provider": "none",
        "cost": 0.0,
        "cached": False,
        "priced": True,
        "finish": "disabled",
        "sandbox": {"problem": error.message, "hint": error.hint},
        "disabled": True,
    }
