"""Makes the exchanges of the calls to one provider."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from bykilt.errors import InvalidInput
from bykilt.llm.broker.asked import chat_document
from bykilt.llm.broker.destination import Destination
from bykilt.llm.broker.dialling import Dialler
from bykilt.llm.broker.exchange import CallExchange
from bykilt.llm.broker.http_client import ProviderClient
from bykilt.llm.broker.keys import KeySource
from bykilt.llm.broker.records import ExchangeRecords, NoRecords
from bykilt.llm.calls import Call
from bykilt.llm.providers import Provider
from bykilt.network.connecting import Connect, Resolve, connect_tcp, resolve_by_system


class Broker:
    """What the workers of one provider may have of the world outside. `close` it."""

    def __init__(
        self,
        provider: Provider,
        keys: KeySource,
        *,
        records: ExchangeRecords | None = None,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = resolve_by_system,
        connect: Connect = connect_tcp,
    ) -> None:
        """Take whom to ask, where its key comes from and where requests are put on record.

        Raises:
            InvalidInput: The provider's settings cannot be used.
        """
        destination = Destination.of(provider)
        if not provider.models:
            raise InvalidInput(f"the provider {provider.name!r} has no models", hint="name one in its settings")
        self.name = provider.name
        # The container is told where it would ask; it cannot, and the broker does not take its word for it.
        self.environment: Mapping[str, str] = {
            "BYKILT_PROVIDER_URL": destination.origin + destination.prefix,
            "BYKILT_MODEL": "",
        }
        self._provider = provider
        self._keys = keys
        self._records = records or NoRecords()
        dialler = Dialler(destination, allow_private=provider.allow_private, resolve=resolve, connect=connect)
        self._client = ProviderClient(provider, dialler, tls=tls)

    def open(self, call: Call, name: str, *, stream: bool) -> tuple[dict[str, Any], CallExchange]:
        """Return the call as the worker reads it, and its exchange; `name` is the call's id.

        Raises:
            InvalidInput: The provider has no such model, or the call is too large for it.
        """
        model = call.options.model or self._provider.default_model
        if model not in self._provider.models:
            raise InvalidInput(f"{self.name} has no model {model!r}", hint=f"it has {', '.join(self._provider.models)}")
        document = chat_document(call, self._provider, model, stream=stream)
        exchange = CallExchange(
            call,
            name,
            document,
            provider=self._provider,
            client=self._client,
            keys=self._keys,
            records=self._records,
        )
        return {"op": "chat", "id": name, "stream": stream, "ask": document}, exchange

    async def close(self) -> None:
        """Close the connections to the provider."""
        await self._client.close()
