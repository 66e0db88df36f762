"""One running Chromium that talks over a pipe, from its start to the moment when nothing of it is left.

Knows its processes, its folder and its log. Does not speak its protocol.

    process = await start_chromium(ChromiumSettings(), log_file=run_folder / "chromium.log")
    read_fd, write_fd = process.take_pipe()     # the taker closes them
    process.on_exit(lambda status: …)
    … first command; if the pipe breaks instead: raise await process.failure() …
    await process.close(grace_s=0)
"""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import anyio.to_thread

from bykilt.browser.launch.arguments import chromium_arguments
from bykilt.browser.launch.errors import ChromiumNotStarted
from bykilt.browser.launch.exit_watch import ExitWatch, OnExit
from bykilt.browser.launch.failure import start_failure
from bykilt.browser.launch.janitor import clean_up
from bykilt.browser.launch.session import Session, open_session
from bykilt.browser.launch.settings import ChromiumSettings
from bykilt.browser.launch.spawn import Spawned, spawn
from bykilt.browser.sandbox.sandbox import Removal, Sandbox

_FAILURE_PATIENCE_S = 2.0


class ChromiumProcess:
    """A started Chromium. `close` must be called; it is safe to call more than once."""

    def __init__(self, spawned: Spawned, session: Session) -> None:
        # With a sandbox, the warden.
        self.pid = spawned.pid
        self.folder = session.folder
        self._session = session
        self._pipe: tuple[int, int] | None = (spawned.read_fd, spawned.write_fd)
        self._watch = ExitWatch(spawned.pid)

    @property
    def uid(self) -> int:
        """The user that the browser runs as."""
        return self._session.uid

    @property
    def sandbox(self) -> Sandbox | None:
        """What is around it; None without an outer sandbox."""
        return self._session.sandbox

    @property
    def sees_our_files(self) -> bool:
        """Whether the browser can read a file where it lies."""
        return self._session.sees_our_files

    @property
    def removal(self) -> Removal | None:
        """What was left of the sandbox, once it is closed."""
        return self._session.removal

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        return self._watch.status

    def on_exit(self, callback: OnExit) -> None:
        """Call back once, in the event loop, with the exit status; at once if it has ended already."""
        self._watch.on_exit(callback)

    def take_pipe(self) -> tuple[int, int]:
        """Hand over the descriptors to read from and to write to; whoever takes them closes them.

        Chromium ends by itself within a second when they are closed.
        """
        assert self._pipe is not None, "the pipe was taken already"
        pipe, self._pipe = self._pipe, None
        return pipe

    def log_tail(self) -> str:
        """Return the last lines of what Chromium wrote to its standard error."""
        return self._session.log.tail()

    async def failure(self) -> ChromiumNotStarted:
        """Return the error for a browser that broke off before it could be used.

        Waits a moment for the process to end, so that the error can say how.
        """
        with anyio.move_on_after(_FAILURE_PATIENCE_S):
            await self._watch.wait()
        return start_failure(self.exit_status, self.log_tail())

    async def close(self, grace_s: float = 0.0) -> None:
        """End Chromium and every process it has made, save its log, then remove its folder.

        Within `grace_s` seconds it may end by itself, which it does when it was told to, or when its pipe is closed.
        That matters only for a profile that is kept.
        """
        if self._pipe is not None:
            for fd in self.take_pipe():
                os.close(fd)
        await self._session.close(self.pid, grace_s)


async def start_chromium(settings: ChromiumSettings, *, log_file: Path | None = None) -> ChromiumProcess:
    """Start Chromium with its DevTools protocol on a pipe; return at once, before it has answered anything.

    A sandbox is complete only after its `complete()` and `attest()`.

    Raises:
        ChromiumNotFound: There is no Chromium on this machine.
        ChromiumNotStarted: It could not be started; nothing is left behind.
        InvalidInput: A setting is impossible.
    """
    await clean_up()
    spawned, session = await anyio.to_thread.run_sync(_start, settings, log_file)
    # No await between here and the caller: a cancelled start must not lose the process.
    return ChromiumProcess(spawned, session)


def _start(settings: ChromiumSettings, log_file: Path | None) -> tuple[Spawned, Session]:
    session = open_session(settings, log_file)
    try:
        command = session.command(chromium_arguments(settings, session.folder.profile))
        return spawn(command, session.environment, session.log.fd), session
    except BaseException:
        session.discard()
        raise
