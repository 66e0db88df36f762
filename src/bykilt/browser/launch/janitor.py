"""What sessions left behind whose owner was killed: folders, control groups, and processes that outlived it.

Knows how a dead owner is told from a living one. Runs before each start; finds nothing on a good day.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from bykilt.browser.launch.identity import FIRST_UID, LAST_UID
from bykilt.browser.launch.processes import Process, end_all, mentions, read_process
from bykilt.browser.launch.profile import EXCLUSIVE, PREFIX, is_ours, remove_folder
from bykilt.browser.sandbox.cgroups import remove_orphans

_NAME = re.compile(rf"{PREFIX}(?P<pid>\d+)-(?P<start>\d+)-(?P<uid>\d+)-(?P<exclusive>{EXCLUSIVE})?\w+")
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Leftover:
    """A session folder whose owner is dead. `uid` is the user that its browser ran as, perhaps alone."""

    root: Path
    uid: int
    is_exclusive: bool


def find_leftovers() -> list[Leftover]:
    """Return the sessions of dead owners in the temporary folder, ours only."""
    found: list[Leftover] = []
    folder = Path(tempfile.gettempdir())
    for name in os.listdir(folder):
        match = _NAME.fullmatch(name)
        if match is None or not is_ours(folder / name):
            continue
        if not _lives(int(match["pid"]), int(match["start"])):
            found.append(Leftover(folder / name, int(match["uid"]), match["exclusive"] is not None))
    return found


async def clean_up() -> list[Path]:
    """End the processes of sessions without an owner, remove their folders and control groups; return the folders."""
    leftovers = find_leftovers()
    for leftover in leftovers:
        with anyio.move_on_after(_PATIENCE_S):
            await end_all(_Belongs(leftover))
        await remove_folder(leftover.root)
    await anyio.to_thread.run_sync(remove_orphans, _lives)
    return [leftover.root for leftover in leftovers]


def _lives(pid: int, start_ticks: int) -> bool:
    owner = read_process(pid)
    return owner is not None and owner.start_ticks == start_ticks


@dataclass(frozen=True, slots=True)
class _Belongs:
    """Whether a process is of that session: by its user when that was its alone, else by its command line."""

    leftover: Leftover

    def __call__(self, process: Process) -> bool:
        if process.uid != self.leftover.uid:
            return False
        # The folder is ours, so its name can be trusted; the range is looked at all the same.
        if self.leftover.is_exclusive and FIRST_UID <= process.uid <= LAST_UID:
            return True
        return mentions(process.pid, self.leftover.root)
