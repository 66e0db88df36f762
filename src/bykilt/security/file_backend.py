"""Secrets in a file of our own: the default backend.

Knows what each operation does to the document, and when what is in memory is still what is on the disk. Does not
know the file's format or lock (`vault_file`, `envelope`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from bykilt.clock import Clock
from bykilt.security.access_tally import AccessTally
from bykilt.security.backend import SecretFacts, StoredSecret
from bykilt.security.document import SecretEntry, with_value
from bykilt.security.entry_cache import EntryCache
from bykilt.security.envelope import Header
from bykilt.security.errors import SecretNotFound, VaultLocked, VaultMissing
from bykilt.security.private_file import Stamp, stamp_of
from bykilt.security.secret import SecretPolicy
from bykilt.security.vault_document import VaultDocument
from bykilt.security.vault_file import MAX_LINES_BEHIND, Loaded, VaultFile
from bykilt.storage.errors import StorageError

_READS_BETWEEN_LOOKS = 500
"""How many quick reads there may be before the ledger's length is looked at again."""


class FileBackend:
    """The vault's file, with its entries held in memory as ciphertext."""

    name = "file"

    def __init__(self, file: VaultFile, clock: Clock) -> None:
        self.file = file
        self._clock = clock
        self._lock = threading.RLock()
        self._cache = EntryCache()
        self._stamp: Stamp | None = None
        self._header: Header | None = None
        self._tally: AccessTally | None = None
        self._quick_reads = 0

    def read_now(self, name: str) -> StoredSecret | None:
        """Return the current version if the file is the one in memory."""
        if self._stamp is None or self._quick_reads >= _READS_BETWEEN_LOOKS:
            return None
        if not self._lock.acquire(blocking=False):
            return None
        try:
            if stamp_of(self.file.path) != self._stamp:
                return None
            self._quick_reads += 1
            return _stored(name, self._cache.get(name), None)
        finally:
            self._lock.release()

    def read(self, name: str, version: int | None = None) -> StoredSecret:
        with self._lock:
            self._look()
            return _stored(name, self._cache.get(name), version)

    def read_all(self) -> Sequence[StoredSecret]:
        with self._lock:
            self._look()
            entries = ((name, self._cache.get(name)) for name in self._cache.names())
            return [
                _version(name, entry, kept.version)
                for name, entry in entries
                if entry is not None
                for kept in entry.versions
            ]

    def put(
        self,
        name: str,
        value: str,
        *,
        policy: SecretPolicy | None,
        expires_s: float | None,
        expected_version: int | None,
    ) -> int:
        def edit(entry: SecretEntry | None) -> SecretEntry:
            return with_value(
                entry,
                name,
                value,
                now_s=self._clock.wall_s(),
                policy=policy,
                expires_s=expires_s,
                expected_version=expected_version,
            )

        return self._change(name, edit, make=True).version

    def delete(self, name: str, *, for_good: bool) -> None:
        if for_good:
            self._remove(name)
            return

        def edit(entry: SecretEntry | None) -> SecretEntry:
            if entry is None or entry.deleted_s is not None:
                raise SecretNotFound(name, deleted=entry is not None)
            return replace(entry, deleted_s=self._clock.wall_s())

        self._change(name, edit)

    def undelete(self, name: str) -> None:
        def edit(entry: SecretEntry | None) -> SecretEntry:
            if entry is None:
                raise SecretNotFound(name)
            return replace(entry, deleted_s=None)

        self._change(name, edit)

    def names(self, *, deleted: bool = False) -> Sequence[str]:
        with self._lock:
            self._look()
            found = ((name, self._cache.get(name)) for name in self._cache.names())
            return [name for name, entry in found if entry is not None and (deleted or entry.deleted_s is None)]

    def facts(self, name: str) -> SecretFacts:
        with self._lock:
            self._look()
            entry = self._cache.get(name)
            if entry is None:
                raise SecretNotFound(name)
            count, last_s = 0, None
            if self._tally is not None:
                self._tally.refresh()
                count, last_s = self._tally.reads.get(name, (0, None))
            return SecretFacts(
                name=name,
                version=entry.version,
                versions=tuple(kept.version for kept in entry.versions),
                created_s=entry.created_s,
                updated_s=entry.updated_s,
                access_count=entry.access_count + count,
                accessed_s=last_s or entry.accessed_s,
                expires_s=entry.expires_s,
                deleted_s=entry.deleted_s,
                policy=entry.policy,
            )

    def count_reads(self, reads: dict[str, tuple[int, float]]) -> None:
        """Do nothing: the reads are in the ledger, and are counted from there."""

    def close(self) -> None:
        with self._lock:
            self.forget()

    def forget(self) -> None:
        """Hold nothing in memory; the next read reads the file."""
        self._cache, self._stamp, self._header, self._tally = EntryCache(), None, None, None

    # ---- inside

    def _look(self) -> None:
        """Hold what is on the disk. A vault that was never there is an empty one; one that has gone is an error."""
        stamp = self.file.stamp()
        if stamp is None:
            if self._stamp is not None:
                raise VaultMissing(self.file.path)
            return
        if stamp != self._stamp:
            self._hold(self.file.load())
        elif self._tally is not None:
            self._tally.refresh()
        self._quick_reads = 0
        if self._tally is not None and self._tally.lines > MAX_LINES_BEHIND:
            self._catch_up()

    def _catch_up(self) -> None:
        """Let the vault know of the reads so far. Who reads must not fail because that cannot be now."""
        try:
            self._hold(self.file.change(lambda document: document))
        except (VaultLocked, StorageError):
            pass

    def _hold(self, loaded: Loaded) -> None:
        self._cache.fill(loaded.document)
        self._stamp, self._header, self._tally = loaded.stamp, loaded.header, loaded.tally

    def _change(
        self, name: str, edit: Callable[[SecretEntry | None], SecretEntry], *, make: bool = False
    ) -> SecretEntry:
        changed: list[SecretEntry] = []

        def apply(document: VaultDocument) -> VaultDocument:
            changed.append(edit(document.entry(name)))
            return document.with_entry(name, changed[-1])

        self._apply(name, apply, make=make)
        return changed[-1]

    def _remove(self, name: str) -> None:
        def apply(document: VaultDocument) -> VaultDocument:
            if name not in document.secrets:
                raise SecretNotFound(name)
            return document.without(name)

        self._apply(name, apply, make=False)

    def _apply(self, name: str, edit: Callable[[VaultDocument], VaultDocument], *, make: bool) -> None:
        with self._lock:
            before = self._header
            try:
                loaded = self.file.change(edit, make=make)
            except VaultMissing:
                if self._stamp is not None:
                    raise
                raise SecretNotFound(name) from None
            if before is None or (before.vault_id, before.generation + 1) != _generation(loaded.header):
                self._hold(loaded)
                return
            # Nobody has written in between: beside the one that was changed, only counts differ.
            self._cache.update(loaded.document.secrets, {name, *loaded.counted})
            self._stamp, self._header, self._tally = loaded.stamp, loaded.header, loaded.tally


def _generation(header: Header) -> tuple[str, int]:
    return header.vault_id, header.generation


def _stored(name: str, entry: SecretEntry | None, version: int | None) -> StoredSecret:
    if entry is None:
        raise SecretNotFound(name)
    return _version(name, entry, entry.get(name, version).version)


def _version(name: str, entry: SecretEntry, version: int) -> StoredSecret:
    value = next(kept.value for kept in entry.versions if kept.version == version)
    return StoredSecret(name=name, value=value, version=version, policy=entry.policy, expires_s=entry.expires_s)
