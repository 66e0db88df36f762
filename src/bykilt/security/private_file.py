"""Files that only their owner may read: opened once, checked on what was opened.

Knows modes and owners. Does not know what is in the files.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from bykilt.security.errors import KeyFileExposed, NotOurFile
from bykilt.storage.errors import explained

_OTHERS = 0o077
_WORLD = 0o007


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells whether a file is still the same one: every write makes another inode."""

    inode: int
    size: int
    modified_ns: int


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of a file; None if there is none.

    Raises:
        OSError: The folder cannot be searched.
    """
    try:
        status = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return Stamp(status.st_ino, status.st_size, status.st_mtime_ns)


def read_private(path: Path, what: str, *, max_bytes: int, group_may_read: bool = False) -> tuple[bytes, Stamp] | None:
    """Return content and stamp of a file; None if there is none. `what` it is, is for the message.

    Raises:
        KeyFileExposed: Others than its owner may read or change it.
        NotOurFile: It is no regular file, belongs to somebody else, or is too large.
        StorageError: It cannot be read.
    """
    with explained(path):
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise NotOurFile(path, f"{what} is a symbolic link") from None
            raise
        with os.fdopen(file, "rb") as stream:
            status = os.fstat(stream.fileno())
            _check(path, what, status, max_bytes, _WORLD if group_may_read else _OTHERS)
            content = stream.read(max_bytes + 1)
    return content, Stamp(status.st_ino, status.st_size, status.st_mtime_ns)


def check_folder(folder: Path, what: str) -> None:
    """Refuse a folder in which others could exchange the file.

    Raises:
        KeyFileExposed: Others may write to it.
        StorageError: It cannot be looked at.
    """
    with explained(folder):
        mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o022:
        raise KeyFileExposed(folder, mode, what)


def _check(path: Path, what: str, status: os.stat_result, max_bytes: int, forbidden: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotOurFile(path, f"{what} is no regular file")
    if status.st_uid not in (0, os.geteuid()):
        raise NotOurFile(path, f"{what} belongs to the user id {status.st_uid}")
    if status.st_mode & forbidden:
        raise KeyFileExposed(path, stat.S_IMODE(status.st_mode), what)
    if status.st_size > max_bytes:
        raise NotOurFile(path, f"{what} has {status.st_size} bytes, more than {max_bytes}")
