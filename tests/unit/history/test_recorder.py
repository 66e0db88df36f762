"""From events to records, and how records wait for the database."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import anyio
import pytest
from anyio import fail_after

from bykilt.events.model import (
    DataSaved,
    Failure,
    Outcome,
    RunFinished,
    ScreenshotTaken,
    SnapshotPhase,
    Warned,
)
from bykilt.history.history import History
from bykilt.history.model import ArtifactKind, Change, RunBegun, RunEnded, RunStatus, StepRecord
from bykilt.history.recorder import HistoryWriter, RunProjection, RunRecorder
from bykilt.ids import CallId, RunId
from bykilt.storage.errors import DiskFull
from tests.support.history_records import (
    START_S,
    events,
    run_finished,
    run_record,
    run_started,
    step_finished,
    step_started,
)

RUN = RunId("run")


def changes_of(*facts: object) -> list[Change]:
    projection = RunProjection()
    return [change for event in events(RUN, *facts) for change in projection.feed(event)]  # type: ignore[arg-type]


def steps_of(*facts: object) -> list[StepRecord]:
    """Return the last record of each step."""
    return list({c.seq: c for c in changes_of(*facts) if isinstance(c, StepRecord)}.values())


def test_a_run_begins_and_ends() -> None:
    assert changes_of(run_started(), run_finished()) == [
        RunBegun(run_id=RUN, started_s=START_S + 1, engine="cdp", step_count=2),
        RunEnded(run_id=RUN, outcome=Outcome.SUCCEEDED, finished_s=START_S + 2, duration_ms=1500.0),
    ]


def test_a_step_is_one_record_from_its_beginning_to_its_end() -> None:
    begun, done = changes_of(step_started(), step_finished())

    assert isinstance(begun, StepRecord)
    assert isinstance(done, StepRecord)
    assert begun.outcome is None
    assert (done.seq, done.outcome, done.duration_ms) == (begun.seq, Outcome.SUCCEEDED, 12.5)
    assert (done.title, done.started_s) == ("Do login", START_S + 1)


def test_each_round_of_a_loop_and_each_attempt_has_its_own_record() -> None:
    steps = steps_of(
        step_started("loop"),
        step_started("row", depth=1),
        step_finished("row"),
        step_started("row", depth=1),
        step_finished("row", Outcome.FAILED),
        step_started("row", depth=1, attempt=2),
        step_finished("row", attempt=2),
        step_finished("loop"),
    )

    assert [(step.step_id, step.seq, step.attempt, step.outcome) for step in steps] == [
        ("loop", 1, 1, "succeeded"),
        ("row", 2, 1, "succeeded"),
        ("row", 4, 1, "failed"),
        ("row", 6, 2, "succeeded"),
    ]


def test_a_skipped_step_needs_no_beginning() -> None:
    assert [(step.seq, step.outcome) for step in steps_of(step_finished("maybe", Outcome.SKIPPED))] == [(1, "skipped")]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.CANCELLED, Outcome.CANCELLED),
        (Outcome.INTERRUPTED, Outcome.INTERRUPTED),
        (Outcome.FAILED, Outcome.FAILED),
    ],
)
def test_steps_that_were_going_on_end_with_the_run(outcome: Outcome, expected: Outcome) -> None:
    steps = steps_of(step_started("loop"), step_started("row", depth=1), run_finished(outcome))

    assert [(step.step_id, step.outcome, step.duration_ms) for step in steps] == [
        ("loop", expected, 1000.0),
        ("row", expected, 0.0),
    ]


def test_an_interrupted_run_ended_with_its_last_sign_of_life() -> None:
    ended = changes_of(run_started(), step_started(), RunFinished(Outcome.INTERRUPTED, 5.0, Failure("i", "m")))[-1]

    assert isinstance(ended, RunEnded)
    assert ended.finished_s == START_S + 2


def test_files_that_steps_asked_for_are_recorded_and_pictures_of_the_trace_are_not() -> None:
    asked = ScreenshotTaken("screenshots/a.png", "image/png", 1, 1, 0.0, None)
    traced = ScreenshotTaken("trace/1.jpeg", "image/jpeg", 1, 1, 0.0, None, CallId("c"), SnapshotPhase.BEFORE)

    changes = changes_of(asked, traced, DataSaved("data/o.csv", "csv", 120, 4000), Warned("c", "m"))

    assert [(c.file, c.kind, c.format, c.records) for c in changes] == [  # type: ignore[union-attr]
        ("screenshots/a.png", ArtifactKind.SCREENSHOT, "image/png", None),
        ("data/o.csv", ArtifactKind.DATA, "csv", 120),
    ]


def test_the_step_that_began_last_is_known() -> None:
    projection = RunProjection()
    for event in events(RUN, step_started("a"), step_started("b"), step_finished("b")):
        projection.feed(event)

    assert projection.last_step == "b"


class Unreliable:
    """A database whose disk is full until the test makes room."""

    def __init__(self) -> None:
        self.full = True
        self.saved: list[Change] = []

    def save(self, changes: Iterable[Change]) -> None:
        if self.full:
            raise DiskFull(Path("/disk"))
        self.saved.extend(changes)


async def test_what_listeners_hear_is_in_the_database_after_a_flush(tmp_path: Path) -> None:
    history = History(tmp_path / "history.sqlite3")
    run = run_record()
    history.add(run)
    writer = HistoryWriter(history)
    recorder = RunRecorder(writer, run)

    with fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(writer.run)
            for event in events(run.id, run_started(), step_started(), step_finished(), run_finished()):
                recorder.on_event(event)
            recorder.release_end()
            await writer.flush()
            assert history.get(run.id).status is RunStatus.SUCCEEDED
            assert history.get(run.id) == recorder.run
            assert [step.outcome for step in history.steps(run.id)] == ["succeeded"]
            writer.close()
    history.close()


async def test_a_run_is_not_over_in_the_history_before_its_files_are_written(tmp_path: Path) -> None:
    """A kill in between would leave a run that no recovery looks at, without its result."""
    history = History(tmp_path / "history.sqlite3")
    run = run_record()
    history.add(run)
    writer = HistoryWriter(history)
    recorder = RunRecorder(writer, run)

    with fail_after(10):
        for event in events(run.id, run_started(), run_finished()):
            recorder.on_event(event)
        await writer.flush()
        assert history.get(run.id).status is RunStatus.RUNNING
        assert [unfinished.id for unfinished in history.unfinished(run.owner)] == [run.id]

        recorder.release_end()
        await writer.flush()
        assert history.get(run.id).status is RunStatus.SUCCEEDED
    history.close()


async def test_the_writer_saves_by_itself_and_what_is_left_when_it_is_closed() -> None:
    database = Unreliable()
    database.full = False
    writer = HistoryWriter(database)
    begun = RunBegun(run_id=RUN, started_s=1, engine="cdp", step_count=1)

    with fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(writer.run)
            writer.push(begun)
            writer.push(begun)
            writer.close()

    assert database.saved == [begun, begun]


async def test_a_database_that_fails_leaves_its_runs_behind_and_goes_on_later() -> None:
    """Policy: a run is told again from its file of events."""
    database = Unreliable()
    writer = HistoryWriter(database)
    begun = RunBegun(run_id=RUN, started_s=1, engine="cdp", step_count=1)

    writer.push(begun)
    await writer.flush()
    assert writer.take_behind(RUN)
    assert not writer.take_behind(RUN)

    database.full = False
    writer.push(begun)
    await writer.flush()
    assert database.saved == [begun]
    assert not writer.take_behind(RUN)


async def test_above_its_capacity_the_writer_drops_and_remembers_whose_changes_they_were() -> None:
    database = Unreliable()
    database.full = False
    writer = HistoryWriter(database, max_pending=3)
    for _ in range(3):
        writer.push(RunBegun(run_id=RunId("a"), started_s=1, engine="cdp", step_count=1))
    writer.push(RunBegun(run_id=RunId("b"), started_s=1, engine="cdp", step_count=1))

    await writer.flush()

    assert len(database.saved) == 3
    assert writer.take_behind(RunId("b"))
    assert not writer.take_behind(RunId("a"))


async def test_a_batch_is_saved_though_the_one_who_flushes_is_cancelled() -> None:
    database = Unreliable()
    database.full = False
    writer = HistoryWriter(database)
    writer.push(RunBegun(run_id=RUN, started_s=1, engine="cdp", step_count=1))

    with anyio.CancelScope() as scope:
        scope.cancel()
        await writer.flush()

    assert len(database.saved) == 1
