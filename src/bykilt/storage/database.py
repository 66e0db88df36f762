"""A SQLite file that several threads and processes use at once.

Knows connections, transactions, waiting for other processes, and how an older file is brought up to date.
Does not know any table. Everything here waits for the disk: call it from a worker thread in async code.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from bykilt.storage.atomic_file import PRIVATE_FILE
from bykilt.storage.errors import NewerDatabase, explained

T = TypeVar("T")

BUSY_TIMEOUT_S = 15.0


class Database:
    """One file, opened twice: a connection that writes and one that reads, each used by one thread at a time.

    With write-ahead logging readers see the last commit and never wait for a writer; writers of all processes
    take turns. A commit is on the disk when `write` returns.
    """

    def __init__(self, path: Path, migrations: Sequence[str], *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        """Open the file, made with mode 0600, and bring it to the format that the last migration ends with.

        Migration number n (from 1) brings format n - 1 to n; it is one or more SQL statements.

        Raises:
            StorageError: It cannot be opened, is no database, or a newer version wrote it (`NewerDatabase`).
        """
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        with explained(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
            with _one_process_at_a_time(path):
                self._writer = self._connect()
                try:
                    _migrate(self._writer, path, migrations)
                    self._reader = self._connect()
                except BaseException:
                    self._writer.close()
                    raise
            self._reader.execute("PRAGMA query_only = ON")

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` in one transaction; it is on the disk when this returns, or nothing of it happened.

        Raises:
            StorageError: The disk is full, another process holds the lock too long, …
        """
        with self._write_lock, explained(self.path):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._writer)
                self._writer.execute("COMMIT")
            except BaseException:
                # SQLite ends the transaction by itself after some errors, a full disk among them.
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            return result

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` on one unchanging view of what is committed.

        Raises:
            StorageError: The file cannot be read.
        """
        with self._read_lock, explained(self.path):
            self._reader.execute("BEGIN")
            try:
                return work(self._reader)
            finally:
                if self._reader.in_transaction:
                    self._reader.execute("ROLLBACK")

    def close(self) -> None:
        """Close both connections once their users are done. Calling it twice is fine."""
        with self._write_lock, self._read_lock:
            self._reader.close()
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=self._busy_timeout_s,
            isolation_level=None,  # transactions are begun and ended above, in plain sight
            check_same_thread=False,  # the locks above see to it
        )
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
        return connection


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > len(migrations):
        raise NewerDatabase(path, found, len(migrations))
    for version in range(found, len(migrations)):
        # One script, one transaction: a migration that is cut off has not happened.
        script = f"BEGIN IMMEDIATE;\n{migrations[version]};\nPRAGMA user_version = {version + 1};\nCOMMIT;"
        try:
            connection.executescript(script)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def _one_process_at_a_time(path: Path) -> Iterator[None]:
    # Changing the journal mode does not wait for other processes; this lock does, and ends with its holder.
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
