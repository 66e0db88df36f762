"""The folder of one session: Chromium's profile, its home, downloads, and files on their way into the page.

Knows who may write where, and how the folder is removed although Chromium may still be dying.
Does not know what Chromium keeps in there.

The folder itself belongs to us, so that the browser's user cannot put a link in the way of what we write;
only what Chromium must write belongs to that user.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from bykilt.browser.launch.errors import ChromiumNotStarted
from bykilt.browser.launch.identity import Identity
from bykilt.browser.launch.processes import own_start_ticks
from bykilt.errors import InvalidInput

PREFIX = "bykilt-session-"
# In the name of a folder whose user is the session's alone.
EXCLUSIVE = "own-"
_REMOVE_PATIENCE_S = 5.0
_FIRST_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class SessionFolder:
    """`root` and what is in it. `profile` may lie elsewhere, when the caller brought one."""

    root: Path
    profile: Path
    identity: Identity | None

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def downloads(self) -> Path:
        return self.root / "downloads"

    @property
    def uploads(self) -> Path:
        return self.root / "uploads"

    def stage_upload(self, source: Path, place: str) -> Path:
        """Copy a file to where the browser can read it, under its own name; `place` keeps equal names apart.

        Raises:
            OSError: It cannot be read, or there is no room.
        """
        folder = self.uploads / place
        folder.mkdir(mode=0o750, exist_ok=True)
        self._lend(folder)
        target = folder / source.name
        shutil.copyfile(source, target)
        target.chmod(0o640)
        self._lend(target)
        return target

    def _lend(self, path: Path) -> None:
        """Let the browser's user read, not write."""
        if self.identity is not None:
            os.chown(path, -1, self.identity.gid)

    async def remove(self) -> None:
        """Remove it all, except a profile that the caller brought. Never fails: what stays, the janitor finds."""
        await remove_folder(self.root)


def make_session_folder(identity: Identity | None, user_data_dir: Path | None = None) -> SessionFolder:
    """Make the folder below the system's temporary folder.

    Raises:
        InvalidInput: `user_data_dir` cannot be used by the user that the browser runs as.
        ChromiumNotStarted: The temporary folder cannot.
    """
    name = f"{PREFIX}{os.getpid()}-{own_start_ticks()}-{identity.uid if identity else os.geteuid()}-"
    if identity is not None and identity.is_exclusive:
        name += EXCLUSIVE
    root = Path(tempfile.mkdtemp(prefix=name))
    try:
        _open_to(root, identity)
        for part in ("home", "downloads", "profile"):
            _give(root / part, identity)
        (root / "uploads").mkdir(mode=0o750)
        if identity is not None:
            os.chown(root / "uploads", -1, identity.gid)
        profile = root / "profile" if user_data_dir is None else _checked_profile(user_data_dir, identity)
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    return SessionFolder(root=root, profile=profile, identity=identity)


def _open_to(root: Path, identity: Identity | None) -> None:
    if identity is None:
        return
    os.chown(root, -1, identity.gid)
    root.chmod(0o750)
    blocked = identity.blocked_at(root, os.X_OK)
    if blocked is not None:
        raise ChromiumNotStarted(
            f"the temporary folder cannot be used: {blocked} is closed to the unprivileged user of the browser",
            hint="set TMPDIR to a folder that every user can pass, such as /tmp",
        )


def _give(path: Path, identity: Identity | None) -> None:
    path.mkdir(mode=0o700)
    if identity is not None:
        os.chown(path, identity.uid, identity.gid)


def _checked_profile(path: Path, identity: Identity | None) -> Path:
    path = path.expanduser().absolute()
    if identity is None:
        path.mkdir(parents=True, exist_ok=True)
        if not (path.is_dir() and os.access(path, os.R_OK | os.W_OK | os.X_OK)):
            raise InvalidInput(f"user_data_dir {path} cannot be written to", hint="choose a folder that is yours")
        return path
    if not path.is_dir():
        raise InvalidInput(
            f"user_data_dir {path} is not a folder",
            hint="started by root, the browser runs as another user and uses an existing folder only",
        )
    blocked = identity.blocked_at(path, os.R_OK | os.W_OK | os.X_OK)
    if blocked is not None:
        raise InvalidInput(
            f"user_data_dir {path} cannot be used: the unprivileged user that runs the browser may not use {blocked}",
            hint="start bykilt as the owner of that folder instead of as root, or leave user_data_dir out",
        )
    return path


async def remove_folder(root: Path) -> None:
    """Remove a folder and all in it, trying again for a few seconds while a dying process still writes there."""
    pause_s = _FIRST_PAUSE_S
    with anyio.move_on_after(_REMOVE_PATIENCE_S):
        while not await anyio.to_thread.run_sync(_removed, root):
            await anyio.sleep(pause_s)
            pause_s *= 2


def _removed(root: Path) -> bool:
    shutil.rmtree(root, ignore_errors=True)
    return not os.path.lexists(root)


def is_ours(root: Path) -> bool:
    """Return whether a folder with our name is really ours: others may make names like that in /tmp too."""
    try:
        status = root.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
