"""Where the master key is: looked for in one fixed order, and made on first use.

The environment, a file, the keyring, a passphrase. The first place that holds keys is the one that counts: if
its key is wrong, that is an error, and no other place is tried. Knows these places. Does not know what is sealed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from bykilt.security.errors import InvalidMasterKey, NoMasterKey, NotSupported
from bykilt.security.master_key import MasterKey, MasterKeys, PassphraseParams
from bykilt.security.private_file import read_private
from bykilt.security.secret import Notify
from bykilt.security.vault_settings import CREDENTIAL_NAME, KEY_VARIABLE, VaultSettings
from bykilt.storage.atomic_file import make_private_dir, sync_dir, write_atomic
from bykilt.storage.errors import explained

if TYPE_CHECKING:
    from bykilt.security.os_keyring import OsKeyring

_MAX_KEY_FILE_BYTES = 4096
AskPassphrase = Callable[[str], str]
"""Asks a person, in the words that are given, and returns what they typed."""


class KeyPlace(StrEnum):
    """A kind of place for the master key."""

    ENVIRONMENT = "env"
    CREDENTIAL = "credential"
    FILE = "file"
    KEYRING = "keyring"
    PASSPHRASE = "passphrase"


@dataclass(frozen=True, slots=True)
class FoundKeys:
    """The keys, the place that they are from, and its name for people."""

    keys: MasterKeys
    place: KeyPlace
    source: str
    passphrase: PassphraseParams | None = None


class KeySources:
    """The places of one vault. Everything here may wait: for the disk, the keyring, or a person."""

    def __init__(self, settings: VaultSettings, notify: Notify, ask: AskPassphrase | None = None) -> None:
        """`notify` is told where a key was put; `ask` asks for a passphrase, where a person is there to answer."""
        self._settings = settings
        self._notify = notify
        self._ask = ask
        self._from_passphrase: tuple[PassphraseParams, MasterKey] | None = None

    @property
    def key_file(self) -> Path:
        """The file that keys are read from and written to."""
        return self._settings.key_file or self._settings.home / "vault.key"

    def describe(self) -> tuple[str, ...]:
        """Return the places that are looked in, in order, for people."""
        places = [KEY_VARIABLE]
        if self._settings.credentials_dir is not None:
            places.append(str(self._settings.credentials_dir / CREDENTIAL_NAME))
        places.append(str(self.key_file))
        keyring = self._keyring_name()
        places.append(keyring or "no keyring (this machine has none)")
        return tuple(places)

    def find(self, passphrase: PassphraseParams | None) -> FoundKeys | None:
        """Return the keys of the first place that has any; None if none has.

        `passphrase` is what the vault's head says about one: where it does, a passphrase is the last place.

        Raises:
            InvalidMasterKey, KeyFileExposed, NotOurFile: That place cannot be used.
            BackendUnavailable: The keyring does not answer.
        """
        if self._settings.master_key is not None:
            texts = [text for text in self._settings.master_key.split(",") if text.strip()]
            return FoundKeys(MasterKeys.parse(texts, KEY_VARIABLE), KeyPlace.ENVIRONMENT, KEY_VARIABLE)
        return self._in_files() or self._in_keyring() or self._from_person(passphrase)

    def find_for(self, vault: Path, key_id: str, passphrase: PassphraseParams | None) -> FoundKeys:
        """Return the keys for a vault that is there.

        Raises:
            NoMasterKey: There are none anywhere.
            VaultError: See `find`.
        """
        found = self.find(passphrase)
        if found is None:
            looked_in = [*self.describe(), *(["a passphrase (nobody could be asked)"] if passphrase else [])]
            raise NoMasterKey(vault, key_id, looked_in)
        return found

    def find_or_make(self) -> FoundKeys:
        """Return the keys for a vault that is to be made; where there are none, one is generated and stored.

        Raises:
            VaultError, StorageError: See `find` and `store`.
        """
        found = self.find(None)
        if found is not None:
            return found
        place = KeyPlace.KEYRING if self._keyring_name() else KeyPlace.FILE
        return self.store(place, MasterKeys((MasterKey.generate(),)))

    def store(self, place: KeyPlace, keys: MasterKeys, *, quietly: bool = False) -> FoundKeys:
        """Put keys into the keyring or the key file, in place of those there; `notify` is told where.

        Raises:
            NotSupported: bykilt cannot write to that place.
            StorageError, BackendUnavailable: It could not be written.
        """
        texts = [key.text() for key in keys.keys]
        if place is KeyPlace.FILE:
            make_private_dir(self.key_file.parent)
            write_atomic(self.key_file, ("\n".join(texts) + "\n").encode())
            source = str(self.key_file)
        elif place is KeyPlace.KEYRING and (name := self._keyring_name()):
            self._keyring().write(",".join(texts))
            source = name
        else:
            hint = "unlock or install one, such as gnome-keyring; BYKILT_VAULT_KEYRING must not be off"
            raise NotSupported("file", "put a key into a keyring: there is none here", hint=hint)
        if quietly:
            return FoundKeys(keys, place, source)
        self._notify(
            f"The master key {keys.current.id} of the vault is in {source}. Without it nothing in the vault can be "
            "read: keep a copy where this machine's backups are not (`bykilt vault backup --with-key` writes one)."
        )
        return FoundKeys(keys, place, source)

    def clear(self, place: KeyPlace) -> None:
        """Take the keys out of the keyring or the key file.

        Raises:
            StorageError, BackendUnavailable: They could not be removed.
        """
        if place is KeyPlace.FILE:
            with explained(self.key_file):
                self.key_file.unlink(missing_ok=True)
                sync_dir(self.key_file.parent)
        elif place is KeyPlace.KEYRING:
            self._keyring().remove()

    def with_passphrase(self, params: PassphraseParams, question: str) -> FoundKeys:
        """Return the key that a passphrase makes, from the passphrase file or a person.

        Raises:
            InvalidMasterKey: There is no passphrase, or it is empty.
        """
        text = self._passphrase(question)
        if not text:
            raise InvalidMasterKey("the passphrase", "it is empty, and nobody could be asked for it")
        key = params.key_from(text)
        self._from_passphrase = (params, key)
        return FoundKeys(MasterKeys((key,)), KeyPlace.PASSPHRASE, "the passphrase", params)

    def _in_files(self) -> FoundKeys | None:
        directory = self._settings.credentials_dir
        # systemd lets a service's group read its credentials: the folder itself is closed to all others.
        if directory is not None and (found := self._in_file(directory / CREDENTIAL_NAME, KeyPlace.CREDENTIAL)):
            return found
        found = self._in_file(self.key_file, KeyPlace.FILE)
        if found is None and self._settings.key_file is not None:
            raise InvalidMasterKey(f"BYKILT_VAULT_KEY_FILE={self.key_file}", "there is no such file")
        return found

    def _in_file(self, path: Path, place: KeyPlace) -> FoundKeys | None:
        is_credential = place is KeyPlace.CREDENTIAL
        read = read_private(path, "the key file", max_bytes=_MAX_KEY_FILE_BYTES, group_may_read=is_credential)
        if read is None:
            return None
        lines = (line.strip() for line in read[0].decode(errors="replace").splitlines())
        texts = [line for line in lines if line and not line.startswith("#")]
        return FoundKeys(MasterKeys.parse(texts, str(path)), place, str(path))

    def _in_keyring(self) -> FoundKeys | None:
        name = self._keyring_name()
        text = self._keyring().read() if name else None
        if name is None or not text:
            return None
        return FoundKeys(MasterKeys.parse(text.split(","), name), KeyPlace.KEYRING, name)

    def _from_person(self, params: PassphraseParams | None) -> FoundKeys | None:
        if params is None:
            return None
        if self._from_passphrase is not None and self._from_passphrase[0] == params:
            return FoundKeys(MasterKeys((self._from_passphrase[1],)), KeyPlace.PASSPHRASE, "the passphrase", params)
        if self._ask is None and self._settings.passphrase_file is None:
            return None
        return self.with_passphrase(params, "Passphrase of the vault")

    def _passphrase(self, question: str) -> str:
        path = self._settings.passphrase_file
        if path is not None:
            read = read_private(path, "the passphrase file", max_bytes=_MAX_KEY_FILE_BYTES)
            return "" if read is None else read[0].decode(errors="replace").rstrip("\r\n")
        return self._ask(question) if self._ask is not None else ""

    def _keyring_name(self) -> str | None:
        return self._keyring().name() if self._settings.use_keyring else None

    def _keyring(self) -> OsKeyring:
        from bykilt.security.os_keyring import OsKeyring  # takes 0.05 s, and most have a key before it

        return OsKeyring(self._settings.home)
