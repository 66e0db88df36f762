"""The keys that seal the vault: their form, their ids, and how one is made from a passphrase.

Knows key material and Fernet. Does not know where keys are kept (`key_sources`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from bykilt.json_types import JsonObject
from bykilt.security.errors import InvalidMasterKey, VaultDamaged

KEY_BYTES = 32
_ID_CONTEXT = b"bykilt vault key id"
_SALT_BYTES = 16


class MasterKey:
    """One key of 32 random bytes. Shows its id, never itself."""

    __slots__ = ("_raw", "id")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.id = hmac.new(raw, _ID_CONTEXT, hashlib.sha256).hexdigest()[:16]
        """Sixteen hexadecimal digits that name the key and tell nothing else of it."""

    @classmethod
    def parse(cls, text: str, source: str) -> MasterKey:
        """Return the key written in URL-safe base64, as Fernet has it.

        Raises:
            InvalidMasterKey: It is none; `source` is named, the text is not.
        """
        try:
            raw = base64.b64decode(text.strip().encode("ascii"), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise InvalidMasterKey(source, "it is not URL-safe base64") from None
        if len(raw) != KEY_BYTES:
            raise InvalidMasterKey(source, f"it has {len(raw)} bytes, and {KEY_BYTES} are needed")
        return cls(raw)

    @classmethod
    def generate(cls) -> MasterKey:
        """Return a fresh key from the system's source of randomness."""
        return cls(secrets.token_bytes(KEY_BYTES))

    def text(self) -> str:
        """Return the key itself, to be stored where keys are kept."""
        return base64.urlsafe_b64encode(self._raw).decode()

    def fernet(self) -> Fernet:
        """Return what encrypts with this key."""
        return Fernet(base64.urlsafe_b64encode(self._raw))

    def derived(self, purpose: bytes) -> bytes:
        """Return 32 bytes for that purpose alone, from which nothing can be learnt of the key.

        Source: HMAC-SHA256 as a pseudorandom function, NIST SP 800-108r1, section 4.
        """
        return hmac.new(self._raw, b"bykilt derived key: " + purpose, hashlib.sha256).digest()

    def __repr__(self) -> str:
        return f"MasterKey(id={self.id!r})"

    def __reduce_ex__(self, protocol: object) -> str:
        raise TypeError("a MasterKey is not pickled and not copied")


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """The keys of one place: the first one seals, all of them open."""

    keys: tuple[MasterKey, ...]

    @classmethod
    def parse(cls, texts: Sequence[str], source: str) -> MasterKeys:
        """Return the keys, the current one first.

        Raises:
            InvalidMasterKey: One of them is none, or there is none at all.
        """
        if not texts:
            raise InvalidMasterKey(source, "it is empty")
        return cls(tuple(MasterKey.parse(text, source) for text in texts))

    @property
    def current(self) -> MasterKey:
        """The key that seals."""
        return self.keys[0]

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, the current one first."""
        return tuple(key.id for key in self.keys)

    def multi_fernet(self) -> MultiFernet:
        """Return what encrypts with the current key and decrypts with any."""
        return MultiFernet([key.fernet() for key in self.keys])


@dataclass(frozen=True, slots=True, kw_only=True)
class PassphraseParams:
    """How a passphrase becomes a key, by Argon2id. The defaults are the second choice of RFC 9106, section 4."""

    salt: bytes
    memory_kib: int = 64 * 1024
    iterations: int = 3
    lanes: int = 4

    @classmethod
    def fresh(cls) -> PassphraseParams:
        """Return parameters with a salt of their own."""
        return cls(salt=secrets.token_bytes(_SALT_BYTES))

    @classmethod
    def parse(cls, document: JsonObject, where: str) -> PassphraseParams:
        """Return the parameters in a file's head.

        They are read before anything is authenticated, so each has bounds: a forged head must not make this
        machine work for hours or fill its memory.

        Raises:
            VaultDamaged: One is missing, of the wrong kind, or out of bounds.
        """
        salt, memory, rounds, lanes = (document.get(name) for name in ("salt", "memory_kib", "iterations", "lanes"))
        try:
            raw_salt = base64.b64decode(salt, validate=True) if isinstance(salt, str) else b""
        except (binascii.Error, ValueError):
            raw_salt = b""
        if not isinstance(memory, int) or not isinstance(rounds, int) or not isinstance(lanes, int):
            memory = rounds = lanes = 0
        is_bounded = 1 <= lanes <= 16 and 8 * lanes <= memory <= 1024 * 1024 and 1 <= rounds <= 20
        if document.get("name") != "argon2id" or not 16 <= len(raw_salt) <= 64 or not is_bounded:
            raise VaultDamaged(where, "its head asks for a way from passphrase to key that is not taken")
        return cls(salt=raw_salt, memory_kib=memory, iterations=rounds, lanes=lanes)

    def to_json(self) -> JsonObject:
        """Return the parameters as they stand in a file's head."""
        return {
            "name": "argon2id",
            "salt": base64.b64encode(self.salt).decode(),
            "memory_kib": self.memory_kib,
            "iterations": self.iterations,
            "lanes": self.lanes,
        }

    def key_from(self, passphrase: str) -> MasterKey:
        """Return the key. Takes some tenths of a second, and `memory_kib` of memory, on purpose."""
        argon = Argon2id(
            salt=self.salt,
            length=KEY_BYTES,
            iterations=self.iterations,
            lanes=self.lanes,
            memory_cost=self.memory_kib,
        )
        return MasterKey(argon.derive(passphrase.encode()))
