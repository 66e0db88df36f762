"""The care of the vault's file: another key, another place for the key, backups, and a look at all of it.

Readers go on meanwhile. While a key is exchanged, its place holds the old and the new one, so that whatever is
killed in between, the vault still opens. Knows the order of things. Does not know the file's format (`envelope`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bykilt.audit.ledger import Ledger
from bykilt.audit.record import Action, AuditOutcome, AuditRecord
from bykilt.errors import InvalidInput
from bykilt.json_types import JsonScalar
from bykilt.security.access_tally import AccessTally
from bykilt.security.errors import NotSupported, VaultError, VaultMissing
from bykilt.security.key_sources import FoundKeys, KeyPlace
from bykilt.security.master_key import MasterKey, MasterKeys, PassphraseParams
from bykilt.security.private_file import read_private
from bykilt.security.vault_document import LedgerBreak
from bykilt.security.vault_file import WHAT, Loaded, VaultFile
from bykilt.storage.atomic_file import write_atomic

_WRITABLE = (KeyPlace.FILE, KeyPlace.KEYRING)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultReport:
    """What was found in a vault that could be opened and whose every entry could be read."""

    path: Path
    version: int
    vault_id: str
    generation: int
    key_id: str
    key_source: str
    secrets: int
    versions: int
    deleted: int
    created_s: float
    ledger_seq: int
    ledger_holds: bool
    ledger_breaks: tuple[LedgerBreak, ...]


class VaultKeeper:
    """Takes care of one file."""

    def __init__(self, file: VaultFile, ledger: Ledger) -> None:
        self.file = file
        self._ledger = ledger

    def report(self) -> VaultReport:
        """Open the vault, read every entry, and return what was found.

        Raises:
            VaultMissing: There is none.
            VaultError, StorageError: It cannot be opened, or an entry in it cannot be read.
        """
        loaded = self.file.load()
        document = loaded.document
        entries = [entry for name in document.secrets if (entry := document.entry(name)) is not None]
        anchor = document.anchor
        return VaultReport(
            path=self.file.path,
            version=loaded.header.version,
            vault_id=loaded.header.vault_id,
            generation=loaded.header.generation,
            key_id=loaded.found.keys.current.id,
            key_source=loaded.found.source,
            secrets=len(entries),
            versions=sum(len(entry.versions) for entry in entries),
            deleted=sum(entry.deleted_s is not None for entry in entries),
            created_s=document.created_s,
            ledger_seq=anchor.seq if anchor else 0,
            ledger_holds=anchor is None or self._ledger.holds(anchor),
            ledger_breaks=document.breaks,
        )

    def anchors(self) -> list[tuple[int, str]]:
        """Return the lines that the ledger must hold: the one that it ended with when the vault was last written,
        and those that were missing when it was written before.

        Raises:
            VaultError, StorageError: The vault cannot be opened.
        """
        document = self.file.load().document
        known = [(document.anchor.seq, document.anchor.hash)] if document.anchor else []
        return known + [(each.seq, each.hash) for each in document.breaks]

    def rotate(self) -> tuple[str, str]:
        """Seal the vault with a fresh key, kept where the old one was; return the old and the new key's id.

        Where bykilt cannot write the key (an environment variable, a systemd credential), the new one has to be
        there already, before the old one: `VAULT_MASTER_KEY=new,old`.

        Raises:
            VaultMissing: There is no vault.
            NotSupported: The new key is not there, see above.
            VaultError, StorageError, AuditUnavailable: Nothing was changed, or it can be done again.
        """
        with self.file.locked():
            loaded = self.file.load()
            found = loaded.found
            if found.place in _WRITABLE:
                fresh = FoundKeys(MasterKeys((MasterKey.generate(),)), found.place, found.source)
            elif found.place is KeyPlace.PASSPHRASE:
                fresh = self.file.sources.with_passphrase(PassphraseParams.fresh(), "New passphrase of the vault")
            elif found.keys.current.id != loaded.header.key_id:
                fresh = FoundKeys(MasterKeys((found.keys.current,)), found.place, found.source)
            else:
                hint = "put the new key before the old one there, separated by a comma, and rotate then"
                raise NotSupported("file", f"write a key to {found.source}", hint=hint)
            return self._exchange(loaded, fresh)

    def rekey(self, place: KeyPlace) -> tuple[str, str]:
        """Seal the vault with a fresh key that is kept in another place; return the old and the new key's id.

        Raises:
            VaultMissing: There is no vault.
            NotSupported: bykilt cannot write keys to that place.
            VaultError, StorageError, AuditUnavailable: Nothing was changed, or it can be done again.
        """
        with self.file.locked():
            loaded = self.file.load()
            if place is KeyPlace.PASSPHRASE:
                fresh = self.file.sources.with_passphrase(PassphraseParams.fresh(), "New passphrase of the vault")
            elif place in _WRITABLE:
                fresh = FoundKeys(MasterKeys((MasterKey.generate(),)), place, str(place))
            else:
                raise NotSupported("file", f"write a key to {place}", hint="name `file`, `keyring` or `passphrase`")
            return self._exchange(loaded, fresh)

    def backup(self, target: Path) -> VaultReport:
        """Write a copy of the vault, sealed as it is, once it was seen to be whole.

        Raises:
            VaultMissing: There is none.
            InvalidInput: There is something at `target` already.
            VaultError, StorageError, AuditUnavailable: It was not written.
        """
        if target.exists():
            raise InvalidInput(
                f"{target} is there already", hint="name a file that is not; backups are not overwritten"
            )
        with self.file.locked():
            report = self.report()
            read = read_private(self.file.path, WHAT, max_bytes=self.file.path.stat().st_size)
            if read is None:
                raise VaultMissing(self.file.path)
            self._record(Action.VAULT_BACKED_UP, report.vault_id, generation=report.generation, target=str(target))
            write_atomic(target, read[0])
        return report

    def write_key(self, target: Path) -> str:
        """Write the current master key into a file of its own, for its owner alone, and return its id.

        Raises:
            InvalidInput: There is something at `target` already.
            VaultError, StorageError, AuditUnavailable: It was not written.
        """
        if target.exists():
            raise InvalidInput(f"{target} is there already", hint="name a file that is not")
        loaded = self.file.load()
        key = loaded.found.keys.current
        self._record(Action.VAULT_BACKED_UP, loaded.header.vault_id, key=key.id, target=str(target))
        write_atomic(target, (key.text() + "\n").encode())
        return key.id

    def restore(self, source: Path, key_file: Path | None) -> VaultReport:
        """Put a backup in the place of the vault, and return what is in it.

        It is opened with the keys of this machine, or with those in `key_file`, which then become this machine's:
        that is how a vault moves to another one. Its generation becomes higher than any that was here, so that it
        is not taken for an old file that somebody put back.

        Raises:
            VaultMissing: There is no file at `source`.
            VaultError, StorageError, AuditUnavailable: The vault here is as it was.
        """
        with self.file.locked():
            keys = None if key_file is None else self._keys_in(key_file)
            loaded = self.file.read_sealed(source, keys)
            if loaded is None:
                raise VaultMissing(source)
            present = self._present()
            known = self._known_generation(loaded, present)
            self._record(Action.VAULT_RESTORED, loaded.header.vault_id, source=str(source), generation=known + 1)
            if keys is not None:
                loaded = self._adopt(loaded, keys)
            # The backup's place in the ledger means nothing here; that of the vault it replaces does.
            document = replace(loaded.document, anchor=present.document.anchor if present else None)
            self.file.write(loaded.header, document, loaded.found, known_generation=known)
        return self.report()

    # ---- inside

    def _exchange(self, loaded: Loaded, fresh: FoundKeys) -> tuple[str, str]:
        """Seal with another key. From the first step to the last, every place that is looked in opens the vault."""
        sources, old = self.file.sources, loaded.found
        both = (*fresh.keys.keys, *old.keys.keys)
        if old.place in _WRITABLE and old.place is not fresh.place:
            sources.store(old.place, MasterKeys((*old.keys.keys, *fresh.keys.keys)), quietly=True)
        if fresh.place in _WRITABLE:
            sources.store(fresh.place, MasterKeys(both), quietly=True)
        document = loaded.tally.merged_into(loaded.document)
        old_id, new_id = loaded.header.key_id, fresh.keys.current.id
        self._record(Action.VAULT_ROTATED, loaded.header.vault_id, old_key=old_id, new_key=new_id, place=fresh.place)
        self.file.write(loaded.header, document, fresh)
        if fresh.place in _WRITABLE:
            sources.store(fresh.place, fresh.keys)
        if old.place is not fresh.place:
            sources.clear(old.place)
        return old_id, new_id

    def _keys_in(self, path: Path) -> FoundKeys:
        read = read_private(path, "the key file", max_bytes=4096)
        if read is None:
            raise InvalidInput(f"there is no key file {path}", hint="give the one that `backup --with-key` wrote")
        keys = MasterKeys.parse(read[0].decode(errors="replace").split(), str(path))
        return FoundKeys(keys, KeyPlace.FILE, str(path))

    def _adopt(self, loaded: Loaded, given: FoundKeys) -> Loaded:
        """Seal with this machine's own key from here on; where it has none, the key that came with the backup."""
        here = self.file.sources.find(None) or self.file.sources.store(KeyPlace.FILE, given.keys)
        return Loaded(loaded.header, loaded.document, here, loaded.stamp, loaded.tally)

    def _present(self) -> Loaded | None:
        try:
            return self.file.read_sealed(self.file.path)
        except VaultError:
            return None  # a vault that does not open is what a backup is for

    def _known_generation(self, restored: Loaded, present: Loaded | None) -> int:
        """Return the highest generation of the vault here, by its file and by the ledger."""
        tally = AccessTally(self._ledger, None, restored.header.vault_id)
        tally.refresh()
        here = present.header.generation if present else 0
        return max(restored.header.generation, tally.latest_generation, here)

    def _record(self, action: Action, what: str, **detail: JsonScalar) -> None:
        self._ledger.append(AuditRecord(action, what, AuditOutcome.ALLOWED, detail=detail), sync=True)
