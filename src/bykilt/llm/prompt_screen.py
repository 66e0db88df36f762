"""What a prompt may not carry out: secrets, as values that are known or as what looks like one.

Knows when the values of the vault are to be learnt anew. Does not know how a text is searched (`Redactor`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Protocol

from bykilt.clock import Clock, SystemClock
from bykilt.errors import InvalidInput
from bykilt.events.redactor import Redactor, masked
from bykilt.json_types import JsonValue
from bykilt.llm.calls import Call
from bykilt.security.private_file import Stamp, stamp_of
from bykilt.security.secrets_vault import SecretsVault
from bykilt.security.vault_settings import BackendName, VaultSettings
from bykilt.storage.errors import explained

# A store elsewhere does not tell when it has changed.
_RELEARN_S = 300.0


class LearningRedactor(Redactor, Protocol):
    """A redactor that can be told of more values."""

    def add(self, *values: str) -> None: ...


class KnownValues(Protocol):
    """What there is to hide."""

    async def fresh(self) -> Iterable[str]:
        """Return the values, if they may have changed since they were last asked for; else nothing.

        Raises:
            BykiltError: They cannot be had.
        """
        ...


class NoValues:
    """Nothing is known to be secret."""

    async def fresh(self) -> Iterable[str]:
        return ()


class VaultValues:
    """The values of a vault. One that was never made has none, and is not made."""

    def __init__(
        self,
        settings: VaultSettings,
        open_vault: Callable[[], Awaitable[SecretsVault]],
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._open_vault = open_vault
        self._clock = clock or SystemClock()
        self._stamp: Stamp | None = None
        self._learnt_s: float | None = None

    async def fresh(self) -> Iterable[str]:
        """Return all values if the vault's file is another one than last time; of a store elsewhere, now and then.

        Raises:
            VaultError, AuditUnavailable, StorageError: The vault is there and cannot be read.
        """
        is_file = self._settings.backend is BackendName.FILE
        with explained(self._settings.file):
            stamp = stamp_of(self._settings.file) if is_file else None
        now_s = self._clock.monotonic_s()
        if is_file and stamp == self._stamp:
            return ()
        if not is_file and self._learnt_s is not None and now_s - self._learnt_s < _RELEARN_S:
            return ()
        values = [known.text for known in await (await self._open_vault()).known_values()]
        self._stamp, self._learnt_s = stamp, now_s
        return values


class PromptScreen:
    """Looks at every call before anything else does."""

    def __init__(self, redactor: LearningRedactor, values: KnownValues) -> None:
        self._redactor = redactor
        self._values = values

    async def screened(self, call: Call) -> Call:
        """Return the call with every secret in its messages masked.

        Raises:
            InvalidInput: A schema holds a secret; masked, it would ask for something else.
            BykiltError: It cannot be known what is secret, so nothing is let through.
        """
        if values := list(await self._values.fresh()):
            self._redactor.add(*values)
        messages = tuple(replace(one, content=self._redactor.mask(one.content)) for one in call.messages)
        if call.schema is not None:
            schema: JsonValue = dict(call.schema)
            if masked(schema, self._redactor, keys_too=True) != schema:
                raise InvalidInput(
                    "the schema of the answer holds a secret", hint="name what is asked for, not its value"
                )
        return replace(call, messages=messages)
