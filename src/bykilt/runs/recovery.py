"""What dead processes have left: their unfinished runs are brought to an end, as interrupted.

Knows how a run is finished from its files alone. Done at the start of every process that opens the history, so
that a run which was submitted is never lost. Does not know browsers: what is left of those is tidied up by
`browser.launch` when the next one starts.
Everything here waits for the disk: call it from a worker thread in async code.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bykilt.clock import Clock, SystemClock
from bykilt.events.event_file import EventFile, mend, read_events
from bykilt.events.model import Event, Fact, Failure, Outcome, RunFinished, RunStarted
from bykilt.history.history import History
from bykilt.history.model import Change, RunEnded, RunRecord, RunStatus, after_changes
from bykilt.history.recorder import RunProjection
from bykilt.history.retention import finish_removals
from bykilt.ids import RunId
from bykilt.runs.failures import write_trace
from bykilt.runs.model import TraceWriter
from bykilt.runs.ownership import known_owners, leftover_of
from bykilt.runs.result_file import RunSummary, wants_trace, write_result
from bykilt.storage.errors import StorageError, explained
from bykilt.storage.home import Home
from bykilt.storage.run_folder import RunFolder

INTERRUPTED = "interrupted"


@dataclass(slots=True)
class Recovery:
    """What was found: runs that are at their end now, and those that could not be brought there yet."""

    ended: list[RunId] = field(default_factory=list)
    failed: dict[RunId, StorageError] = field(default_factory=dict)


def recover(history: History, home: Home, traces: TraceWriter | None, clock: Clock | None = None) -> Recovery:
    """Bring the runs of dead processes to their end, and finish removals that were cut off.

    Every such run gets its last event, its `result.json` and, if it was asked for, its trace. What fails, for
    instance because the disk is full, is tried again at the next start. Two processes may do this at once.

    Raises:
        StorageError: The history or the home cannot be read.
    """
    finish_removals(history, home)
    found = Recovery()
    for name in sorted(known_owners(home.owners) | history.owners_of_unfinished()):
        with leftover_of(home.owners, name) as leftover:
            if leftover is None:
                continue
            leftover.tidied = True
            for run in history.unfinished(name):
                try:
                    _finish(run, history, home.run_folder(run.id), traces, clock or SystemClock())
                    found.ended.append(run.id)
                except StorageError as error:
                    leftover.tidied = False
                    found.failed[run.id] = error
    return found


class _Retold:
    """A run as its event file tells it, and its end."""

    def __init__(self, run: RunRecord, folder: RunFolder) -> None:
        self.run = run
        self.summary = RunSummary()
        self.changes: list[Change] = []
        self.last_seq = 0
        self.last_s = run.submitted_s
        self.started_s: float | None = None
        self.end: RunFinished | None = None
        self._projection = RunProjection()
        with explained(folder.events):
            mend(folder.events)
            if folder.events.exists():
                for event in read_events(folder.events, run.id):
                    self.on_event(event)

    def on_event(self, event: Event) -> None:
        self.summary.on_event(event)
        self.changes.extend(self._projection.feed(event))
        self.last_seq = event.seq
        if isinstance(event.fact, RunFinished):
            self.end = event.fact
            return
        self.last_s = event.wall_s
        if isinstance(event.fact, RunStarted):
            self.started_s = event.wall_s

    @property
    def last_step(self) -> str | None:
        return self._projection.last_step

    @property
    def duration_ms(self) -> float:
        return 0.0 if self.started_s is None else max(0.0, self.last_s - self.started_s) * 1000


def _finish(run: RunRecord, history: History, folder: RunFolder, traces: TraceWriter | None, clock: Clock) -> None:
    if not folder.path.is_dir():
        # Somebody removed the files of the run; all that can be told is that it is over.
        history.save([_end_without_files(run)])
        return
    # In this order, so that whatever a kill or a full disk leaves undone is seen and done at the next start.
    retold = _Retold(run, folder)
    was_told = retold.end is not None
    if not was_told:
        _tell_the_end(retold, folder, traces, clock)
    if not (was_told and folder.result.exists()):
        write_result(folder, after_changes(run, retold.changes), retold.summary, {})
    history.save(retold.changes)


def _tell_the_end(retold: _Retold, folder: RunFolder, traces: TraceWriter | None, clock: Clock) -> None:
    run = retold.run
    file = EventFile(folder.events)

    def tell(fact: Fact) -> None:
        event = Event(run.id, retold.last_seq + 1, round(clock.wall_s(), 6), fact)
        file.on_event(event)
        retold.on_event(event)

    with explained(folder.events):
        try:
            if traces is not None and wants_trace(folder) and retold.started_s is not None:
                warning = write_trace(traces, folder, clock.wall_s())
                if warning is not None:
                    tell(warning)
            tell(RunFinished(Outcome.INTERRUPTED, retold.duration_ms, _interruption(run), retold.last_step))
        finally:
            file.close()


def _interruption(run: RunRecord) -> Failure:
    where = "before it began" if run.status is RunStatus.QUEUED else "in the middle of it"
    return Failure(
        INTERRUPTED,
        f"the process that carried the run out ({run.owner_pid}) ended {where}",
        "a kill, a lost session or a reboot is the usual cause; run the flow again",
    )


def _end_without_files(run: RunRecord) -> RunEnded:
    return RunEnded(
        run_id=run.id,
        outcome=Outcome.INTERRUPTED,
        finished_s=run.started_s or run.submitted_s,
        duration_ms=0.0,
        failure=_interruption(run),
    )
