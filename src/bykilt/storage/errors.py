"""Every way that keeping things can fail, and how the system's errors become ours.

Knows the codes and the wording. Does not know what is kept.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bykilt.errors import BykiltError, ExitCode, InvalidInput


class StorageError(BykiltError):
    """Something could not be written or read where bykilt keeps things."""

    code = "storage_failed"
    exit_code = ExitCode.MISSING_CAPABILITY


class DiskFull(StorageError):
    code = "disk_full"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"no room left on the disk of {path}",
            hint="free some space; `bykilt runs delete` removes old runs with their files",
        )


class NotWritable(StorageError):
    code = "not_writable"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be used: {reason}", hint="check its owner and mode, or set BYKILT_HOME")


class DatabaseBusy(StorageError):
    code = "database_busy"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} was locked by another process for too long",
            hint="look for a stopped bykilt process (fg, or kill it); the lock ends with it",
        )


class DatabaseDamaged(StorageError):
    code = "database_damaged"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} is not a readable database: {reason}",
            hint="move it away to start a new one; the run folders beside it stay as they are",
        )


class NewerDatabase(StorageError):
    code = "newer_database"

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"{path} has format {found}; this version of bykilt knows up to {known}",
            hint="use the newer bykilt that wrote it, or another BYKILT_HOME",
        )


class UnsafePath(InvalidInput):
    """A name leads out of the folder that it must stay in."""

    code = "unsafe_path"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name!r} cannot be used as a file name here: {reason}", hint="use a relative path")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the system's and SQLite's errors inside the block into a `StorageError` about `path`."""
    try:
        yield
    except OSError as error:
        raise _from_system(error, path) from error
    except sqlite3.Error as error:
        raise _from_sqlite(error, path) from error


def _from_system(error: OSError, path: Path) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(path)
    reason = error.strerror or str(error)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        return NotWritable(path, reason)
    return StorageError(f"{path}: {reason}", hint="check the disk and the path")


def _from_sqlite(error: sqlite3.Error, path: Path) -> StorageError:
    # Extended codes carry the primary code in their low byte: https://www.sqlite.org/rescode.html
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return DiskFull(path)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return DatabaseBusy(path)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return DatabaseDamaged(path, str(error))
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return NotWritable(path, str(error))
        case _:
            return StorageError(f"{path}: {error}", hint="check the disk; `bykilt doctor` tells more")
