"""Why a container has ended, as the daemon and its last words tell it. Blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bykilt.llm.errors import LLMError, ModelUnusable, WorkerCrashed, WorkerOutOfMemory

if TYPE_CHECKING:
    from bykilt.llm.docker_client import DockerClient

# The code that a worker ends with whose model is none (`worker.main`).
MODEL_UNUSABLE = 72


def why_ended(client: DockerClient, container: str, stderr: str, memory: int, model: str) -> LLMError:
    """Return what became of a container whose stream has ended, once it has."""
    code = client.wait(container)
    state = client.inspect(container).get("State") or {}
    said = stderr.strip().splitlines()
    last = said[-1][:300] if said else ""
    if state.get("OOMKilled"):
        return WorkerOutOfMemory(
            f"the model's container needed more than its {memory >> 20} MiB and was ended",
            hint="raise memory_limit, or ask for less",
        )
    if code == MODEL_UNUSABLE:
        return ModelUnusable(
            f"the model {model!r} cannot be loaded: {last or 'nothing more is known'}",
            hint="it must be a GGUF file that llama.cpp knows, with a chat template",
        )
    return WorkerCrashed(f"the model's container ended with {code}" + (f": {last}" if last else ""))
