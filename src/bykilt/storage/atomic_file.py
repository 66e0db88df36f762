"""Files that are either the old or the new one, never half of it, whatever is killed or cut off meanwhile.

Knows the order of write, sync and rename, and private modes. Does not know what the files mean.
Everything here waits for the disk: call it from a worker thread in async code.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bykilt.storage.errors import explained

PRIVATE_FILE = 0o600
PRIVATE_DIR = 0o700


@contextmanager
def open_atomic(path: Path, mode: int = PRIVATE_FILE) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of `path` when the block ends without an error.

    It is made beside `path` under a hidden name that starts with `.` and ends with `.new`.

    Raises:
        StorageError: It could not be written; what was at `path` is untouched.
    """
    beside = path.with_name(f".{path.name[:80]}.{secrets.token_hex(6)}.new")
    with explained(path):
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(file, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(beside, path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        sync_dir(path.parent)


def write_atomic(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> None:
    """Put `content` at `path`, on the disk when this returns.

    Raises:
        StorageError: It could not be written; what was at `path` is untouched.
    """
    with open_atomic(path, mode) as file:
        file.write(content)


def sync_dir(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk.

    Raises:
        OSError: The disk could not take them.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def make_private_dir(path: Path) -> None:
    """Make a folder for its owner alone, with its parents; one that exists is left as it is.

    Raises:
        StorageError: It could not be made, or something else is there.
    """
    with explained(path):
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=PRIVATE_DIR, exist_ok=True)
            sync_dir(folder.parent)
        if not path.is_dir():
            raise NotADirectoryError(20, "this is not a folder")
