"""Puts the pipeline of calls together, from the home's settings, its vault and its ledger.

Knows which part needs which. Imported when the language model is switched on, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bykilt.audit.ledger import Ledger
from bykilt.audit.opening import open_ledger
from bykilt.clock import Clock
from bykilt.errors import MissingCapability
from bykilt.llm import answer_cache, usage_store
from bykilt.llm.answer_cache import AnswerCache
from bykilt.llm.backend import Backend
from bykilt.llm.call_record import CallRecord
from bykilt.llm.pipeline import CallPipeline
from bykilt.llm.prompt_screen import KnownValues, LearningRedactor, PromptScreen, VaultValues
from bykilt.llm.providers import LOCAL, Provider
from bykilt.llm.settings import ContainerSettings, LLMSettings
from bykilt.llm.usage_store import UsageStore
from bykilt.security.errors import VaultError
from bykilt.security.opening import open_sealer
from bykilt.security.redaction import SecretRedactor
from bykilt.security.secrets_vault import SecretsVault, get_secrets_vault
from bykilt.security.vault_settings import VaultSettings
from bykilt.storage.atomic_file import make_private_dir

if TYPE_CHECKING:
    from bykilt.llm.pool import WorkerPool

MakeBackend = Callable[[Provider], Backend]
"""Makes what asks a remote provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where the calls of a process belong: the home, its vault, and what hides its secrets."""

    home: Path
    vault: VaultSettings
    redactor: LearningRedactor
    ledger: Ledger

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Surroundings:
        """Return those that the environment describes, with a redactor and a ledger of their own.

        Raises:
            InvalidSetting: A variable cannot be used.
        """
        return cls.of(VaultSettings.from_environment(environ), SecretRedactor())

    @classmethod
    def of(cls, vault: VaultSettings, redactor: LearningRedactor) -> Surroundings:
        """Return those of the home that has the vault; its ledger is opened when the first line is written.

        Raises:
            InvalidSetting: The environment asks for copies of the ledger in a way that is not known.
        """
        return cls(
            home=vault.home, vault=vault, redactor=redactor, ledger=open_ledger(vault.home, vault.environ, via="llm")
        )

    async def open_vault(self) -> SecretsVault:
        """Return the vault, which is made when something is put into it."""
        return await get_secrets_vault(self.vault)

    def values(self) -> KnownValues:
        """Return what is known to be secret."""
        return VaultValues(self.vault, self.open_vault)


class Backends(dict[str, Backend]):
    """The backends by their names. That of a provider is made when it is first asked for; `values` has those made."""

    def __init__(self, local: Backend, providers: Mapping[str, Provider], make: MakeBackend) -> None:
        super().__init__({LOCAL: local})
        self._providers = providers
        self._make = make

    def __missing__(self, name: str) -> Backend:
        self[name] = made = self._make(self._providers[name])
        return made


class CacheUnavailable(MissingCapability):
    """Answers were to be kept, and there is no key to keep them encrypted with."""

    code = "llm_cache_unavailable"


def compose(
    around: Surroundings,
    local: Backend,
    remote: MakeBackend,
    settings: LLMSettings,
    *,
    clock: Clock | None = None,
) -> CallPipeline:
    """Return the pipeline of a home. Waits for the disk.

    Raises:
        CacheUnavailable: Answers are to be kept, and there is no key.
        StorageError, InvalidSetting: The home cannot be used.
    """
    make_private_dir(around.home)
    backends = Backends(local, settings.providers, remote)
    cache = _cache(around, settings, clock) if settings.cache.exact else None
    return CallPipeline(
        settings,
        backends,
        store=UsageStore(around.home / usage_store.FILE_NAME, clock),
        record=CallRecord(around.ledger),
        screen=PromptScreen(around.redactor, around.values()),
        cache=cache,
        clock=clock,
    )


def _cache(around: Surroundings, settings: LLMSettings, clock: Clock | None) -> AnswerCache:
    try:
        seal = open_sealer(around.vault, answer_cache.PURPOSE, what="what a model answered")
    except VaultError as error:
        raise CacheUnavailable(
            f"answers cannot be kept (cache: exact): {error.message}", hint=error.hint or "cache: {mode: off}"
        ) from error
    return AnswerCache(around.home / answer_cache.FILE_NAME, seal, settings.cache, clock)


def local_pool(around: Surroundings, container: ContainerSettings) -> WorkerPool:
    """Return the containers of the local model, held as the settings say; nothing is started."""
    from bykilt.llm.docker_sandbox import DockerLLMSandbox
    from bykilt.llm.pool import WorkerPool

    def make(model: str) -> DockerLLMSandbox:
        return DockerLLMSandbox(
            model=model,
            home=around.home,
            runtime=container.runtime,
            memory_limit=container.memory,
            cpu_quota=container.cpu_quota,
            engine=container.engine,
        )

    return WorkerPool(make, containers=container.containers)


def remote_backends(around: Surroundings, container: ContainerSettings) -> MakeBackend:
    """Return what makes the backends of remote providers: a broker for each, and a container for each owner."""

    def make(provider: Provider) -> Backend:
        from bykilt.llm.broker.broker import Broker
        from bykilt.llm.broker.records import LedgerRecords
        from bykilt.llm.remote_pool import RemotePool

        return RemotePool(provider, Broker(provider, _Keys(around), records=LedgerRecords(around.ledger)), container)

    return make


class _Keys:
    """Keys from the vault, which is opened when the first one is needed."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    async def key_for(self, provider: Provider) -> str | None:
        from bykilt.llm.broker.keys import VaultKeys

        if provider.secret is None:
            return None
        return await VaultKeys(await self._around.open_vault()).key_for(provider)
