"""An executable that starts Chromium our way, for Playwright, which insists on starting its browser itself.

Knows the script and what it changes about the command line that it is given. Knows nothing of Playwright's API.
The browser's user, profile, environment and log are those of the session, as with `process.start_chromium`.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio.to_thread

from bykilt.browser.launch.arguments import SANDBOX_SWITCHES
from bykilt.browser.launch.errors import ChromiumNotStarted
from bykilt.browser.launch.failure import start_failure
from bykilt.browser.launch.janitor import clean_up
from bykilt.browser.launch.processes import read_process
from bykilt.browser.launch.profile import SessionFolder
from bykilt.browser.launch.session import Session, open_session
from bykilt.browser.launch.settings import ChromiumSettings
from bykilt.browser.sandbox.sandbox import Removal, Sandbox

_SCRIPT = """#!/bin/sh
# Starts the browser of one bykilt session; removed with it.
for argument in "$@"; do
  shift
  case $argument in
    {refused}) ;;
    --user-data-dir=*) set -- "$@" {profile} ;;
    *) set -- "$@" "$argument" ;;
  esac
done
echo $$ >{pid_file}
exec env -i {environment} {command} "$@" 2<>{log}
"""


class ChromiumWrapper:
    """The script of one session; `close` removes it with all the rest."""

    def __init__(self, session: Session, path: Path, pid_file: Path) -> None:
        self.path = path
        self.folder = session.folder
        self._session = session
        self._pid_file = pid_file

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
    def pid(self) -> int | None:
        """The first process, which with a sandbox is its warden; None before the script has run."""
        try:
            return int(self._pid_file.read_text())
        except (OSError, ValueError):
            return None

    def log_tail(self) -> str:
        """Return the last lines of what Chromium wrote to its standard error."""
        return self._session.log.tail()

    def failure(self) -> ChromiumNotStarted:
        """Return the error for a browser that did not come up."""
        pid = self.pid
        is_alive = pid is not None and read_process(pid) is not None
        return start_failure(None if is_alive else 1, self.log_tail())

    async def close(self, grace_s: float = 0.0) -> None:
        """End Chromium and every process it has made, save its log, then remove its folder."""
        await self._session.close(self.pid, grace_s)


async def prepare_wrapper(settings: ChromiumSettings, *, log_file: Path | None = None) -> ChromiumWrapper:
    """Write the script; nothing is started yet.

    Raises:
        ChromiumNotFound: There is no Chromium on this machine.
        ChromiumNotStarted: Something else is missing; nothing is left behind.
        InvalidInput: A setting is impossible.
    """
    await clean_up()
    return await anyio.to_thread.run_sync(_prepare, settings, log_file)


def _prepare(settings: ChromiumSettings, log_file: Path | None) -> ChromiumWrapper:
    session = open_session(settings, log_file)
    try:
        folder = session.folder
        _refuse_noexec(folder.root)
        path, pid_file = folder.root / "chromium", folder.root / "pid"
        path.write_text(
            _script(session.command(), folder, session.environment, pid_file, session.log.path), encoding="utf-8"
        )
        path.chmod(0o700)
        return ChromiumWrapper(session, path, pid_file)
    except BaseException:
        session.discard()
        raise


def _script(
    command: Sequence[str], folder: SessionFolder, environment: Mapping[str, str], pid_file: Path, log: str
) -> str:
    return _SCRIPT.format(
        refused="|".join(f"--{name}|--{name}=*" for name in SANDBOX_SWITCHES),
        profile=shlex.quote(f"--user-data-dir={folder.profile}"),
        pid_file=shlex.quote(str(pid_file)),
        environment=shlex.join(f"{name}={value}" for name, value in environment.items()),
        command=shlex.join(command),
        log=shlex.quote(log),
    )


def _refuse_noexec(folder: Path) -> None:
    if os.statvfs(folder).f_flag & os.ST_NOEXEC:
        raise ChromiumNotStarted(
            f"nothing may be executed in {folder.parent} (it is mounted noexec), but the Playwright engine has to",
            hint="set TMPDIR to a folder where programs may run, or use the CDP engine, which needs no such folder",
        )
