"""Runs that something terrible happens to, and what may be left of them: nothing but their record.

Knows how to start a run of an engine in a home of its own, to find its processes, and to look for what it
left. Knows no catastrophe.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import anyio

from bykilt.app import App
from bykilt.browser.engine.browser_engine import EngineType, LaunchContext
from bykilt.browser.launch.processes import Process, read_process
from bykilt.browser.launch.profile import PREFIX
from bykilt.events.event_file import read_events
from bykilt.events.model import BrowserStarted, Event, Fact, RunFinished
from bykilt.flows.loader import load_flow_text
from bykilt.history.model import RunRecord, RunStatus
from bykilt.ids import RunId
from bykilt.runs.model import RunRequest
from bykilt.runs.service import RunService
from bykilt.settings import Settings
from tests.support.engines import processes_of, site_launch

F = TypeVar("F")

_GONE_WITHIN_S = 10.0


@dataclass
class DoomedRun:
    """A run while it goes on, and after."""

    app: App
    service: RunService
    run_id: RunId
    _events: AsyncIterator[Event]
    _before: frozenset[str]
    _heard: list[Fact] = field(default_factory=list)
    _browser: BrowserStarted | None = None

    async def until(self, kind: type[F], fits: Callable[[F], bool] = lambda _: True) -> F:
        """Return the next fact of a kind that fits, waiting for it."""
        async for event in self._events:
            self._heard.append(event.fact)
            if isinstance(event.fact, kind) and fits(event.fact):
                return event.fact
        raise AssertionError(f"the run ended before {kind.__name__}: {self._heard[-3:]}")

    async def browser(self) -> BrowserStarted:
        """Return the run's browser, waiting until it has started."""
        if self._browser is None:
            self._browser = await self.until(BrowserStarted)
        return self._browser

    async def processes(self) -> list[Process]:
        """Return the living processes of the run's browser."""
        return processes_of(await self.browser())

    async def kill(self, marker: str = "", number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to the browser's first process, or to each that has `marker` on its command line."""
        browser = await self.browser()
        victims = [p.pid for p in await self.processes() if marker in command_line(p.pid)] if marker else [browser.pid]
        for pid in victims:
            assert pid is not None
            os.kill(pid, number)
        return len(victims)

    async def end(self) -> RunRecord:
        """Return the run once it has ended, having checked that its record is whole and nothing else is left."""
        record = await self.service.wait(self.run_id)
        self._check_record(record)
        await self._check_nothing_is_left()
        return record

    def _check_record(self, record: RunRecord) -> None:
        folder = self.app.home.run_folder(self.run_id)
        events = list(read_events(folder.events, self.run_id))
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        last = events[-1].fact
        assert isinstance(last, RunFinished)
        assert (RunStatus(last.outcome), last.failure) == (record.status, record.failure)
        with self.app.history() as history:
            assert history.get(self.run_id) == record
            assert all(step.outcome is not None for step in history.steps(self.run_id))
        assert json.loads(folder.result.read_bytes())["run"]["status"] == record.status
        assert folder.trace.is_file()
        assert not folder.error_log.exists(), folder.error_log.read_text()

    async def _check_nothing_is_left(self) -> None:
        # A killed process needs a moment until the kernel has buried it.
        with anyio.move_on_after(_GONE_WITHIN_S):
            while self._left():
                await anyio.lowlevel.checkpoint()
                await _one_of_them_ends(self._left())
        assert self._left() == []
        assert session_folders() == self._before

    def _left(self) -> list[Process]:
        left = [] if self._browser is None else processes_of(self._browser)
        return left + [child for child in children() if "playwright" in command_line(child.pid)]


@asynccontextmanager
async def doomed_run(
    home: Path,
    engine: EngineType,
    steps: Sequence[dict[str, Any]],
    *,
    timeout_s: float,
    launch: LaunchContext | None = None,
) -> AsyncIterator[DoomedRun]:
    """Start a run of these steps; in the block the catastrophe happens."""
    app = App(Settings(home=home))
    flow = load_flow_text(json.dumps({"bykilt": 1, "name": "doomed", "steps": list(steps)}), "doomed.json")
    before = session_folders()
    async with app.run_service() as service:
        run_id = await service.submit(
            RunRequest(flow=flow, engine=engine, timeout_s=timeout_s, launch=launch or site_launch())
        )
        yield DoomedRun(app, service, run_id, service.subscribe(run_id), before)


def session_folders() -> frozenset[str]:
    """Return the folders with browsers' profiles that there are now."""
    return frozenset(name for name in os.listdir(tempfile.gettempdir()) if name.startswith(f"{PREFIX}{os.getpid()}-"))


def command_line(pid: int) -> str:
    """Return how a process was started; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def children() -> list[Process]:
    """Return the living children of this process."""
    pids = {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}
    return [process for pid in pids if (process := read_process(pid)) is not None]


async def _one_of_them_ends(processes: list[Process]) -> None:
    for process in processes:
        try:
            pidfd = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return
        try:
            await anyio.wait_readable(pidfd)
        finally:
            anyio.notify_closing(pidfd)
            os.close(pidfd)
