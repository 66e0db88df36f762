"""The keyring of the operating system, as a place for the master key. The only module that imports `keyring`.

Knows which of its backends are real ones. Does not know what a key is.
"""

from __future__ import annotations

from pathlib import Path

import keyring
import keyring.errors

from bykilt.security.errors import BackendUnavailable

SERVICE = "bykilt vault"
# Backends that keep nothing, or keep it in the clear.
_UNFIT = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt")


class OsKeyring:
    """The entry for the vault in one home."""

    def __init__(self, home: Path) -> None:
        self._entry = str(home)

    def name(self) -> str | None:
        """Return what keyring there is, for people; None when there is none that keeps secrets."""
        backend = keyring.get_keyring()
        if type(backend).__module__.startswith(_UNFIT) or backend.priority <= 0:
            return None
        return f"the keyring ({backend.name})"

    def read(self) -> str | None:
        """Return what is stored; None if nothing is.

        Raises:
            BackendUnavailable: The keyring is locked or does not answer.
        """
        try:
            return keyring.get_password(SERVICE, self._entry)
        except keyring.errors.KeyringError as error:
            raise _unavailable(error) from error

    def write(self, text: str) -> None:
        """Store a text in place of what is there.

        Raises:
            BackendUnavailable: The keyring is locked or does not answer.
        """
        try:
            keyring.set_password(SERVICE, self._entry, text)
        except keyring.errors.KeyringError as error:
            raise _unavailable(error) from error

    def remove(self) -> None:
        """Remove what is stored, if anything is.

        Raises:
            BackendUnavailable: The keyring is locked or does not answer.
        """
        try:
            keyring.delete_password(SERVICE, self._entry)
        except keyring.errors.PasswordDeleteError:
            pass  # there is none
        except keyring.errors.KeyringError as error:
            raise _unavailable(error) from error


def _unavailable(error: keyring.errors.KeyringError) -> BackendUnavailable:
    return BackendUnavailable(
        f"the keyring cannot be used: {str(error) or type(error).__name__}",
        hint="unlock it, or switch it off with BYKILT_VAULT_KEYRING=off and bring the key in VAULT_MASTER_KEY",
    )
