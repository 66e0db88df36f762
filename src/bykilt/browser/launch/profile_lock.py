"""A profile that is kept belongs to one browser at a time: the lock on its folder, and who holds it.

Knows flock(2) and how Chromium marks a profile that it uses. The kernel lets the lock go when its last holder ends,
however it ends. The holders are bykilt and, with a sandbox, its warden, which outlives the browser; so they share it:
whoever wants to start takes it alone, and only then shares it with the warden that follows.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import socket
import time
from pathlib import Path

from bykilt.browser.launch.errors import ChromiumNotStarted
from bykilt.browser.launch.processes import read_process
from bykilt.browser.sandbox.bubblewrap import HOST_NAME
from bykilt.errors import InvalidInput

# A warden whose bykilt was killed is gone within some tenths of a second.
_PATIENCE_S = 1.0
# What Chromium makes first in a profile.
_OF_A_PROFILE = frozenset({"Local State", "Default", "First Run", "SingletonLock", "Last Version"})
_SINGLETON = ("SingletonLock", "SingletonSocket", "SingletonCookie")
# Source: proc_locks(5)
_LOCK_LINE = re.compile(r"\d+: FLOCK +\S+ +\S+ +(?P<pid>\d+) +\S+:(?P<inode>\d+) .*")


class ProfileLock:
    """The lock on one folder, held by this process until `release`."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def take(cls, profile: Path) -> ProfileLock:
        """Return the lock on a profile. Waits for a second at most: call it from a worker thread.

        Raises:
            ChromiumNotStarted: Somebody else uses the profile; the message says who.
            InvalidInput: The folder holds something else than a profile.
        """
        fd = os.open(profile, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _lock_alone(fd, profile)
            _refuse_other_files(fd, profile)
            _clear_marks(fd, profile)
            # Not in one step: if somebody comes in between, it is theirs, and the next line says so.
            _lock(fd, profile, fcntl.LOCK_SH)
        except BaseException:
            os.close(fd)
            raise
        return cls(fd)

    def release(self) -> None:
        """Let the next one use it; twice is fine."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _lock_alone(fd: int, profile: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            _lock(fd, profile, fcntl.LOCK_EX)
            return
        except ChromiumNotStarted:
            if not _one_ends(holders_of(fd), deadline - time.monotonic()):
                raise


def _lock(fd: int, profile: Path, kind: int) -> None:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ChromiumNotStarted(
            f"the profile {profile} is in use by {_named(holders_of(fd))}",
            hint="wait for its end, or use another user_data_dir: two browsers at once would destroy it",
        ) from None
    except OSError as error:
        raise ChromiumNotStarted(
            f"the profile {profile} cannot be locked: {error.strerror}",
            hint="use a folder on a file system of this machine",
        ) from error


def holders_of(fd: int) -> list[int]:
    """Return the processes that have locked a folder, as far as they can be seen from here."""
    inode = os.fstat(fd).st_ino
    found: list[int] = []
    for line in Path("/proc/locks").read_text().splitlines():
        lock = _LOCK_LINE.fullmatch(line)
        if lock is not None and int(lock["inode"]) == inode:
            found.append(int(lock["pid"]))
    return found


def _named(holders: list[int]) -> str:
    """Return who holds it. No arguments are shown: they may hold a password."""
    names: list[str] = []
    for pid in sorted(holders):
        try:
            names.append(f"process {pid} ({Path(f'/proc/{pid}/comm').read_text().strip()})")
        except OSError:
            continue
    return " and ".join(names) or "another process of this machine"


def _one_ends(pids: list[int], patience_s: float) -> bool:
    """Return whether one of these processes ended within so many seconds, or had ended already."""
    poll = select.poll()
    pidfds: list[int] = []
    try:
        for pid in pids:
            try:
                pidfds.append(os.pidfd_open(pid))
            except ProcessLookupError:
                return patience_s > 0
            poll.register(pidfds[-1], select.POLLIN)
        return bool(pidfds) and bool(poll.poll(max(0.0, patience_s) * 1000))
    finally:
        for pidfd in pidfds:
            os.close(pidfd)


def _refuse_other_files(fd: int, profile: Path) -> None:
    """The browser may change whatever is in there: a folder with other files was not meant."""
    names = set(os.listdir(fd))
    if names and not names & _OF_A_PROFILE:
        raise InvalidInput(
            f"user_data_dir {profile} holds other files than a profile of Chromium ({min(names)!r})",
            hint="choose an empty folder, which the browser may fill",
        )


def _clear_marks(fd: int, profile: Path) -> None:
    """Remove the mark of a browser that is gone: of ours for certain, since we hold the lock."""
    try:
        host, _, pid = os.readlink("SingletonLock", dir_fd=fd).rpartition("-")
    except OSError:
        return
    is_here = host == socket.gethostname()
    if host != HOST_NAME and not (is_here and pid.isdigit() and read_process(int(pid)) is None):
        who = f"process {pid} of this machine" if is_here else f"a browser on {host!r}"
        raise ChromiumNotStarted(
            f"the profile {profile} is in use by {who}",
            hint="end that browser, or use another user_data_dir; if it is gone, remove SingletonLock from the folder",
        )
    for name in _SINGLETON:
        try:
            os.unlink(name, dir_fd=fd)
        except FileNotFoundError:
            continue
