"""How budgets and providers stand, for people: what is left, who rests, whose key is there. No key is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bykilt.llm import budgets
from bykilt.llm.breaker import BreakerState
from bykilt.llm.broker.destination import Destination
from bykilt.llm.budgets import Account, Amount, Limit
from bykilt.llm.calls import MODEL, CallOptions
from bykilt.llm.providers import LOCAL, Price, Provider
from bykilt.llm.rates import Rate
from bykilt.llm.settings import LLMSettings
from bykilt.llm.usage_store import UsageStore
from bykilt.security.errors import SecretNotFound, VaultError
from bykilt.security.secrets_vault import SecretsVault


@dataclass(frozen=True, slots=True)
class BudgetStanding:
    """One budget, and what was used of it."""

    account: Account
    used: Amount

    @property
    def left(self) -> Limit:
        """What is left of it; None where it has no limit."""
        limit = self.account.limit
        return Limit(
            None if limit.tokens is None else max(0, limit.tokens - self.used.tokens),
            None if limit.parts is None else max(0, limit.parts - self.used.parts),
        )


class KeyState(StrEnum):
    """Whether a provider can be asked with its key."""

    NOT_NEEDED = "none needed"
    THERE = "in the vault"
    MISSING = "missing"
    BOUND_ELSEWHERE = "not for this origin"
    UNKNOWN = "vault not readable"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStanding:
    """One provider. `place` is its place in the order of asking, from 1; None if only calls that name it ask it."""

    name: str
    place: int | None
    url: str | None
    models: Mapping[str, Price | None]
    secret: str | None
    key: KeyState
    breaker: BreakerState
    rests_s: float
    rate: Rate
    last_minute: tuple[int, int]


def budget_standings(settings: LLMSettings, store: UsageStore, now_s: float) -> Iterator[BudgetStanding]:
    """Yield the budgets of everybody, and of each owner who has figures or has asked today. Waits for the disk."""
    owners = [*settings.budgets.owners, *store.owners_since(budgets.day_start(now_s))]
    seen = set[Account]()
    for owner in dict.fromkeys(owners) or [CallOptions().owner]:
        for account in budgets.accounts(settings.budgets, CallOptions(owner=owner), now_s):
            if account not in seen:
                seen.add(account)
                yield BudgetStanding(account, store.used(account))


def provider_standings(
    settings: LLMSettings, store: UsageStore, keys: Mapping[str, KeyState]
) -> Iterator[ProviderStanding]:
    """Yield the providers, those first that are asked first. Waits for the disk."""
    for name in dict.fromkeys([*settings.use, *settings.providers, LOCAL]):
        provider = settings.providers.get(name)
        state, rests_s = BreakerState.CLOSED, 0.0
        if provider is not None:
            state, rests_s = store.breaker_state(name, settings.breaker)
        yield ProviderStanding(
            name=name,
            place=settings.use.index(name) + 1 if name in settings.use else None,
            url=None if provider is None else provider.url,
            models={MODEL: Price()} if provider is None else provider.models,
            secret=None if provider is None else provider.secret,
            key=keys.get(name, KeyState.NOT_NEEDED),
            breaker=state,
            rests_s=rests_s,
            rate=settings.rates.providers.get(name, Rate()),
            last_minute=store.last_minute(name),
        )


async def key_states(providers: Sequence[Provider], vault: SecretsVault) -> Mapping[str, KeyState]:
    """Return for each provider whether its key is there, and may go to it. That is no access to the key."""
    return {provider.name: await _key_state(provider, vault) for provider in providers}


async def _key_state(provider: Provider, vault: SecretsVault) -> KeyState:
    if provider.secret is None:
        return KeyState.NOT_NEEDED
    try:
        if provider.secret not in await vault.list_keys():
            return KeyState.MISSING
        origins = (await vault.get_metadata(provider.secret))["origins"]
    except SecretNotFound:
        return KeyState.MISSING
    except VaultError:
        return KeyState.UNKNOWN
    return KeyState.THERE if Destination.of(provider).origin in origins else KeyState.BOUND_ELSEWHERE
