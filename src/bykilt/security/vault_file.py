"""The vault's file on the disk: read, checked, changed under a lock, replaced as a whole.

Every change is: lock, read what is there, count the reads that the ledger tells of, edit, write beside, sync,
rename, sync, and a line in the ledger with the generation. Whatever is killed in between leaves the old file or
the new one. Knows files, keys and generations. Does not know what a change means (`file_backend`).
Everything here waits for the disk: call it from a worker thread in async code.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import filelock

from bykilt.audit.errors import AuditUnavailable
from bykilt.audit.ledger import Ledger
from bykilt.audit.record import Action, AuditOutcome, AuditRecord
from bykilt.clock import Clock
from bykilt.security.access_tally import AccessTally
from bykilt.security.envelope import MAX_FILE_BYTES, Header, read_header, seal, unseal
from bykilt.security.errors import VaultLocked, VaultMissing, VaultRolledBack, WrongMasterKey
from bykilt.security.key_sources import FoundKeys, KeySources
from bykilt.security.private_file import Stamp, check_folder, read_private, stamp_of
from bykilt.security.vault_document import LedgerBreak, VaultDocument
from bykilt.storage.atomic_file import PRIVATE_FILE, make_private_dir, write_atomic
from bykilt.storage.errors import explained

_log = logging.getLogger(__name__)

WHAT = "the vault"
MAX_LINES_BEHIND = 2000
"""How many lines of the ledger may lie behind the vault before it is written again, to know of them."""

Edit = Callable[[VaultDocument], VaultDocument]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A vault that was read: its head, its content, the keys that opened it, and which file it was.

    `counted` names the secrets whose counts were changed by writing it.
    """

    header: Header
    document: VaultDocument
    found: FoundKeys
    stamp: Stamp
    tally: AccessTally
    counted: frozenset[str] = frozenset()


class VaultFile:
    """One path. Several processes may use it at once."""

    def __init__(self, path: Path, sources: KeySources, ledger: Ledger, clock: Clock, lock_timeout_s: float) -> None:
        self.path = path
        self.sources = sources
        self.ledger = ledger
        self._clock = clock
        self._lock_timeout_s = lock_timeout_s
        self._found: FoundKeys | None = None
        self._lock = filelock.FileLock(f"{path}.lock", mode=PRIVATE_FILE)

    def stamp(self) -> Stamp | None:
        """Return which file is there; None if none is."""
        with explained(self.path):
            return stamp_of(self.path)

    def load(self) -> Loaded:
        """Read the vault.

        Raises:
            VaultMissing: There is none.
            VaultError: It cannot be opened; each reason is an error of its own.
        """
        loaded = self._load()
        if loaded is None:
            raise VaultMissing(self.path)
        return loaded

    def change(self, edit: Edit, *, make: bool = True) -> Loaded:
        """Write the vault as `edit` returns it; without a vault, one is made if that is wanted.

        `edit` may raise: then nothing is written.

        Raises:
            VaultMissing: There is none, and none was to be made.
            VaultError, StorageError, AuditUnavailable: It was not written; what was there is untouched.
        """
        with self.locked():
            loaded = self._load()
            if loaded is None and not make:
                raise VaultMissing(self.path)
            if loaded is not None:
                document = edit(loaded.tally.merged_into(loaded.document))
                written = self.write(loaded.header, document, loaded.found)
                return replace(written, counted=frozenset(loaded.tally.reads))
            found = self._found = self.sources.find_or_make()
            header = Header(vault_id=secrets.token_hex(8), generation=0, key_id="")
            return self.write(header, edit(VaultDocument(created_s=self._clock.wall_s())), found)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all other writers out for the length of the block, and clean up what a killed one has left.

        Raises:
            VaultLocked: Another process has it for too long.
            KeyFileExposed: Others may write to the folder.
        """
        make_private_dir(self.path.parent)
        check_folder(self.path.parent, "a vault in it")
        with explained(self.path):
            try:
                self._lock.acquire(timeout=self._lock_timeout_s)
            except filelock.Timeout:
                raise VaultLocked(self.path, self._lock_timeout_s) from None
        try:
            for left in self.path.parent.glob(f".{self.path.name}.*.new"):
                left.unlink(missing_ok=True)
            yield
        finally:
            self._lock.release()

    def write(self, header: Header, document: VaultDocument, found: FoundKeys, *, known_generation: int = 0) -> Loaded:
        """Seal and write a document, with the ledger's end in it; call it inside `locked`.

        The generation is one more than the head's, and than `known_generation`.

        Raises:
            StorageError, AuditUnavailable: It was not written; what was there is untouched.
        """
        head = self.ledger.head()
        breaks = document.breaks
        if document.anchor is not None and not self.ledger.holds(document.anchor):
            breaks = (*breaks, LedgerBreak(document.anchor.seq, document.anchor.hash, self._clock.wall_s()))
        document = replace(document, anchor=head, breaks=breaks)
        header = replace(
            header,
            vault_id=header.vault_id or secrets.token_hex(8),
            generation=max(header.generation, known_generation) + 1,
            key_id=found.keys.current.id,
            passphrase=found.passphrase,
        )
        write_atomic(self.path, seal(header, document.to_json(), found.keys))
        self._found = found
        stamp = self.stamp()
        assert stamp is not None
        self._tell_sealed(header)
        return Loaded(header, document, found, stamp, AccessTally(self.ledger, head, header.vault_id))

    def _tell_sealed(self, header: Header) -> None:
        sealed = AuditRecord(
            Action.VAULT_SEALED, header.vault_id, AuditOutcome.SUCCEEDED, detail={"generation": header.generation}
        )
        try:
            self.ledger.append(sealed)
        except AuditUnavailable as error:
            # What was asked is on record since before, and it is done: to call it failed would be wrong.
            _log.warning("the ledger does not know of generation %d: %s", header.generation, error)

    def read_sealed(self, path: Path, found: FoundKeys | None = None) -> Loaded | None:
        """Read a vault's file, here or elsewhere, without asking the ledger; None if there is none.

        Raises:
            VaultError, StorageError: It cannot be opened.
        """
        read = read_private(path, WHAT, max_bytes=MAX_FILE_BYTES)
        if read is None:
            return None
        content, stamp = read
        header = read_header(content, path)
        keys = found or self._keys_for(path, header)
        try:
            opened = unseal(content, keys.keys, path, keys.source)
        except WrongMasterKey:
            if found is not None or keys is not self._found:
                raise
            # The key may have been rotated by another process: its place has the other one.
            self._found = keys = self.sources.find_for(path, header.key_id, header.passphrase)
            opened = unseal(content, keys.keys, path, keys.source)
        document = VaultDocument.parse(opened.document, path, self._clock.wall_s())
        tally = AccessTally(self.ledger, document.anchor, opened.header.vault_id)
        return Loaded(opened.header, document, keys, stamp, tally)

    def _load(self) -> Loaded | None:
        loaded = self.read_sealed(self.path)
        if loaded is None:
            return None
        loaded.tally.refresh()
        if loaded.tally.latest_generation > loaded.header.generation:
            if self.stamp() != loaded.stamp:
                return self._load()  # it was written between our two looks
            raise VaultRolledBack(self.path, loaded.header.generation, loaded.tally.latest_generation)
        return loaded

    def _keys_for(self, path: Path, header: Header) -> FoundKeys:
        if self._found is None or (header.key_id and header.key_id not in self._found.keys.ids):
            self._found = self.sources.find_for(path, header.key_id or "(not named)", header.passphrase)
        return self._found
