"""The history: what is saved, what can be asked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bykilt.events.model import Failure, Outcome
from bykilt.history.history import History
from bykilt.history.model import (
    AmbiguousRun,
    ArtifactKind,
    ArtifactRecord,
    RunBegun,
    RunEnded,
    RunFilter,
    RunNotFinished,
    RunRecord,
    RunStatus,
    StepRecord,
    UnknownRun,
)
from bykilt.ids import RunId
from tests.support.history_records import START_S, run_record


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    history = History(tmp_path / "history.sqlite3")
    yield history
    history.close()


def ended(run: RunRecord, outcome: Outcome = Outcome.SUCCEEDED, failure: Failure | None = None) -> RunEnded:
    return RunEnded(run_id=run.id, outcome=outcome, finished_s=START_S + 9, duration_ms=8000, failure=failure)


def step(run: RunRecord, seq: int = 3) -> StepRecord:
    return StepRecord(
        run_id=run.id,
        seq=seq,
        step_id="login",
        path="/steps/0",
        title="Log in",
        action="fill",
        depth=0,
        attempt=1,
        started_s=START_S + 2,
    )


def test_a_run_comes_back_as_it_was_added(history: History) -> None:
    run = run_record()
    history.add(run)

    assert history.get(run.id) == run


def test_a_run_goes_from_queued_to_running_to_its_end(history: History) -> None:
    run = run_record()
    history.add(run)
    history.save([RunBegun(run_id=run.id, started_s=START_S + 1, engine="cdp", step_count=7)])

    running = history.get(run.id)
    assert (running.status, running.started_s, running.step_count) == (RunStatus.RUNNING, START_S + 1, 7)

    failure = Failure("element_not_found", "no element", "look again")
    history.save([RunEnded(run_id=run.id, outcome=Outcome.FAILED, finished_s=START_S + 9, duration_ms=8000.5,
                           failure=failure, failed_step="login")])  # fmt: skip
    failed = history.get(run.id)
    assert failed.status is RunStatus.FAILED
    assert failed.status.is_final
    assert (failed.finished_s, failed.duration_ms) == (START_S + 9, 8000.5)
    assert (failed.failure, failed.failed_step) == (failure, "login")


def test_the_first_end_of_a_run_stays(history: History) -> None:
    """A recovery that comes late changes nothing."""
    run = run_record()
    history.add(run)
    history.save([ended(run)])
    history.save([ended(run, Outcome.INTERRUPTED, Failure("interrupted", "gone"))])
    history.save([RunBegun(run_id=run.id, started_s=START_S + 20, engine="cdp", step_count=7)])

    assert history.get(run.id).status is RunStatus.SUCCEEDED
    assert history.get(run.id).failure is None


def test_a_step_saved_again_replaces_its_earlier_record(history: History) -> None:
    run = run_record()
    history.add(run)
    history.save([step(run, 5), step(run, 3)])
    assert [each.outcome for each in history.steps(run.id)] == [None, None]

    done = StepRecord(
        run_id=run.id, seq=3, step_id="login", path="/steps/0", title="Log in", action="fill", depth=0, attempt=1,
        started_s=START_S + 2, outcome=Outcome.FAILED, duration_ms=12.5, failure=Failure("c", "m", "h"),
    )  # fmt: skip
    history.save([done])

    assert history.steps(run.id) == (done, step(run, 5))


def test_files_come_back_in_the_order_in_which_they_were_made(history: History) -> None:
    run = run_record()
    history.add(run)
    picture = ArtifactRecord(
        run_id=run.id, seq=4, file="screenshots/a.png", kind=ArtifactKind.SCREENSHOT, format="image/png"
    )
    data = ArtifactRecord(run_id=run.id, seq=9, file="data/o.csv", kind=ArtifactKind.DATA, format="csv", records=120)
    history.save([data, picture])

    assert history.artifacts(run.id) == (picture, data)


def test_what_belongs_to_a_deleted_run_is_left_out(history: History) -> None:
    gone, here = run_record(), run_record()
    history.add(here)

    history.save([step(gone), step(here), ended(gone)])

    assert history.steps(gone.id) == ()
    assert len(history.steps(here.id)) == 1


def test_deleting_forgets_a_run_with_all_that_belongs_to_it(history: History) -> None:
    run = run_record()
    history.add(run)
    history.save([step(run), ended(run)])

    history.delete(run.id)
    history.delete(run.id)

    with pytest.raises(UnknownRun):
        history.get(run.id)
    assert history.steps(run.id) == ()


def test_a_run_that_goes_on_is_not_deleted(history: History) -> None:
    run = run_record()
    history.add(run)

    with pytest.raises(RunNotFinished, match="4711"):
        history.delete(run.id)
    assert history.get(run.id) == run


def test_runs_are_listed_latest_first_in_pages(history: History) -> None:
    runs = [run_record(START_S + number) for number in range(7)]
    for run in runs:
        history.add(run)

    first = history.list_runs(limit=3)
    second = history.list_runs(limit=3, before=first.next_before)
    third = history.list_runs(limit=3, before=second.next_before)

    assert [run.id for page in (first, second, third) for run in page.runs] == [run.id for run in reversed(runs)]
    assert third.next_before is None
    assert history.list_runs(limit=7).next_before is None


def test_an_empty_history_lists_nothing(history: History) -> None:
    assert history.list_runs().runs == ()


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (RunFilter(), [3, 2, 1, 0]),
        (RunFilter(status=frozenset({RunStatus.SUCCEEDED})), [1]),
        (RunFilter(status=frozenset({RunStatus.SUCCEEDED, RunStatus.QUEUED})), [3, 2, 1]),
        (RunFilter(flow="invoices"), [2]),
        (RunFilter(engine="playwright"), [3]),
        (RunFilter(since_s=START_S + 20), [3, 2]),
        (RunFilter(since_s=START_S + 10, status=frozenset({RunStatus.QUEUED})), [3, 2]),
        (RunFilter(flow="' OR 1 --"), []),
    ],
)
def test_runs_are_found_by_what_is_asked_of_them(history: History, wanted: RunFilter, expected: list[int]) -> None:
    runs = [
        run_record(START_S),
        run_record(START_S + 10),
        run_record(START_S + 20, flow="invoices"),
        run_record(START_S + 30, engine="playwright"),
    ]
    for run in runs:
        history.add(run)
    history.save([ended(runs[0], Outcome.FAILED), ended(runs[1])])

    assert [run.id for run in history.list_runs(wanted).runs] == [runs[number].id for number in expected]


def test_a_run_is_found_by_the_letters_that_no_other_begins_with(history: History) -> None:
    for run_id in ("01aa0", "01ab1", "02"):
        history.add(_named(run_id))

    assert history.find("01aa0").id == "01aa0"
    assert history.find("01AB").id == "01ab1"
    assert history.find("02").id == "02"
    assert history.find("latest").id == "02"
    with pytest.raises(AmbiguousRun) as ambiguous:
        history.find("01")
    assert ambiguous.value.candidates == ("01aa0", "01ab1")
    for name in ("03", "", "01aa00", "%", "_1", "é"):
        with pytest.raises(UnknownRun):
            history.find(name)


def test_a_whole_id_is_meant_even_when_longer_ones_begin_with_it(history: History) -> None:
    for run_id in ("01", "01a", "01b"):
        history.add(_named(run_id))

    assert history.find("01").id == "01"


def test_latest_of_nothing_is_unknown(history: History) -> None:
    with pytest.raises(UnknownRun):
        history.find("latest")


def test_unfinished_runs_are_found_by_their_owner(history: History) -> None:
    waiting, begun, done, other = (run_record(START_S + n, owner=name) for n, name in enumerate("aaab"))
    for run in (waiting, begun, done, other):
        history.add(run)
    history.save([RunBegun(run_id=begun.id, started_s=START_S, engine="cdp", step_count=1), ended(done)])

    assert [run.id for run in history.unfinished("a")] == [waiting.id, begun.id]
    assert history.owners_of_unfinished() == {"a", "b"}


SUBMITTER = """
import sys
from pathlib import Path
from bykilt.history.history import History
from tests.support.history_records import run_record

history = History(Path(sys.argv[1]))
for _ in range(20):
    run = run_record(owner=sys.argv[2])
    history.add(run)
    print(run.id, flush=True)
"""


def test_eight_processes_add_runs_at_once_and_none_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    processes = [
        subprocess.Popen([sys.executable, "-c", SUBMITTER, str(path), f"p{n}"], stdout=subprocess.PIPE, text=True)
        for n in range(8)
    ]
    told = [line for process in processes for line in process.communicate()[0].split()]

    history = History(path)
    assert len(told) == 160
    assert {run.id for run in history.list_runs(limit=1000).runs} == set(told)
    history.close()


def _named(run_id: str) -> RunRecord:
    return replace(run_record(), id=RunId(run_id))
