"""Which process carries out a run, and whether it is still alive.

Knows one locked file per process in `owners/` of the home. The kernel frees the lock when its holder dies,
however it dies; so a lock that can be taken is proof, also for a process in another container, and whoever
took it is the only one who tidies up. Does not know what a run is.

The file names pid and start time for people; neither decides anything, since numbers are used again.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bykilt.storage.atomic_file import PRIVATE_FILE
from bykilt.storage.errors import explained
from bykilt.storage.json_document import encode_json

_SUFFIX = ".lock"
_START_TIME_FIELD = 22


@dataclass(slots=True)
class Owner:
    """This process, as long as `release` has not been called."""

    name: str
    pid: int
    _path: Path
    _lock: int

    @classmethod
    def claim(cls, owners: Path) -> Owner:
        """Lock a new file in the folder and return what it stands for.

        Raises:
            StorageError: The file cannot be made.
        """
        pid = os.getpid()
        while True:
            name = f"{pid}-{secrets.token_hex(6)}"
            path = owners / (name + _SUFFIX)
            with explained(path):
                lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
                if _lock_now(lock) and _is_at(lock, path):
                    os.write(lock, encode_json({"pid": pid, "start_ticks": process_start_ticks(pid)}))
                    return cls(name, pid, path, lock)
                # Somebody took the file for left over in the instant before it was locked.
                os.close(lock)

    def release(self) -> None:
        """Remove the file. Calling it twice is fine.

        Raises:
            StorageError: It cannot be removed.
        """
        if self._lock < 0:
            return
        with explained(self._path):
            try:
                self._path.unlink(missing_ok=True)
            finally:
                os.close(self._lock)
                self._lock = -1


class Leftover:
    """What a dead process has left, held by us: nobody else tidies up after it meanwhile."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.tidied = False
        """Set it when nothing is left to do; then the file goes too."""
        self._path = path

    def end(self) -> None:
        """Remove the file if everything is tidied."""
        if self.tidied:
            self._path.unlink(missing_ok=True)


def known_owners(owners: Path) -> frozenset[str]:
    """Return the names of all processes that have a file, alive or not.

    Raises:
        StorageError: The folder cannot be read.
    """
    with explained(owners):
        return frozenset(path.name.removesuffix(_SUFFIX) for path in owners.glob("*" + _SUFFIX))


@contextmanager
def leftover_of(owners: Path, name: str) -> Iterator[Leftover | None]:
    """Hold what a dead process left for the length of the block; None if it lives or somebody else tidies up.

    Raises:
        StorageError: The file cannot be opened.
    """
    path = owners / (name + _SUFFIX)
    with explained(path):
        # A file that is gone belongs to nobody alive: it is removed by its owner, or after tidying up.
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        if not _lock_now(lock):
            yield None
            return
        leftover = Leftover(name, path)
        yield leftover
        with explained(path):
            leftover.end()
    finally:
        os.close(lock)


def process_start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None if it is gone or the system does not tell.

    Source: field 22 of /proc/PID/stat, https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name in parentheses may hold spaces and parentheses itself; the fields after it hold none.
    fields = text.rpartition(")")[2].split()
    return int(fields[_START_TIME_FIELD - 3])


def _lock_now(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(lock: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False
