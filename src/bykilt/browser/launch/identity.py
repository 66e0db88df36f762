"""The user that a browser runs as.

Knows how an unprivileged user is picked and reserved when we are root. Does not start anything. A profile that is kept
is used as its owner, who may have other processes; otherwise the user is the session's alone.
Chromium refuses to run as root with its sandbox on, and two sessions must not reach each other: so each
session of a root process gets a user of its own, one that exists nowhere else on this machine.
"""

from __future__ import annotations

import os
import pwd
import secrets
import socket
import stat
from dataclasses import dataclass, field
from pathlib import Path

from bykilt.browser.launch.errors import ChromiumNotStarted
from bykilt.browser.launch.processes import used_uids
from bykilt.errors import InvalidInput

# The range that systemd gives to services without a user of their own; package managers leave it alone.
# Source: https://systemd.io/UIDS-GIDS/
FIRST_UID = 61184
LAST_UID = 65519


@dataclass(frozen=True)
class Identity:
    """The unprivileged user of one session. One without a reservation is somebody, not the session's alone."""

    uid: int
    gid: int
    _reservation: socket.socket | None = field(default=None, repr=False, compare=False)

    @property
    def is_exclusive(self) -> bool:
        """Whether every process of this user belongs to the session."""
        return self._reservation is not None

    def release(self) -> None:
        """Let other sessions take this user."""
        if self._reservation is not None:
            self._reservation.close()

    def blocked_at(self, path: Path, mode: int) -> Path | None:
        """Return the first folder or file on the way to `path` that this user cannot pass; None if all are open.

        `mode` is what is needed at the end: `os.R_OK`, `os.W_OK`, `os.X_OK` combined. Folders need search only.
        """
        for folder in reversed(path.parents):
            if not self._may(folder, os.X_OK):
                return folder
        return None if self._may(path, mode) else path

    def _may(self, path: Path, mode: int) -> bool:
        try:
            status = path.stat()
        except OSError:
            return False
        bits = stat.S_IMODE(status.st_mode)
        if status.st_uid == self.uid:
            bits >>= 6
        elif status.st_gid == self.gid:
            bits >>= 3
        return bits & mode == mode


def pick_identity() -> Identity | None:
    """Return a user for one session when we are root; None when we are not, and need none.

    Raises:
        ChromiumNotStarted: No user in the range is free.
    """
    if os.geteuid() != 0:
        return None
    taken = used_uids() | {entry.pw_uid for entry in pwd.getpwall()}
    free = [uid for uid in range(FIRST_UID, LAST_UID + 1) if uid not in taken]
    while free:
        uid = free.pop(secrets.randbelow(len(free)))
        reservation = _reserve(uid)
        if reservation is not None:
            return Identity(uid, uid, reservation)
    raise ChromiumNotStarted(
        f"every user id from {FIRST_UID} to {LAST_UID} is in use, so the browser has none to run as",
        hint="end other sessions, or start bykilt as an ordinary user",
    )


def owner_of(profile: Path) -> Identity | None:
    """Return the owner of a profile that is kept, when we are root: what one session writes the next must read.

    Raises:
        InvalidInput: It is no folder, or root's own.
    """
    if os.geteuid() != 0:
        return None
    try:
        status = profile.expanduser().stat()
    except OSError as error:
        raise InvalidInput(
            f"user_data_dir {profile} cannot be used: {error.strerror}",
            hint="started by root, the browser runs as the owner of the folder, so it has to be there",
        ) from error
    if status.st_uid == 0:
        raise InvalidInput(
            f"user_data_dir {profile} belongs to root, and the browser does not run as root",
            hint="give the folder to an ordinary user (chown -R), or leave user_data_dir out",
        )
    return Identity(status.st_uid, status.st_gid)


def _reserve(uid: int) -> socket.socket | None:
    """Bind a name that only one process can hold, and that the kernel frees when that process ends."""
    held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        held.bind(f"\0bykilt-uid-{uid}")
    except OSError:
        held.close()
        return None
    return held
