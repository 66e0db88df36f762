"""The vault as everybody meets it: secrets by name, each access on record before the value is given.

    vault = await get_secrets_vault()
    await vault.set_secret("openai_api_key", "sk-...")
    await vault.get_secret("openai_api_key", fallback_env_var="OPENAI_API_KEY")

Knows policy, expiry, the fallback to the environment, and the ledger. Does not know where secrets are kept
(`backend`). A secret whose reading cannot be recorded is not given.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypedDict, TypeVar

import anyio.to_thread

from bykilt.audit.ledger import Ledger
from bykilt.audit.record import Action, AuditOutcome, AuditRecord
from bykilt.clock import Clock, SystemClock
from bykilt.errors import BykiltError
from bykilt.json_types import JsonScalar
from bykilt.security.access_tally import BACKEND_DETAIL
from bykilt.security.backend import SecretBackend, SecretFacts, StoredSecret
from bykilt.security.document import policy_json
from bykilt.security.errors import BackendUnavailable, InvalidSecret, SecretExpired, SecretNotFound, SecretRefused
from bykilt.security.secret import KnownValue, Secret, SecretKind, SecretPolicy, check_name, check_value
from bykilt.security.vault_settings import VaultSettings

T = TypeVar("T")

_log = logging.getLogger(__name__)
_READS_HELD_BACK = 50
"""How many reads of a backend elsewhere are counted here before it is told."""


@dataclass(frozen=True, slots=True)
class SecretUse:
    """What a secret is wanted for: for the record, and for its policy.

    With an `origin` it is to be typed into a page of that origin; `password_field` says into what kind of field.
    """

    run_id: str = ""
    flow: str = ""
    origin: str = ""
    password_field: bool = False

    def where(self) -> Mapping[str, str]:
        """Return what is known, for the ledger."""
        known = {"run": self.run_id, "flow": self.flow, "origin": self.origin}
        return {name: value for name, value in known.items() if value}


ANY_USE = SecretUse()


class SecretMetadata(TypedDict):
    """What is known of a secret. Times are texts in UTC; None where it was never."""

    name: str
    backend: str
    version: int
    versions: list[int]
    created_at: str | None
    updated_at: str | None
    access_count: int
    last_accessed: str | None
    expires_at: str | None
    deleted_at: str | None
    origins: list[str]
    flows: list[str]
    password_only: bool
    kind: str


class SecretsVault:
    """Secrets by name. One per process and home is enough; tasks and threads share it."""

    def __init__(
        self,
        backend: SecretBackend,
        ledger: Ledger,
        *,
        environ: Mapping[str, str],
        clock: Clock | None = None,
        fallback_when_down: bool = False,
    ) -> None:
        """Wire the vault. `environ` is where fallbacks are read; with `fallback_when_down` also when the backend
        does not answer, instead of that being an error."""
        self.backend = backend
        self.ledger = ledger
        self._environ = environ
        self._clock = clock or SystemClock()
        self._fallback_when_down = fallback_when_down
        self._reads: dict[str, tuple[int, float]] = {}
        self._reads_lock = threading.Lock()

    # ---- values

    async def get_secret(self, name: str, fallback_env_var: str | None = None) -> str | None:
        """Return the current value; for `otp` the code of this moment; None if there is none.

        What is not in the vault is taken from `fallback_env_var`, if that is set, and stored: the next read comes
        from the vault.

        Raises:
            SecretExpired: Its time is over, and the environment has no other.
            VaultError, AuditUnavailable, StorageError: The vault cannot be used; the environment is not asked then.
        """
        try:
            return (await self.fetch(name)).reveal()
        except (SecretNotFound, SecretExpired) as error:
            value = self._environ.get(fallback_env_var, "") if fallback_env_var else ""
            if value:
                await self.set_secret(name, value)
                return (await self.fetch(name)).reveal()
            if isinstance(error, SecretExpired):
                raise
            return None
        except BackendUnavailable:
            value = self._environ.get(fallback_env_var, "") if fallback_env_var else ""
            if not value or not self._fallback_when_down:
                raise
            _log.warning("the backend %s does not answer; %s is taken instead", self.backend.name, fallback_env_var)
            self._record(Action.SECRET_READ, name, AuditOutcome.ALLOWED, about={"source": f"env:{fallback_env_var}"})
            return value

    async def fetch(self, name: str, use: SecretUse = ANY_USE, *, version: int | None = None) -> Secret:
        """Return a secret, to be handed on without being looked at. The reading is on record when this returns.

        Raises:
            SecretNotFound: There is none with that name or version, or it is deleted.
            SecretExpired: Its time is over.
            SecretRefused: Its policy does not name the flow.
            VaultError, AuditUnavailable, StorageError: The vault cannot be used.
        """
        check_name(name)
        if version is None:
            secret = self._fetch_now(name, use)
            if secret is not None:
                return secret
        return await _in_thread(lambda: self._fetch(name, use, version))

    async def known_values(self) -> tuple[KnownValue, ...]:
        """Return every value that the backend still gives, old ones too, for whoever keeps them out of records.

        Raises:
            VaultError, AuditUnavailable, StorageError: The vault cannot be used.
        """

        def read() -> tuple[KnownValue, ...]:
            found = tuple(KnownValue(stored.name, stored.value) for stored in self.backend.read_all())
            self._record(Action.SECRETS_FOR_REDACTION, "*", AuditOutcome.ALLOWED, about={"values": len(found)})
            return found

        return await _in_thread(read)

    async def set_secret(
        self,
        name: str,
        value: str,
        *,
        policy: SecretPolicy | None = None,
        ttl_s: float | None = None,
        expected_version: int | None = None,
    ) -> int:
        """Keep a value as the current version, and return the version's number.

        Without a policy, the one that the secret has stays. `ttl_s` seconds from now the value is no longer given.
        `expected_version` makes it fail if somebody else has changed the secret meanwhile; 0 if it is there at all.

        Raises:
            InvalidSecret: Name, value or policy cannot be used.
            VersionConflict: See above.
            VaultError, AuditUnavailable, StorageError: It was not kept.
        """
        check_name(name)
        if ttl_s is not None and ttl_s <= 0:
            raise InvalidSecret(f"a life of {ttl_s:g} s is none", hint="give a number above 0, or none")
        check_value(value, policy.kind if policy else SecretKind.TEXT)

        def put() -> int:
            expires_s = None if ttl_s is None else self._clock.wall_s() + ttl_s
            self._record(Action.SECRET_SET, name, AuditOutcome.ALLOWED, sync=True, about=_policy_words(policy))
            try:
                return self.backend.put(
                    name, value, policy=policy, expires_s=expires_s, expected_version=expected_version
                )
            except BykiltError as error:
                self._record(Action.SECRET_SET, name, AuditOutcome.FAILED, about={"reason": error.code})
                raise

        return await _in_thread(put)

    async def delete_secret(self, name: str, *, for_good: bool = False) -> bool:
        """Delete a secret; return whether there was one. `undelete_secret` brings it back, unless it is `for_good`.

        Raises:
            VaultError, AuditUnavailable, StorageError: It was not deleted.
        """
        check_name(name)

        def delete() -> bool:
            self._record(Action.SECRET_DELETED, name, AuditOutcome.ALLOWED, sync=True, about={"for_good": for_good})
            try:
                self.backend.delete(name, for_good=for_good)
            except SecretNotFound:
                return False
            return True

        return await _in_thread(delete)

    async def undelete_secret(self, name: str) -> None:
        """Bring a deleted secret back with all its versions.

        Raises:
            SecretNotFound: There is none.
            VaultError, AuditUnavailable, StorageError: It was not brought back.
        """
        check_name(name)

        def undelete() -> None:
            self._record(Action.SECRET_UNDELETED, name, AuditOutcome.ALLOWED, sync=True)
            self.backend.undelete(name)

        await _in_thread(undelete)

    # ---- what is known without a value

    async def list_keys(self, *, deleted: bool = False) -> list[str]:
        """Return the names of all secrets, in order; those of deleted ones too, if wanted.

        Raises:
            VaultError, StorageError: The vault cannot be used.
        """
        return list(await _in_thread(lambda: self.backend.names(deleted=deleted)))

    async def get_metadata(self, name: str) -> SecretMetadata:
        """Return what is known of a secret, a deleted one too. That is no access to it.

        Raises:
            SecretNotFound: There is none.
            VaultError, StorageError: The vault cannot be used.
        """
        check_name(name)

        def facts() -> SecretFacts:
            self._tell_reads()
            return self.backend.facts(name)

        return _metadata(await _in_thread(facts), self.backend.name)

    async def close(self) -> None:
        """Tell the backend of reads it does not know of, and let go of everything in memory.

        Raises:
            VaultError, StorageError: The backend could not be told.
        """

        def close() -> None:
            self._tell_reads()
            self.backend.close()
            self.ledger.close()

        await _in_thread(close)

    # ---- inside

    def _fetch_now(self, name: str, use: SecretUse) -> Secret | None:
        """Return a secret if neither disk nor network nor another process has to be waited for, else None."""
        try:
            stored = self.backend.read_now(name)
            reason = None if stored is None else self._why_not(stored, use)
        except BykiltError:
            return None  # it is told, and put on record, where waiting is allowed
        if stored is None or reason is not None or not self.ledger.try_append(self._reading(stored, use)):
            return None
        return self._secret(stored)

    def _fetch(self, name: str, use: SecretUse, version: int | None) -> Secret:
        try:
            stored = self.backend.read(name, version)
            reason = self._why_not(stored, use)
            if reason is not None:
                raise reason
        except BykiltError as error:
            outcome = AuditOutcome.REFUSED if isinstance(error, SecretRefused | SecretExpired) else AuditOutcome.FAILED
            self._record(Action.SECRET_READ, name, outcome, use, about={"reason": error.code})
            raise
        self.ledger.append(self._reading(stored, use))
        with self._reads_lock:
            count = self._reads.get(name, (0, 0.0))[0]
            self._reads[name] = (count + 1, self._clock.wall_s())
            held_back = sum(count for count, _ in self._reads.values())
        if held_back >= _READS_HELD_BACK:
            self._tell_reads()
        return self._secret(stored)

    def _why_not(self, stored: StoredSecret, use: SecretUse) -> BykiltError | None:
        if stored.expires_s is not None and self._clock.wall_s() >= stored.expires_s:
            return SecretExpired(stored.name, _time(stored.expires_s) or "")
        if use.flow and not stored.policy.allows_flow(use.flow):
            return SecretRefused(stored.name, f"its policy does not name the flow {use.flow!r}")
        return _why_not_typed(stored, use) if use.origin else None

    def _secret(self, stored: StoredSecret) -> Secret:
        return Secret(stored.name, stored.value, stored.policy, version=stored.version, clock=self._clock)

    def _reading(self, stored: StoredSecret, use: SecretUse) -> AuditRecord:
        detail: dict[str, JsonScalar] = {BACKEND_DETAIL: self.backend.name, "version": stored.version}
        return AuditRecord(Action.SECRET_READ, stored.name, AuditOutcome.ALLOWED, use.where(), detail)

    def _record(
        self,
        action: Action,
        what: str,
        outcome: AuditOutcome,
        use: SecretUse = ANY_USE,
        *,
        sync: bool = False,
        about: Mapping[str, JsonScalar] | None = None,
    ) -> None:
        about = {BACKEND_DETAIL: self.backend.name, **(about or {})}
        self.ledger.append(AuditRecord(action, what, outcome, use.where(), about), sync=sync)

    def _tell_reads(self) -> None:
        with self._reads_lock:
            reads, self._reads = self._reads, {}
        if reads:
            self.backend.count_reads(reads)


async def get_secrets_vault(settings: VaultSettings | None = None) -> SecretsVault:
    """Return this process's vault, by the environment or the settings given; made at its first use.

    Core dumps of this process are switched off from here on.

    Raises:
        InvalidSetting: A variable of the environment cannot be used.
        VaultError: The backend cannot be set up.
    """
    from bykilt.security.opening import open_vault

    return await _in_thread(lambda: open_vault(settings or VaultSettings.from_environment()))


def _why_not_typed(stored: StoredSecret, use: SecretUse) -> BykiltError | None:
    name, policy = stored.name, stored.policy
    if not policy.origins:
        return SecretRefused(
            name,
            "it is bound to no origin, so it goes into no page",
            hint=f"say where it belongs: `bykilt vault set {name} --origin https://…`",
        )
    if not policy.allows_origin(use.origin):
        return SecretRefused(
            name, f"it is for pages of {' and '.join(policy.origins)}, and this one is of {use.origin}"
        )
    if policy.password_only and not use.password_field:
        return SecretRefused(name, "it is for password fields only, and this field is none")
    return None


def _policy_words(policy: SecretPolicy | None) -> Mapping[str, JsonScalar]:
    document = {} if policy is None else policy_json(policy)
    return {
        key: " ".join(map(str, value)) if isinstance(value, list) else str(value) for key, value in document.items()
    }


async def _in_thread(work: Callable[[], T]) -> T:
    return await anyio.to_thread.run_sync(work)


def _time(wall_s: float | None) -> str | None:
    return None if wall_s is None else datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="seconds")


def _metadata(facts: SecretFacts, backend: str) -> SecretMetadata:
    return SecretMetadata(
        name=facts.name,
        backend=backend,
        version=facts.version,
        versions=list(facts.versions),
        created_at=_time(facts.created_s),
        updated_at=_time(facts.updated_s),
        access_count=facts.access_count,
        last_accessed=_time(facts.accessed_s),
        expires_at=_time(facts.expires_s),
        deleted_at=_time(facts.deleted_s),
        origins=list(facts.policy.origins),
        flows=list(facts.policy.flows),
        password_only=facts.policy.password_only,
        kind=str(facts.policy.kind),
    )
