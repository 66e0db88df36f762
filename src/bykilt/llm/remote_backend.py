"""A provider that is asked from inside a container: its library reads the answers, the broker does the asking.

Knows how sandbox and broker belong together. Does not know when a call may be made, nor whether it is tried again.
"""

from __future__ import annotations

import ssl
from typing import Any

from bykilt.llm.backend import OnToken
from bykilt.llm.broker.broker import Broker
from bykilt.llm.broker.keys import KeySource
from bykilt.llm.broker.records import ExchangeRecords
from bykilt.llm.calls import Call, Completion
from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.providers import Provider
from bykilt.network.connecting import Connect, Resolve, connect_tcp, resolve_by_system


class RemoteBackend:
    """One container that asks one provider. A container that is gone is replaced at the next call.

    For owners that must not meet, make one for each of them around the same `broker`: it keeps nothing of a call.
    """

    def __init__(
        self,
        provider: Provider,
        keys: KeySource,
        *,
        records: ExchangeRecords | None = None,
        broker: Broker | None = None,
        image: str | None = None,
        runtime: str | None = None,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = resolve_by_system,
        connect: Connect = connect_tcp,
    ) -> None:
        """Take whom to ask and where its key comes from; nothing is started.

        A `broker` that is given belongs to whoever gives it, and is closed there. Without `tls`, the system's
        certificate authorities are trusted.

        Raises:
            InvalidInput: The provider's settings cannot be used.
        """
        self.provider = provider.name
        self._models = tuple(provider.models)
        self._is_own_broker = broker is None
        self._broker = broker or Broker(provider, keys, records=records, tls=tls, resolve=resolve, connect=connect)
        self.sandbox = DockerLLMSandbox(
            image=image, runtime=runtime, model=provider.default_model, outside=self._broker
        )

    async def start(self) -> None:
        """Start the container; does nothing where it is.

        Raises:
            LLMError: It cannot.
        """
        await self.sandbox.start()

    async def answer(self, call: Call, on_token: OnToken | None = None) -> Completion:
        """Return the provider's answer to one call.

        Raises:
            InvalidInput: The provider has no such model, or the call is too large.
            BrokerRefused: The request was not let out.
            ProviderFailed: The provider gave no answer; it says whether trying again makes sense.
            LLMError: There is no answer, and no container any more.
            VaultError: The provider's key cannot be had.
        """
        await self.sandbox.start()
        return await self.sandbox.answer(call, on_token)

    async def stop(self) -> None:
        """Remove the container, and close the connections to the provider."""
        await self.sandbox.stop()
        if self._is_own_broker:
            await self._broker.close()

    def get_metrics(self) -> dict[str, Any]:
        """Return what holds the container, and what was done in it."""
        return {**self.sandbox.get_metrics(), "models": list(self._models)}
