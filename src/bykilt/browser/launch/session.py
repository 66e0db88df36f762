"""What one browser needs before it starts, and what has to go when it has ended; the same for both engines.

Knows the order: executable, user, folder, environment, log; and back. Does not start anything.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread

from bykilt.browser.launch.arguments import checked_extra
from bykilt.browser.launch.browser_log import BrowserLog
from bykilt.browser.launch.environment import browser_environment
from bykilt.browser.launch.executable import find_chromium
from bykilt.browser.launch.identity import Identity, owner_of, pick_identity
from bykilt.browser.launch.processes import Belongs, Process, end_all, mentions, until_ended
from bykilt.browser.launch.profile import SessionFolder, make_session_folder
from bykilt.browser.launch.profile_lock import ProfileLock
from bykilt.browser.launch.screen import screen_files
from bykilt.browser.launch.settings import ChromiumSettings
from bykilt.browser.launch.unprivileged import as_user
from bykilt.browser.sandbox.egress.upstream_proxy import UpstreamProxy
from bykilt.browser.sandbox.profile import BrowserFlavor, NetworkMode
from bykilt.browser.sandbox.sandbox import Places, Removal, Sandbox

_END_PATIENCE_S = 8.0


@dataclass
class Session:
    """One browser's belongings. `log_file` is where its log is kept at the end; `removal` is the proof of that end."""

    executable: Path
    folder: SessionFolder
    environment: dict[str, str]
    log: BrowserLog
    log_file: Path | None
    sandbox: Sandbox | None = None
    profile_lock: ProfileLock | None = None
    removal: Removal | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)

    @property
    def uid(self) -> int:
        """The user that the browser runs as."""
        return self.folder.identity.uid if self.folder.identity else os.geteuid()

    @property
    def sees_our_files(self) -> bool:
        """Whether the browser can read a file where it lies: as our own user, with no walls around it."""
        return self.folder.identity is None and self.sandbox is None

    def command(self, arguments: Sequence[str] = ()) -> list[str]:
        """Return what to start: Chromium with these arguments, inside whatever goes around it.

        Raises:
            ChromiumNotStarted: This machine cannot do it; there is no falling back to less.
        """
        program = [str(self.executable), *arguments]
        if self.sandbox is not None:
            return self.sandbox.wrap(program)
        return as_user(program, self.folder.identity)

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
                if self.sandbox is not None:
                    await self._end_sandbox(self.sandbox, pid, grace_s)
                    grace_s = 0
                await end_all(self.processes_of(pid), grace_s=grace_s)
            if self.sandbox is not None:
                self.removal = await self.sandbox.removal()
            if self.log_file is not None:
                await anyio.to_thread.run_sync(self.log.save, self.log_file)
            await self.folder.remove()
            self._give_back()

    async def _end_sandbox(self, sandbox: Sandbox, warden: int | None, grace_s: float) -> None:
        """Return once the warden has ended, and so everything below it: by itself within `grace_s`, or let go."""
        with anyio.move_on_after(grace_s):
            await until_ended(warden)
        await anyio.to_thread.run_sync(sandbox.let_go)
        await until_ended(warden)

    def discard(self) -> None:
        """Undo `open_session` when nothing was started."""
        self._closed = True
        if self.sandbox is not None:
            self.sandbox.discard()
        shutil.rmtree(self.folder.root, ignore_errors=True)
        self._give_back()

    def _give_back(self) -> None:
        self.log.close()
        if self.profile_lock is not None:
            self.profile_lock.release()
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
    flavor = settings.sandbox.browser if settings.sandbox is not None else BrowserFlavor.CHROMIUM
    executable = find_chromium(identity, flavor=flavor)
    folder = make_session_folder(identity, settings.user_data_dir)
    lock: ProfileLock | None = None
    try:
        if settings.user_data_dir is not None:
            lock = ProfileLock.take(folder.profile)
        environment = browser_environment(folder, headless=settings.headless)
        sandbox = None
        if settings.sandbox is not None and settings.sandbox.enabled:
            places = places_of(settings, folder, environment)
            sandbox = Sandbox.prepare(settings.sandbox, places, executable, environment)
        return Session(executable, folder, environment, BrowserLog(), log_file, sandbox, lock)
    except BaseException:
        if lock is not None:
            lock.release()
        shutil.rmtree(folder.root, ignore_errors=True)
        raise


def places_of(settings: ChromiumSettings, folder: SessionFolder, environment: Mapping[str, str]) -> Places:
    """Return what a sandbox of this session shows of the machine, and who is in it.

    Raises:
        ChromiumNotStarted: Its window has no screen that the sandbox could let it reach.
        InvalidInput: The address of the proxy outside makes no sense.
    """
    identity = folder.identity
    own_network = settings.sandbox is None or settings.sandbox.network is not NetworkMode.HOST
    screen = screen_files(environment, own_network=own_network)
    return Places(
        root=folder.root,
        home=folder.home,
        profile=folder.profile,
        keeps_profile=settings.user_data_dir is not None,
        uploads=folder.uploads,
        downloads=folder.downloads,
        user_id=identity.uid if identity else os.geteuid(),
        group_id=identity.gid if identity else None,
        upstream=UpstreamProxy.parse(settings.upstream) if settings.upstream is not None else None,
        sockets=screen.sockets,
        read_only=screen.passes,
    )
