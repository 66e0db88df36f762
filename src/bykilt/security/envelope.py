"""The format of the vault's file: a clear head of one line, and the whole document as one Fernet token.

    {"format":"bykilt-vault","version":1,"vault_id":"…","generation":7,"key_id":"…"}
    gAAAAAB…

Since everything is in one token, no secret can be exchanged with another or set back by itself, and no name can
be read. The head is repeated inside the token: a head that was changed, or that belongs to another token, is
noticed. Format 0 is a bare token without a head, over an object from names to values.

Knows bytes and keys. Does not know what a secret is (`document`), nor where file and keys are.
Pinned by the vectors in `tests/unit/security/vectors`.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.fernet import InvalidToken

from bykilt.json_types import JsonObject
from bykilt.security.errors import NewerVault, VaultDamaged, WrongMasterKey
from bykilt.security.master_key import MasterKeys, PassphraseParams
from bykilt.storage.errors import StorageError
from bykilt.storage.json_document import compact_json, decode_object

FORMAT = "bykilt-vault"
VERSION = 1
MAX_FILE_BYTES = 256 * 1024 * 1024
_MAX_HEAD_BYTES = 4096
_TOKEN = re.compile(rb"[A-Za-z0-9_-]+={0,2}")
_BARE_TOKEN = b"gAAAA"
"""How every Fernet token of this century begins: its version byte and the upper half of its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the file says to everybody. `generation` counts the writes; `passphrase` is there if a person's
    passphrase is the key."""

    vault_id: str
    generation: int
    key_id: str
    passphrase: PassphraseParams | None = None
    version: int = VERSION

    def line(self) -> str:
        """Return the head as it stands in the file."""
        document: dict[str, object] = {
            "format": FORMAT,
            "version": self.version,
            "vault_id": self.vault_id,
            "generation": self.generation,
            "key_id": self.key_id,
        }
        passphrase: JsonObject = {} if self.passphrase is None else {"passphrase": self.passphrase.to_json()}
        return compact_json({**document, **passphrase})  # type: ignore[dict-item]


@dataclass(frozen=True, slots=True)
class Opened:
    """A document with the head that it came with."""

    header: Header
    document: JsonObject


def seal(header: Header, document: JsonObject, keys: MasterKeys) -> bytes:
    """Return the bytes of a file, sealed with the current key, whose id is put into the head."""
    line = replace(header, version=VERSION, key_id=keys.current.id).line()
    content = compact_json({"header": line, "document": document}).encode()
    return b"%s\n%s\n" % (line.encode(), keys.current.fernet().encrypt(content))


def read_header(content: bytes, path: Path) -> Header:
    """Return the head of a file. Nothing in it is to be believed before `unseal` has compared it.

    Raises:
        VaultDamaged: It has none that can be read.
        NewerVault: A newer version of bykilt wrote it.
    """
    if content.startswith(_BARE_TOKEN):
        return Header(vault_id="", generation=0, key_id="", version=0)
    line, newline, _ = content[:_MAX_HEAD_BYTES].partition(b"\n")
    try:
        head = decode_object(line)
    except StorageError:
        raise VaultDamaged(path, "it does not begin with a head") from None
    version = head.get("version")
    if head.get("format") != FORMAT or not isinstance(version, int) or not newline:
        raise VaultDamaged(path, "it does not begin with a head of ours")
    if version > VERSION:
        raise NewerVault(path, version, VERSION)
    return _header(head, version, path)


def _header(head: JsonObject, version: int, path: Path) -> Header:
    vault_id, generation, key_id = head.get("vault_id"), head.get("generation"), head.get("key_id")
    if not isinstance(vault_id, str) or not isinstance(generation, int) or not isinstance(key_id, str):
        raise VaultDamaged(path, "its head lacks a field")
    given = head.get("passphrase")
    passphrase = PassphraseParams.parse(given, str(path)) if isinstance(given, dict) else None
    return Header(vault_id=vault_id, generation=generation, key_id=key_id, passphrase=passphrase, version=version)


def unseal(content: bytes, keys: MasterKeys, path: Path, source: str) -> Opened:
    """Return head and document of a file.

    Raises:
        WrongMasterKey: None of the keys, which come from `source`, is the one it was sealed with.
        VaultDamaged: It was changed or cut, or head and token do not belong together.
        NewerVault: A newer version of bykilt wrote it.
    """
    header = read_header(content, path)
    line, _, rest = content.partition(b"\n") if header.version else (b"", b"", content)
    token, newline, after = rest.partition(b"\n")
    if header.version and (not newline or after or not _is_canonical(token)):
        raise VaultDamaged(path, "its end is cut off, or something was added to it")
    try:
        inside = decode_object(keys.multi_fernet().decrypt(token))
    except InvalidToken:
        if header.key_id in keys.ids:
            raise VaultDamaged(path, "its content is not what was sealed with the key") from None
        raise WrongMasterKey(path, header.key_id or "that is not named", source, keys.ids) from None
    except StorageError:
        raise VaultDamaged(path, "what was sealed is no document") from None
    if not header.version:
        return Opened(header, _document_of_format_0(inside, path))
    document = inside.get("document")
    if inside.get("header") != line.decode(errors="replace") or not isinstance(document, dict):
        raise VaultDamaged(path, "its head is not the one that was sealed with it")
    return Opened(header, document)


def _is_canonical(token: bytes) -> bool:
    """Whether these bytes are the only ones that mean this token: base64 has bits and characters without meaning."""
    try:
        return _TOKEN.fullmatch(token) is not None and b64encode(b64decode(token[-4:], b"-_"), b"-_") == token[-4:]
    except ValueError:
        return False


def _document_of_format_0(inside: JsonObject, path: Path) -> JsonObject:
    values = {name: value for name, value in inside.items() if isinstance(value, str)}
    if len(values) != len(inside):
        raise VaultDamaged(path, "what was sealed in format 0 is no object from names to values")
    return {"plain": values}
