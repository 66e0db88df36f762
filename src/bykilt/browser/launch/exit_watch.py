"""Learning at once that a child has ended. Knows pidfds and the event loop; nothing of what the child was.

Plain asyncio: a callback of the loop needs no task, so a browser's end is heard also while nobody waits for it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import anyio

OnExit = Callable[[int], None]


class ExitWatch:
    """Watches one child, reaps it, and tells its exit status: negative is the signal that killed it."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._pidfd = os.pidfd_open(pid)
        self._status: int | None = None
        self._ended = anyio.Event()
        self._callbacks: list[OnExit] = []
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._pidfd, self._reap)

    @property
    def status(self) -> int | None:
        """The exit status; None while it lives."""
        return self._status

    def on_exit(self, callback: OnExit) -> None:
        """Call back once with the exit status: when the child ends, or now if it has."""
        if self._status is not None:
            callback(self._status)
        else:
            self._callbacks.append(callback)

    async def wait(self) -> int:
        """Return the exit status once the child has ended."""
        await self._ended.wait()
        assert self._status is not None
        return self._status

    def _reap(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        try:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        except ChildProcessError:
            # Somebody else's waitpid(-1) got it first; how it ended is not known.
            self._status = 0
        self._ended.set()
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self._status)
