"""Seals what other parts of bykilt keep on the disk, with keys that come from the vault's master key.

Each purpose has keys of its own, so that nothing sealed for one can be read as the other's, and the vault's file is
sealed with none of them. Knows ciphers. Does not know what is sealed, nor where it is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bykilt.security.errors import VaultError
from bykilt.security.master_key import MasterKey

_NONCE_BYTES = 12


class NoSealingKey(VaultError):
    """There is no master key here from which a key for sealing could come."""

    code = "vault_no_sealing_key"

    def __init__(self, what: str, backend: str) -> None:
        hint = "`bykilt vault set NAME` makes a vault with its key, or set VAULT_MASTER_KEY"
        if backend != "file":
            hint = "it wants the vault's own file, and a master key for it: BYKILT_VAULT=file"
        super().__init__(f"{what} is kept encrypted, and there is no master key to do it with", hint=hint)


class Sealer:
    """Seals and opens for one purpose."""

    def __init__(self, key: MasterKey, purpose: str) -> None:
        """Take the master key; nothing but a key derived from it stays here."""
        self._cipher = AESGCM(key.derived(f"seal {purpose}".encode()))
        self._marking = key.derived(f"mark {purpose}".encode())

    def seal(self, plain: bytes, about: bytes) -> bytes:
        """Return the bytes sealed; they open only together with the very same `about`."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, about)

    def open(self, sealed: bytes, about: bytes) -> bytes | None:
        """Return what was sealed; None if it was changed, or belongs elsewhere, or to another key."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
        except (InvalidTag, ValueError):
            return None

    def mark(self, data: bytes) -> bytes:
        """Return 32 bytes that stand for the data, and tell nothing of it to who has not got the key."""
        return hmac.new(self._marking, data, hashlib.sha256).digest()
