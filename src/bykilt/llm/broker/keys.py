"""Where a provider's key comes from. It is read for each request, and goes from here into the request's header."""

from __future__ import annotations

from typing import Protocol

from bykilt.llm.broker.destination import Destination
from bykilt.llm.errors import BrokerRefused
from bykilt.llm.providers import Provider
from bykilt.security.secrets_vault import SecretsVault, SecretUse


class KeySource(Protocol):
    """What the broker needs of a vault."""

    async def key_for(self, provider: Provider) -> str | None:
        """Return the key to ask a provider with; None where it is asked without.

        Raises:
            BykiltError: There should be one, and it cannot be had.
        """
        ...


class VaultKeys:
    """Takes keys from the vault, each reading on record with the origin that the key is for."""

    def __init__(self, vault: SecretsVault) -> None:
        self._vault = vault

    async def key_for(self, provider: Provider) -> str | None:
        """Return the secret that the provider's settings name.

        Raises:
            SecretRefused: The secret is not bound to the provider's origin, so it is meant for something else.
            VaultError, AuditUnavailable, StorageError: It cannot be had.
        """
        if provider.secret is None:
            return None
        secret = await self._vault.fetch(provider.secret, SecretUse(origin=Destination.of(provider).origin))
        return secret.reveal()


class NoKeys:
    """For providers that are asked without a key."""

    async def key_for(self, provider: Provider) -> str | None:
        """Return None; a provider whose settings name a secret is not asked without it.

        Raises:
            BrokerRefused: The provider has one.
        """
        if provider.secret is not None:
            raise BrokerRefused(f"there is no vault to take {provider.secret!r} from")
        return None
