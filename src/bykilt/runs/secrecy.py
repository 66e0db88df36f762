"""Secrets in runs: fetched from the vault for one run at a time, and kept out of all that runs write.

Knows that a value is hidden from the records before it is handed out. Does not know what is typed where.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from bykilt.browser.engine.secret_text import NoSecrets, SecretPlace, SecretRefused, Secrets
from bykilt.errors import BykiltError
from bykilt.events.redactor import KEEP_ALL, Redactor
from bykilt.ids import RunId
from bykilt.runs.model import Secrecy
from bykilt.security.errors import SecretNotFound
from bykilt.security.redaction import Pieces, SecretRedactor
from bykilt.security.secrets_vault import SecretsVault, SecretUse
from bykilt.storage.atomic_file import open_atomic

_PIECE_CHARS = 1 << 16


class OpenSecrecy:
    """Hides what it is told to hide, and has no secrets."""

    def __init__(self, redactor: Redactor = KEEP_ALL) -> None:
        self.redactor = redactor

    async def learn(self, names: Sequence[str]) -> None:
        """Nothing is to be learnt."""

    async def learn_all(self) -> None:
        """Nothing is to be learnt."""

    def secrets_for(self, run_id: RunId, flow: str) -> Secrets:
        """Return the one that has none."""
        return NoSecrets()

    def clean(self, file: Path) -> None:
        """Leave the file as it is."""


class VaultSecrecy:
    """The secrets of a vault, for all runs of a process."""

    def __init__(
        self,
        open_vault: Callable[[], Awaitable[SecretsVault]],
        redactor: SecretRedactor,
        has_vault: Callable[[], bool] = lambda: True,
    ) -> None:
        """`open_vault` is called when the first run needs a secret; whoever needs none never opens it.

        `has_vault` says whether there is one to be opened; it waits for the disk.
        """
        self.redactor: SecretRedactor = redactor
        self._open_vault = open_vault
        self._has_vault = has_vault

    async def learn(self, names: Sequence[str]) -> None:
        """Be ready for a run that uses these secrets: all values of the vault are hidden from now on.

        Raises:
            SecretNotFound: One of them is not there.
            BykiltError: The vault cannot be used.
        """
        if not names:
            return
        vault = await self._open_vault()
        known = await vault.list_keys()
        for name in names:
            if name not in known:
                raise SecretNotFound(name)
        self.redactor.add(*(value.text for value in await vault.known_values()))

    async def learn_all(self) -> None:
        """Hide all values of the vault from now on; a vault that was never made has none, and is not made.

        Raises:
            BykiltError: The vault is there and cannot be used.
        """
        if await anyio.to_thread.run_sync(self._has_vault):
            vault = await self._open_vault()
            self.redactor.add(*(value.text for value in await vault.known_values()))

    def secrets_for(self, run_id: RunId, flow: str) -> Secrets:
        """Return what hands out the secrets of one run."""
        return _RunSecrets(self._open_vault, self.redactor, SecretUse(run_id=str(run_id), flow=flow))

    def clean(self, file: Path) -> None:
        """Mask a text file that something else has written, as a browser's log; one that is not there is left out.

        Raises:
            OSError: It cannot be read.
            StorageError: It cannot be written.
        """
        if not file.is_file():
            return
        pieces = Pieces(self.redactor)
        with file.open(encoding="utf-8", errors="replace", newline="") as source, open_atomic(file) as target:
            while piece := source.read(_PIECE_CHARS):
                target.write(pieces.feed(piece).encode())
            target.write(pieces.finish().encode())


@dataclass(frozen=True, slots=True)
class _RunSecrets:
    open_vault: Callable[[], Awaitable[SecretsVault]]
    redactor: SecretRedactor
    use: SecretUse

    async def value_for(self, name: str, place: SecretPlace) -> str:
        """Return the value if its policy lets it go there; see `Secrets`."""
        use = SecretUse(self.use.run_id, self.use.flow, place.origin, place.password_field)
        try:
            vault = await self.open_vault()
            value = (await vault.fetch(name, use)).reveal()
        except BykiltError as error:
            raise SecretRefused(error.message, hint=error.hint) from error
        # A one-time code, or a value that was changed since the run began.
        self.redactor.add(value)
        return value


__all__ = ["OpenSecrecy", "Secrecy", "VaultSecrecy"]
