"""What can go wrong with the isolated model, one type for each thing that a caller would handle differently."""

from __future__ import annotations

from pathlib import Path

from bykilt.errors import BykiltError, InvalidInput, MissingCapability


class LLMError(BykiltError):
    """A call to the model did not give an answer."""

    code = "llm_error"


class LLMDisabled(MissingCapability):
    """The language model is switched off, which is the default."""

    code = "llm_disabled"

    def __init__(self) -> None:
        super().__init__(
            "the language model is switched off",
            hint="set ENABLE_LLM=true; it runs in a container without any network, on a model that is in the image",
        )


class DockerUnavailable(MissingCapability):
    """No Docker daemon can be used from here."""

    code = "docker_unavailable"


class ImageMissing(MissingCapability):
    """The image of the model is not on this machine."""

    code = "llm_image_missing"

    def __init__(self, image: str) -> None:
        super().__init__(f"there is no image {image!r} on this machine", hint="make it: bykilt llm build")


class ModelChanged(LLMError):
    """The file of an added model is not the one that was added, so it is not used."""

    code = "llm_model_changed"

    def __init__(self, name: str, path: Path, what: str) -> None:
        super().__init__(
            f"the file of the model {name!r} cannot be used: {what} ({path})",
            hint="put the file back, or add it anew: bykilt llm models add",
        )


class ModelUnusable(LLMError):
    """The worker cannot load the model."""

    code = "llm_model_unusable"


class RuntimeMissing(MissingCapability):
    """Docker has not been told of the runtime that the container is to run in."""

    code = "llm_runtime_missing"

    def __init__(self, runtime: str) -> None:
        known = '{"runtimes": {"runsc": {"path": "/usr/bin/runsc", "runtimeArgs": ["--network=none"]}}}'
        super().__init__(
            f"this Docker daemon knows no runtime {runtime!r}",
            hint=f"for gVisor: sudo apt-get install runsc, put {known} into /etc/docker/daemon.json, and reload Docker "
            "(sudo systemctl reload docker)",
        )


class BuildFailed(LLMError):
    """The image could not be made."""

    code = "llm_build_failed"


class SandboxRefused(LLMError):
    """The container is not held as the policy wants, so nothing is asked of it."""

    code = "llm_sandbox_refused"

    def __init__(self, differences: list[str]) -> None:
        super().__init__(
            "the container is not held as it must be: " + "; ".join(differences),
            hint="`docker info` shows what this daemon and kernel enforce",
        )
        self.differences = differences


class WorkerCrashed(LLMError):
    """The container ended by itself."""

    code = "llm_worker_crashed"


class WorkerOutOfMemory(WorkerCrashed):
    """The kernel ended the container at its memory limit."""

    code = "llm_out_of_memory"


class StartPaused(LLMError):
    """The container did not come up, and it is not yet time to try again; `retry_after_s` seconds are left."""

    code = "llm_start_paused"

    def __init__(self, failures: int, retry_after_s: float, last: LLMError) -> None:
        super().__init__(
            f"the model's container did not come up ({failures} in a row), the last time because: {last.message}; "
            f"it is tried again in {retry_after_s:.1f} s",
            hint=last.hint,
        )
        self.failures = failures
        self.retry_after_s = retry_after_s


class CallTimedOut(LLMError):
    """The deadline of a call passed; its container was killed."""

    code = "llm_timed_out"

    def __init__(self, deadline_s: float) -> None:
        super().__init__(
            f"the model gave no answer within {deadline_s:g} s, so its container was killed",
            hint="ask for fewer tokens (max_tokens), or allow more time (deadline_s)",
        )


class ProtocolViolation(LLMError):
    """The container said something that no honest worker says; it was killed."""

    code = "llm_protocol_violation"

    def __init__(self, what: str) -> None:
        super().__init__(f"the container broke the protocol: {what}")


class CallRefused(InvalidInput):
    """The worker cannot carry out this call as it is."""

    code = "llm_call_refused"


class AnswerIncomplete(LLMError):
    """The answer that a schema asks for did not fit into max_tokens."""

    code = "llm_answer_incomplete"


class AnswerInvalid(LLMError):
    """The answer does not fit the schema that was asked for."""

    code = "llm_answer_invalid"

    def __init__(self, violations: list[str]) -> None:
        super().__init__(
            "the answer does not fit the schema: " + "; ".join(violations),
            hint="ask again, ask another model, or ask for less",
        )
        self.violations = violations


class BrokerRefused(LLMError):
    """The container asked for something that the broker does not let out; nothing was sent."""

    code = "llm_broker_refused"


class ProviderFailed(LLMError):
    """A remote provider gave no answer.

    `status` is its HTTP status, None where there was none; `retry_after_s` what it asks to wait, if it says so.
    `is_unsent` says that the request did not reach it, so that nothing can be charged for it.
    """

    code = "llm_provider_failed"

    def __init__(
        self,
        message: str,
        *,
        is_retryable: bool,
        status: int | None = None,
        retry_after_s: float | None = None,
        is_unsent: bool = False,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.is_unsent = is_unsent
        self.is_retryable = is_retryable
        self.status = status
        self.retry_after_s = retry_after_s


class NoAnswer(LLMError):
    """None of the providers that may be asked gave an answer; `reasons` has why, in their order."""

    code = "llm_no_answer"

    def __init__(self, reasons: list[tuple[str, BykiltError]]) -> None:
        told = "; ".join(f"{provider}: {error.message}" for provider, error in reasons)
        super().__init__(f"nobody answered: {told}", hint=next((error.hint for _, error in reasons if error.hint), ""))
        self.reasons = reasons


class LLMBusy(LLMError):
    """Other calls kept the model busy until the call's deadline."""

    code = "llm_busy"

    def __init__(self, deadline_s: float) -> None:
        super().__init__(
            f"the model was busy with other calls for {deadline_s:g} s",
            hint="allow more time (deadline_s), or ask later",
        )
