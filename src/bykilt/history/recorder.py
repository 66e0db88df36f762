"""From the events of a run to the records of the history.

Knows what of a run is worth a record, and how records wait for the database without holding a run up.
Does not know tables or SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Protocol

import anyio
import anyio.to_thread

from bykilt.events.model import (
    DataSaved,
    Event,
    Outcome,
    RunFinished,
    RunStarted,
    ScreenshotTaken,
    StepFinished,
    StepStarted,
)
from bykilt.history.model import (
    ArtifactKind,
    ArtifactRecord,
    Change,
    RunBegun,
    RunEnded,
    RunRecord,
    StepRecord,
    after_changes,
)
from bykilt.ids import RunId
from bykilt.storage.errors import StorageError

MAX_PENDING = 10_000
"""How many records may wait for the database."""


class ChangeSink(Protocol):
    """What the writer needs of the history."""

    def save(self, changes: Iterable[Change]) -> None: ...


class RunProjection:
    """Turns the events of one run, fed in their order, into changes. Holds the steps that are going on."""

    def __init__(self) -> None:
        self.last_step: str | None = None
        """The step that began last."""
        self._open: dict[tuple[str, str, int], StepRecord] = {}
        self._last_s = 0.0

    def feed(self, event: Event) -> list[Change]:
        """Return what the history has to save after this event."""
        changes = self._changes(event)
        self._last_s = event.wall_s
        return changes

    def _changes(self, event: Event) -> list[Change]:
        match event.fact:
            case StepStarted() as started:
                return [self._step_started(event, started)]
            case StepFinished() as finished:
                return [self._step_finished(event, finished)]
            case RunStarted(engine=engine, step_count=count):
                return [RunBegun(run_id=event.run_id, started_s=event.wall_s, engine=engine, step_count=count)]
            case RunFinished() as finished:
                return [*self._steps_cut_off(finished.outcome), self._run_ended(event, finished)]
            case ScreenshotTaken(file=file, media_type=media_type, phase=None):
                return [
                    ArtifactRecord(
                        run_id=event.run_id, seq=event.seq, file=file, kind=ArtifactKind.SCREENSHOT, format=media_type
                    )
                ]
            case DataSaved(file=file, format=format_, records=records):
                return [
                    ArtifactRecord(
                        run_id=event.run_id,
                        seq=event.seq,
                        file=file,
                        kind=ArtifactKind.DATA,
                        format=format_,
                        records=records,
                    )
                ]
            case _:
                return []

    def _step_started(self, event: Event, fact: StepStarted) -> StepRecord:
        step = StepRecord(
            run_id=event.run_id,
            seq=event.seq,
            step_id=fact.step_id,
            path=fact.path,
            title=fact.title,
            action=fact.action,
            depth=fact.depth,
            attempt=fact.attempt,
            started_s=event.wall_s,
        )
        self.last_step = fact.step_id
        self._open[fact.step_id, fact.path, fact.attempt] = step
        return step

    def _step_finished(self, event: Event, fact: StepFinished) -> StepRecord:
        step = self._open.pop((fact.step_id, fact.path, fact.attempt), None)
        if step is None:  # a step that was skipped has no beginning
            step = StepRecord(
                run_id=event.run_id,
                seq=event.seq,
                step_id=fact.step_id,
                path=fact.path,
                title="",
                action="",
                depth=0,
                attempt=fact.attempt,
                started_s=event.wall_s,
            )
        return replace(step, outcome=fact.outcome, duration_ms=fact.duration_ms, failure=fact.failure)

    def _steps_cut_off(self, outcome: Outcome) -> list[StepRecord]:
        how = outcome if outcome in (Outcome.CANCELLED, Outcome.INTERRUPTED) else Outcome.FAILED
        cut_off = [
            replace(step, outcome=how, duration_ms=max(0.0, (self._last_s - step.started_s) * 1000))
            for step in self._open.values()
        ]
        self._open.clear()
        return cut_off

    def _run_ended(self, event: Event, fact: RunFinished) -> RunEnded:
        # An interruption is noticed later than it happened: the last sign of life is the better time.
        interrupted = fact.outcome is Outcome.INTERRUPTED and self._last_s > 0
        return RunEnded(
            run_id=event.run_id,
            outcome=fact.outcome,
            finished_s=self._last_s if interrupted else event.wall_s,
            duration_ms=fact.duration_ms,
            failure=fact.failure,
            failed_step=fact.failed_step,
        )


class RunRecorder:
    """The listener of one run that tells the history.

    The end is held back until `release_end`: a run that the history calls finished is never looked at again by a
    recovery, so its files have to be there first.
    """

    def __init__(self, writer: HistoryWriter, run: RunRecord) -> None:
        self.run = run
        """The run as the history has it once everything queued is saved."""
        self._projection = RunProjection()
        self._writer = writer
        self._held_back: list[Change] = []

    @property
    def last_step(self) -> str | None:
        """The step that began last."""
        return self._projection.last_step

    def on_event(self, event: Event) -> None:
        """Queue what this event changes; never waits."""
        changes = self._projection.feed(event)
        self.run = after_changes(self.run, changes)
        for change in changes:
            if isinstance(change, RunEnded):
                self._held_back.append(change)
            else:
                self._writer.push(change)

    def release_end(self) -> None:
        """Queue the end of the run: all that its folder is to hold has been written, or cannot be."""
        held_back, self._held_back = self._held_back, []
        for change in held_back:
            self._writer.push(change)


class HistoryWriter:
    """Saves the changes of all runs of this process, together where several are waiting.

    At most `MAX_PENDING` wait. Above that, and when the database fails, changes are dropped and their run is
    remembered as `behind`: all of it can be told again from its `events.jsonl`.
    """

    def __init__(self, history: ChangeSink, *, max_pending: int = MAX_PENDING) -> None:
        self._history = history
        self._max_pending = max_pending
        self._pending: list[Change] = []
        self._behind: set[RunId] = set()
        self._saving = anyio.Lock()
        self._wanted = anyio.Event()
        self._closed = False

    def push(self, change: Change) -> None:
        """Queue a change. Never waits, never fails."""
        if len(self._pending) >= self._max_pending:
            self._behind.add(change.run_id)
            return
        self._pending.append(change)
        self._wanted.set()

    async def run(self) -> None:
        """Save what is queued, again and again, until `close`."""
        while not self._closed:
            await self._wanted.wait()
            self._wanted = anyio.Event()
            await self.flush()
        await self.flush()

    async def flush(self) -> None:
        """Return once everything queued so far is saved, or its runs are `behind`."""
        # Shielded, because a batch that was taken must not be lost to a cancellation; SQLite bounds the wait.
        with anyio.CancelScope(shield=True):
            async with self._saving:
                batch, self._pending = self._pending, []
                if batch:
                    await self._save(batch)

    def take_behind(self, run_id: RunId) -> bool:
        """Return whether changes of a run were dropped, and forget it."""
        behind = run_id in self._behind
        self._behind.discard(run_id)
        return behind

    def close(self) -> None:
        """Let `run` end after what is queued."""
        self._closed = True
        self._wanted.set()

    async def _save(self, batch: list[Change]) -> None:
        try:
            await anyio.to_thread.run_sync(partial(self._history.save, batch))
        except StorageError:
            self._behind.update(change.run_id for change in batch)
