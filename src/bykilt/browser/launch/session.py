"""What one browser needs before it starts, and what has to go when it has ended; the same for both engines.

Knows the order: executable, user, folder, environment, log; and back. Does not start anything.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread

from bykilt.browser.launch.arguments import checked_extra
from bykilt.browser.launch.browser_log import BrowserLog
from bykilt.browser.launch.environment import browser_environment
from bykilt.browser.launch.executable import find_chromium
from bykilt.browser.launch.identity import Identity, owner_of, pick_identity
from bykilt.browser.launch.processes import Belongs, Process, end_all, mentions
from bykilt.browser.launch.profile import SessionFolder, make_session_folder
from bykilt.browser.launch.settings import ChromiumSettings

_END_PATIENCE_S = 8.0


@dataclass
class Session:
    """One browser's belongings. `log_file` is where its log is kept at the end."""

    executable: Path
    folder: SessionFolder
    environment: dict[str, str]
    log: BrowserLog
    log_file: Path | None
    _closed: bool = field(default=False, init=False)

    @property
    def uid(self) -> int:
        """The user that the browser runs as."""
        return self.folder.identity.uid if self.folder.identity else os.geteuid()

    def processes_of(self, pid: int | None) -> Belongs:
        """Return how this browser's processes are told from all others; `pid` is its first one."""
        identity, root = self.folder.identity, self.folder.root
        uid, has_own_user = self.uid, identity is not None and identity.is_exclusive

        def belongs(process: Process) -> bool:
            # Some helpers of Chromium leave its session, but all that do are told a path in the folder.
            return process.uid == uid and (has_own_user or process.session == pid or mentions(process.pid, root))

        return belongs

    async def close(self, pid: int | None, grace_s: float = 0.0) -> None:
        """End what is left of the browser, save its log, remove its folder; more than once is fine."""
        if self._closed:
            return
        self._closed = True
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(grace_s + _END_PATIENCE_S):
                await end_all(self.processes_of(pid), grace_s=grace_s)
            if self.log_file is not None:
                await anyio.to_thread.run_sync(self.log.save, self.log_file)
            await self.folder.remove()
            self._give_back()

    def discard(self) -> None:
        """Undo `open_session` when nothing was started."""
        self._closed = True
        shutil.rmtree(self.folder.root, ignore_errors=True)
        self._give_back()

    def _give_back(self) -> None:
        self.log.close()
        if self.folder.identity is not None:
            self.folder.identity.release()


def open_session(settings: ChromiumSettings, log_file: Path | None) -> Session:
    """Return what a start needs; blocks for some milliseconds.

    Raises:
        ChromiumNotFound: There is no Chromium on this machine.
        ChromiumNotStarted: Something else is missing; nothing is left behind.
        InvalidInput: A setting is impossible.
    """
    checked_extra(settings.extra_args)
    profile = settings.user_data_dir
    identity = pick_identity() if profile is None else owner_of(profile)
    try:
        return _open_for(identity, settings, log_file)
    except BaseException:
        if identity is not None:
            identity.release()
        raise


def _open_for(identity: Identity | None, settings: ChromiumSettings, log_file: Path | None) -> Session:
    executable = find_chromium(identity)
    folder = make_session_folder(identity, settings.user_data_dir)
    try:
        environment = browser_environment(folder, headless=settings.headless)
        return Session(executable, folder, environment, BrowserLog(), log_file)
    except BaseException:
        shutil.rmtree(folder.root, ignore_errors=True)
        raise
