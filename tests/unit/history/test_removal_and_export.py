"""Runs that go: deleted, pruned, exported."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bykilt.events.model import Outcome
from bykilt.history.export import export_document, export_zip
from bykilt.history.history import History
from bykilt.history.model import ArtifactKind, ArtifactRecord, RunEnded, RunNotFinished, RunRecord, UnknownRun
from bykilt.history.recorder import RunProjection
from bykilt.history.retention import delete_run, finish_removals, prune
from bykilt.ids import RunId
from bykilt.storage.errors import StorageError
from bykilt.storage.home import Home
from tests.support.history_records import START_S, events, run_record, step_finished, step_started


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


def finished_run(history: History, home: Home, submitted_s: float = START_S) -> RunRecord:
    run = run_record(submitted_s)
    history.add(run)
    folder = home.run_folder(run.id)
    folder.make()
    (folder.data / "orders.csv").write_text("id\n1\n")
    projection = RunProjection()
    for event in events(run.id, step_started(), step_finished()):
        history.save(projection.feed(event))
    history.save(
        [
            ArtifactRecord(
                run_id=run.id, seq=3, file="data/orders.csv", kind=ArtifactKind.DATA, format="csv", records=1
            ),
            RunEnded(run_id=run.id, outcome=Outcome.SUCCEEDED, finished_s=submitted_s + 5, duration_ms=5000),
        ]
    )
    return history.get(run.id)


def ids(history: History) -> list[RunId]:
    return [run.id for run in history.list_runs().runs]


def test_a_deleted_run_leaves_no_row_and_no_file(history: History, home: Home) -> None:
    run, other = finished_run(history, home), finished_run(history, home, START_S + 1)

    delete_run(history, home, run.id)

    assert ids(history) == [other.id]
    assert [folder.name for folder in home.runs.iterdir()] == [other.id]


def test_a_run_without_its_folder_can_be_deleted(history: History, home: Home) -> None:
    run = finished_run(history, home)
    home.run_folder(run.id).remove()

    delete_run(history, home, run.id)

    assert ids(history) == []


def test_a_run_that_goes_on_keeps_its_folder(history: History, home: Home) -> None:
    run = run_record()
    history.add(run)
    home.run_folder(run.id).make()

    with pytest.raises(RunNotFinished):
        delete_run(history, home, run.id)
    assert home.run_folder(run.id).path.exists()


def test_an_unknown_run_cannot_be_deleted(history: History, home: Home) -> None:
    with pytest.raises(UnknownRun):
        delete_run(history, home, RunId("nowhere"))


def test_a_deletion_that_was_cut_off_is_finished(history: History, home: Home) -> None:
    """The process was killed after the folder was hidden, before the row was gone."""
    run = finished_run(history, home)
    home.run_folder(run.id).path.rename(home.runs / f".removed-{run.id}")

    finish_removals(history, home)

    assert ids(history) == []
    assert list(home.runs.iterdir()) == []


def test_pruning_removes_what_is_old_and_what_is_too_much(history: History, home: Home) -> None:
    runs = [finished_run(history, home, START_S + day * 86_400) for day in range(6)]
    going_on = run_record(START_S)
    history.add(going_on)
    now_s = START_S + 6 * 86_400

    assert prune(history, home, now_s=now_s) == ()
    assert set(prune(history, home, now_s=now_s, max_age_s=4.5 * 86_400)) == {runs[0].id, runs[1].id}
    assert prune(history, home, now_s=now_s, keep=3) == (runs[2].id,)
    assert set(ids(history)) == {going_on.id, *(run.id for run in runs[3:])}
    assert set(prune(history, home, now_s=now_s, keep=0)) == {run.id for run in runs[3:]}


def test_a_run_is_exported_as_one_document(history: History, home: Home) -> None:
    run = finished_run(history, home)
    document = export_document(history, home.run_folder(run.id), run.id)

    assert document["bykilt_export"] == 1
    assert document["run"] == {
        "id": run.id, "flow": "orders", "source": "orders.json", "engine": "cdp", "params": {"q": "tea", "limit": 3},
        "status": "succeeded", "submitted": "2026-11-18T11:06:40.000000Z", "started": None,
        "finished": "2026-11-18T11:06:45.000000Z", "duration_ms": 5000.0, "failure": None, "failed_step": None,
        "step_count": 0,
    }  # fmt: skip
    assert document["steps"] == [
        {
            "seq": 1, "id": "login", "path": "/steps/login", "title": "Do login", "action": "fill", "depth": 0,
            "attempt": 1, "started": "2026-11-18T11:06:41.000000Z", "outcome": "succeeded", "duration_ms": 12.5,
            "failure": None,
        }
    ]  # fmt: skip
    assert document["artifacts"] == [
        {"file": "data/orders.csv", "kind": "data", "format": "csv", "records": 1, "size_bytes": 5}
    ]
    assert document["files"] == [{"name": "data/orders.csv", "size_bytes": 5}]
    json.dumps(document)


def test_a_run_is_exported_as_a_zip_with_all_its_files(history: History, home: Home, tmp_path: Path) -> None:
    run = finished_run(history, home)
    folder = home.run_folder(run.id)
    (folder.screenshots / "a.png").write_bytes(b"\x89PNG" * 100)

    target = export_zip(history, folder, run.id, tmp_path / "run.zip")

    with zipfile.ZipFile(target) as archive:
        assert sorted(archive.namelist()) == [
            f"{run.id}/data/orders.csv",
            f"{run.id}/run.json",
            f"{run.id}/screenshots/a.png",
        ]
        assert archive.testzip() is None
        assert json.loads(archive.read(f"{run.id}/run.json"))["run"]["id"] == run.id
        assert archive.read(f"{run.id}/data/orders.csv") == b"id\n1\n"
    assert target.stat().st_mode & 0o777 == 0o600


def test_an_unknown_run_cannot_be_exported(history: History, home: Home, tmp_path: Path) -> None:
    with pytest.raises(UnknownRun):
        export_zip(history, home.run_folder(RunId("nowhere")), RunId("nowhere"), tmp_path / "run.zip")
    assert not (tmp_path / "run.zip").exists()


def test_a_zip_that_cannot_be_written_leaves_nothing(history: History, home: Home, tmp_path: Path) -> None:
    run = finished_run(history, home)

    with pytest.raises(StorageError):
        export_zip(history, home.run_folder(run.id), run.id, tmp_path / "nowhere" / "run.zip")
