"""The processes of this machine, as /proc shows them: whose they are, and how to end them for certain.

Knows uids, sessions (in the sense of setsid) and pidfds. Knows nothing of Chromium.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio

from bykilt.browser.sandbox.process_facts import read_stat

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One living process. `start_ticks` tells it from a later one with the same pid."""

    pid: int
    uid: int
    session: int
    start_ticks: int


Belongs = Callable[[Process], bool]


def read_process(pid: int) -> Process | None:
    """Return the process, or None when it has ended, be it reaped or not.

    Source: proc(5), /proc/pid/stat and /proc/pid/status
    """
    stat = read_stat(pid)
    if stat is None or stat.state in ("Z", "X"):
        return None
    try:
        status = (_PROC / str(pid) / "status").read_text(errors="replace")
    except OSError:
        return None
    uid_line = next(part for part in status.splitlines() if part.startswith("Uid:"))
    return Process(pid=pid, uid=int(uid_line.split()[1]), session=stat.session, start_ticks=stat.start_ticks)


def mentions(pid: int, folder: Path) -> bool:
    """Return whether a process names something inside `folder` on its command line."""
    try:
        return f"{folder}/".encode() in (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return False


def living() -> Iterator[Process]:
    """Return every process there is."""
    for name in os.listdir(_PROC):
        if name.isdigit():
            process = read_process(int(name))
            if process is not None:
                yield process


def used_uids() -> set[int]:
    """Return the users that some process runs as."""
    return {process.uid for process in living()}


def own_start_ticks() -> int:
    """Return when this process started, in the kernel's clock ticks since boot."""
    process = read_process(os.getpid())
    assert process is not None
    return process.start_ticks


def open_pidfds(belongs: Belongs) -> list[int]:
    """Return descriptors of every living process that belongs; the caller closes them.

    A pid may be used again between two looks, so it is looked at once more when the descriptor is held.
    """
    found: list[int] = []
    for process in living():
        if not belongs(process):
            continue
        try:
            pidfd = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        if read_process(process.pid) == process:
            found.append(pidfd)
        else:
            os.close(pidfd)
    return found


async def end_all(belongs: Belongs, *, grace_s: float = 0.0) -> None:
    """Return once no process that belongs is left: by itself within `grace_s`, or killed.

    A process that forks while it is being killed is found by the next look.
    """
    if grace_s > 0:
        with anyio.move_on_after(grace_s):
            while pidfds := open_pidfds(belongs):
                await _until_ended(pidfds)
            return
    while pidfds := open_pidfds(belongs):
        for pidfd in pidfds:
            try:
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            except ProcessLookupError:
                pass
        await _until_ended(pidfds)


async def until_ended(pid: int | None) -> None:
    """Return once a process has ended; one whose pid is not known never was."""
    if pid is None:
        return
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    await _until_ended([pidfd])


async def _until_ended(pidfds: list[int]) -> None:
    try:
        for pidfd in pidfds:
            await anyio.wait_readable(pidfd)
    finally:
        for pidfd in pidfds:
            anyio.notify_closing(pidfd)
            os.close(pidfd)
