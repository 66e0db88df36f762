"""What the history remembers: records of runs, of their steps, and of the files they left.

Knows the shape of the records and how runs are asked for. Does not know the database (`tables`).
Times ending in `_s` are seconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from bykilt.errors import InvalidInput
from bykilt.events.model import Failure, Outcome
from bykilt.ids import RunId
from bykilt.json_types import JsonObject


class RunStatus(StrEnum):
    """Where a run is: not begun, going on, or ended in one of four ways."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the run."""
        return self not in UNFINISHED


UNFINISHED = frozenset({RunStatus.QUEUED, RunStatus.RUNNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run. `owner` names the process that carries it out (`bykilt.runs.ownership`)."""

    id: RunId
    flow: str
    source: str
    engine: str
    params: JsonObject
    status: RunStatus
    submitted_s: float
    started_s: float | None = None
    finished_s: float | None = None
    duration_ms: float | None = None
    failure: Failure | None = None
    failed_step: str | None = None
    step_count: int = 0
    owner: str = ""
    owner_pid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One attempt at one step; a step in a loop has one record per round. `outcome` is None while it goes on.

    `seq` is the number of the event that it began with, so records sort by it.
    """

    run_id: RunId
    seq: int
    step_id: str
    path: str
    title: str
    action: str
    depth: int
    attempt: int
    started_s: float
    outcome: Outcome | None = None
    duration_ms: float | None = None
    failure: Failure | None = None


class ArtifactKind(StrEnum):
    """What a file of a run is for."""

    SCREENSHOT = "screenshot"
    DATA = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRecord:
    """A file that a step asked for, by its name in the run folder. `format` is a media type, or json or csv."""

    run_id: RunId
    seq: int
    file: str
    kind: ArtifactKind
    format: str
    records: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBegun:
    """A run has left the queue."""

    run_id: RunId
    started_s: float
    engine: str
    step_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """A run has come to its end. The first end that is saved stays."""

    run_id: RunId
    outcome: Outcome
    finished_s: float
    duration_ms: float
    failure: Failure | None = None
    failed_step: str | None = None


Change: TypeAlias = RunBegun | RunEnded | StepRecord | ArtifactRecord
"""What the history saves while a run goes on. A step saved again replaces its earlier record."""


def after_changes(run: RunRecord, changes: Iterable[Change]) -> RunRecord:
    """Return a run as the history has it once these changes are saved."""
    for change in changes:
        match change:
            case RunBegun() if run.status is RunStatus.QUEUED:
                run = replace(
                    run,
                    status=RunStatus.RUNNING,
                    started_s=change.started_s,
                    engine=change.engine,
                    step_count=change.step_count,
                )
            case RunEnded() if not run.status.is_final:
                run = replace(
                    run,
                    status=RunStatus(change.outcome),
                    finished_s=change.finished_s,
                    duration_ms=change.duration_ms,
                    failure=change.failure,
                    failed_step=change.failed_step,
                )
    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs are asked for; what is left out does not matter."""

    status: frozenset[RunStatus] = frozenset()
    flow: str | None = None
    engine: str | None = None
    since_s: float | None = None


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some runs, latest first. `next_before` is what to ask for next; None when these were the last."""

    runs: tuple[RunRecord, ...]
    next_before: RunId | None


class UnknownRun(InvalidInput):
    code = "unknown_run"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is no run {name!r}",
            hint="`bykilt runs list` shows the runs; the first letters of an id, or `latest`, are enough",
        )


class AmbiguousRun(InvalidInput):
    code = "ambiguous_run"

    def __init__(self, name: str, candidates: tuple[RunId, ...]) -> None:
        super().__init__(
            f"several runs begin with {name!r}: {', '.join(candidates)}", hint="give more letters of the id"
        )
        self.candidates = candidates


class RunNotFinished(InvalidInput):
    code = "run_not_finished"

    def __init__(self, run_id: RunId, status: RunStatus, pid: int) -> None:
        super().__init__(
            f"run {run_id} is {status} in process {pid}", hint="wait for its end, or end it with Ctrl-C there"
        )
