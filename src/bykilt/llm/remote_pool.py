"""A provider that is asked from a container of each owner, all through one broker.

What one owner says never lies in a container that another one asks: a worker that was taken over could hand it on.
Knows how pool and broker belong together. Does not know when a call may be made, nor whether it is tried again.
"""

from __future__ import annotations

from typing import Any

import anyio

from bykilt.llm.backend import OnToken
from bykilt.llm.broker.broker import Broker
from bykilt.llm.calls import Call, Completion
from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.pool import WorkerPool
from bykilt.llm.providers import Provider
from bykilt.llm.settings import ContainerSettings


class RemotePool:
    """A backend: the calls of an owner go to the provider by a container of that owner."""

    def __init__(self, provider: Provider, broker: Broker, container: ContainerSettings | None = None) -> None:
        """Take whom to ask, the broker that asks, which is closed at the end, and how containers are held.

        Nothing is started.
        """
        held = container or ContainerSettings()
        self.provider = provider.name
        self._broker = broker
        self._pool = WorkerPool(
            lambda model: DockerLLMSandbox(
                model=model,
                outside=broker,
                runtime=held.runtime,
                memory_limit=held.memory,
                cpu_quota=held.cpu_quota,
            ),
            model=provider.default_model,
            containers=held.containers,
            # A container without a model in it is there in a moment.
            keep_spare=False,
        )

    async def start(self) -> None:
        """Start the first container; does nothing where it is.

        Raises:
            DockerUnavailable, ImageMissing: Something is missing on this machine.
            LLMError: The container did not come up, or is not held as it must be.
        """
        await self._pool.start()

    async def answer(self, call: Call, on_token: OnToken | None = None) -> Completion:
        """Return the provider's answer to one call.

        Raises:
            InvalidInput: The provider has no such model, or the call is too large.
            BrokerRefused: The request was not let out.
            ProviderFailed: The provider gave no answer; it says whether trying again makes sense.
            LLMBusy, StartPaused: There is no container for it.
            LLMError: There is no answer, and no container any more.
            VaultError: The provider's key cannot be had.
        """
        return await self._pool.answer(call, on_token)

    async def stop(self) -> None:
        """Remove the containers, and close the connections to the provider."""
        with anyio.CancelScope(shield=True):
            try:
                await self._pool.stop()
            finally:
                await self._broker.close()

    def get_metrics(self) -> dict[str, Any]:
        """Return what holds the container that was used last, and whose containers there are."""
        return self._pool.get_metrics()
