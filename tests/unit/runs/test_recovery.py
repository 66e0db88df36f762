"""Runs that dead processes left: brought to their end from their files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bykilt.events.codec import encode
from bykilt.events.event_file import read_events
from bykilt.events.model import Event, Fact, Outcome, RunFinished, RunSubmitted, Warned
from bykilt.history.history import History
from bykilt.history.model import RunRecord, RunStatus
from bykilt.history.recorder import RunProjection
from bykilt.runs.ownership import Owner, known_owners
from bykilt.runs.recovery import recover
from bykilt.runs.result_file import write_request
from bykilt.storage.errors import DiskFull
from bykilt.storage.home import Home
from tests.support.history_records import (
    START_S,
    events,
    run_finished,
    run_record,
    run_started,
    step_finished,
    step_started,
)
from tests.support.small_disk import fill

SUBMITTED = RunSubmitted("orders", "orders.json", "cdp", {"q": "tea"})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make()
    return home


@pytest.fixture
def history(home: Home) -> Iterator[History]:
    history = History(home.database)
    yield history
    history.close()


def left_run(
    home: Home,
    history: History,
    *facts: Fact,
    owner: str = "dead",
    told: int | None = None,
    torn: bytes = b"",
    trace: bool = True,
) -> RunRecord:
    """Make what a run of a killed process leaves; the history was told the first `told` events (all by default)."""
    run = run_record(owner=owner)
    history.add(run)
    folder = home.run_folder(run.id)
    folder.make()
    write_request(folder, run, {"trace": trace})
    happened = events(run.id, SUBMITTED, *facts)
    folder.events.write_bytes(b"".join(map(encode, happened)) + torn)
    projection = RunProjection()
    for event in happened[:told]:
        history.save(projection.feed(event))
    return run


def seen(home: Home, run: RunRecord) -> list[Event]:
    return list(read_events(home.run_folder(run.id).events, run.id))


def write_some_trace(run_dir: Path) -> Path:
    (run_dir / "trace.zip").write_bytes(b"PK")
    return run_dir / "trace.zip"


def test_a_run_cut_off_in_the_middle_is_interrupted(home: Home, history: History) -> None:
    run = left_run(home, history, run_started(), step_started("a"), step_finished("a"), step_started("b"))

    found = recover(history, home, write_some_trace)

    assert found.ended == [run.id]
    record = history.get(run.id)
    assert record.status is RunStatus.INTERRUPTED
    assert record.failure is not None
    assert record.failure.code == "interrupted"
    assert "4711" in record.failure.message
    assert record.failed_step == "b"
    assert record.finished_s == START_S + 5
    assert record.duration_ms == 3000.0
    assert [(step.step_id, step.outcome) for step in history.steps(run.id)] == [
        ("a", "succeeded"),
        ("b", "interrupted"),
    ]


def test_the_files_of_an_interrupted_run_are_complete(home: Home, history: History) -> None:
    run = left_run(home, history, run_started(), Warned("w", "careful"), step_started("a"), torn=b'{"seq":5,"ti')

    recover(history, home, write_some_trace)

    happened = seen(home, run)
    assert [event.seq for event in happened] == [1, 2, 3, 4, 5]
    assert isinstance(happened[-1].fact, RunFinished)
    assert happened[-1].fact.outcome is Outcome.INTERRUPTED
    result = json.loads(home.run_folder(run.id).result.read_bytes())
    assert result["run"]["status"] == "interrupted"
    assert result["run"]["failed_step"] == "a"
    assert result["warnings"] == [{"code": "w", "message": "careful", "hint": ""}]
    assert result["trace"] == "trace.zip"


def test_a_run_that_waited_for_its_turn_is_interrupted_before_it_began(home: Home, history: History) -> None:
    run = left_run(home, history)

    recover(history, home, write_some_trace)

    record = history.get(run.id)
    assert record.status is RunStatus.INTERRUPTED
    assert record.failure is not None
    assert "before it began" in record.failure.message
    assert (record.duration_ms, record.started_s) == (0.0, None)
    assert not home.run_folder(run.id).trace.exists()


def test_what_the_history_had_not_been_told_is_told_from_the_file(home: Home, history: History) -> None:
    """The process was killed between the event and the commit."""
    run = left_run(home, history, run_started(), step_started("a"), step_finished("a"), told=1)
    assert history.get(run.id).status is RunStatus.QUEUED

    recover(history, home, None)

    assert history.get(run.id).started_s == START_S + 2
    assert [(step.step_id, step.outcome) for step in history.steps(run.id)] == [("a", "succeeded")]


def test_a_run_that_had_told_its_end_keeps_it(home: Home, history: History) -> None:
    """The process was killed after the last event, before the history and the result were written."""
    run = left_run(home, history, run_started(), run_finished(), told=2)

    recover(history, home, write_some_trace)

    assert history.get(run.id).status is RunStatus.SUCCEEDED
    assert len(seen(home, run)) == 3
    assert json.loads(home.run_folder(run.id).result.read_bytes())["run"]["status"] == "succeeded"


def test_a_result_that_was_written_with_its_end_is_not_written_again(home: Home, history: History) -> None:
    run = left_run(home, history, run_started(), run_finished(), told=2)
    home.run_folder(run.id).result.write_bytes(b'{"outputs": {"a": 1}}')

    recover(history, home, None)

    assert home.run_folder(run.id).result.read_bytes() == b'{"outputs": {"a": 1}}'


def test_runs_of_a_living_process_are_left_alone(home: Home, history: History) -> None:
    owner = Owner.claim(home.owners)
    run = left_run(home, history, run_started(), owner=owner.name)

    assert recover(history, home, None).ended == []
    assert history.get(run.id).status is RunStatus.RUNNING

    owner.release()
    assert recover(history, home, None).ended == [run.id]


def test_recovering_twice_changes_nothing_more(home: Home, history: History) -> None:
    run = left_run(home, history, run_started())
    recover(history, home, None)
    before = (history.get(run.id), seen(home, run))

    assert recover(history, home, None).ended == []
    assert (history.get(run.id), seen(home, run)) == before
    assert known_owners(home.owners) == frozenset()


def test_a_trace_is_written_only_if_it_was_asked_for(home: Home, history: History) -> None:
    run = left_run(home, history, run_started(), trace=False)

    recover(history, home, write_some_trace)

    assert not home.run_folder(run.id).trace.exists()


def test_a_trace_that_fails_is_a_warning_and_the_run_is_at_its_end(home: Home, history: History) -> None:
    def broken(run_dir: Path) -> Path:
        raise KeyError("a bug in the trace")

    run = left_run(home, history, run_started())

    recover(history, home, broken)

    assert history.get(run.id).status is RunStatus.INTERRUPTED
    warning = seen(home, run)[-2].fact
    assert isinstance(warning, Warned)
    assert warning.code == "trace_failed"
    assert "a bug in the trace" in home.run_folder(run.id).error_log.read_text()


def test_a_run_without_its_folder_is_at_its_end(home: Home, history: History) -> None:
    run = left_run(home, history, run_started())
    home.run_folder(run.id).remove()

    recover(history, home, write_some_trace)

    assert history.get(run.id).status is RunStatus.INTERRUPTED
    assert not home.run_folder(run.id).path.exists()


def test_a_run_without_its_events_is_at_its_end(home: Home, history: History) -> None:
    run = left_run(home, history)
    home.run_folder(run.id).events.unlink()

    recover(history, home, write_some_trace)

    assert history.get(run.id).status is RunStatus.INTERRUPTED
    assert [event.seq for event in seen(home, run)] == [1]


def test_on_a_full_disk_the_run_waits_for_the_next_start_and_the_others_go_on(small_disk: Path) -> None:
    home = Home(small_disk / "home")
    home.make()
    history = History(home.database)
    run = left_run(home, history, run_started(), *[Warned("w", "x" * 200)] * 20)
    # The line to come needs more room than the last block of the file has.
    os.truncate(home.run_folder(run.id).events, home.run_folder(run.id).events.stat().st_size // 4096 * 4096)
    fill(small_disk)

    found = recover(history, home, None)

    assert isinstance(found.failed[run.id], DiskFull)
    assert history.get(run.id).status is RunStatus.RUNNING
    assert len(known_owners(home.owners)) == 1

    (small_disk / "filler").unlink()
    assert recover(history, home, None).ended == [run.id]
    assert history.get(run.id).status is RunStatus.INTERRUPTED
    assert known_owners(home.owners) == frozenset()
    history.close()


def test_removals_that_were_cut_off_are_finished(home: Home, history: History) -> None:
    run = left_run(home, history, run_started(), run_finished())
    home.run_folder(run.id).path.rename(home.runs / f".removed-{run.id}")

    recover(history, home, None)

    assert list(home.runs.iterdir()) == []
    assert history.list_runs().runs == ()


def test_many_runs_of_many_processes_are_all_brought_to_their_end(home: Home, history: History) -> None:
    runs = [left_run(home, history, run_started(), owner=f"dead{number % 3}") for number in range(9)]

    assert set(recover(history, home, None).ended) == {run.id for run in runs}
    assert {history.get(run.id).status for run in runs} == {RunStatus.INTERRUPTED}


def test_an_empty_home_has_nothing_to_recover(home: Home, history: History) -> None:
    assert recover(history, home, write_some_trace).ended == []
