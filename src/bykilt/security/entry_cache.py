"""Secrets in memory, as ciphertext under a key of this process alone.

A value is decrypted when it is handed out and at no other time, so that neither a log of local variables nor a
search for text in this process's memory finds those that were not asked for. Somebody who can read the memory at
will finds the key as well: against them there is no help in a process that has to know secrets.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bykilt.json_types import JsonValue
from bykilt.security.document import SecretEntry
from bykilt.security.vault_document import VaultDocument, decoded
from bykilt.storage.json_document import compact_json, decode_object

_NONCE_BYTES = 12


class EntryCache:
    """The entries of one version of the file."""

    def __init__(self) -> None:
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._sealed: dict[str, bytes] = {}

    def fill(self, document: VaultDocument) -> None:
        """Hold the entries of a document, and no others."""
        self._sealed = {name: self._seal(name, entry) for name, entry in document.secrets.items()}

    def update(self, secrets: Mapping[str, JsonValue], names: Iterable[str]) -> None:
        """Hold these entries as they are in a document that differs from the held one in nothing else."""
        for name in names:
            self._sealed.pop(name, None)
            if name in secrets:
                self._sealed[name] = self._seal(name, secrets[name])

    def get(self, name: str) -> SecretEntry | None:
        """Return a secret; None if there is none with that name."""
        sealed = self._sealed.get(name)
        if sealed is None:
            return None
        plain = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
        return decoded(decode_object(plain))

    def names(self) -> list[str]:
        """Return all names, in order."""
        return sorted(self._sealed)

    def _seal(self, name: str, entry: JsonValue) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, compact_json(entry).encode(), name.encode())
