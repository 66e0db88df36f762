"""`bykilt runs` on a real history, made by hand."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bykilt.app import App
from bykilt.cli.main import main
from bykilt.events.codec import encode
from bykilt.events.model import Event, Failure, Outcome
from bykilt.history.model import ArtifactKind, ArtifactRecord, RunEnded, RunRecord, StepRecord
from bykilt.ids import RunId
from bykilt.runs.ownership import Owner
from tests.support.history_records import START_S, run_record
from tests.support.made_run import answered

FAILURE = Failure("element_covered", "#buy is covered", "close the overlay")


class Shelf:
    """A home with runs in it, and the command line to ask."""

    def __init__(self, home: Path) -> None:
        self.env = {"BYKILT_HOME": str(home)}
        self.app = App.from_environment(self.env)
        self.app.home.make()
        self.owner = Owner.claim(self.app.home.owners)

    def add(self, at_s: float, outcome: Outcome | None, flow: str = "orders") -> RunRecord:
        """Add a run of 1.5 s that ended, or with None one that goes on in this process."""
        run = run_record(START_S + at_s, flow=flow, owner=self.owner.name if outcome is None else "")
        with self.app.history() as history:
            history.add(run)
            self.app.home.run_folder(run.id).make()
            if outcome is not None:
                failure = FAILURE if outcome is Outcome.FAILED else None
                history.save(
                    [
                        StepRecord(
                            run_id=run.id, seq=2, step_id="buy", path="/steps/0", title="Buy it", action="click",
                            depth=0, attempt=1, started_s=run.submitted_s, outcome=outcome, duration_ms=40,
                            failure=failure,
                        ),
                        ArtifactRecord(
                            run_id=run.id, seq=3, file="data/orders.csv", kind=ArtifactKind.DATA, format="csv",
                            records=2,
                        ),
                        RunEnded(
                            run_id=run.id, outcome=outcome, finished_s=run.submitted_s + 1.5, duration_ms=1500,
                            failure=failure, failed_step="buy" if failure else None,
                        ),
                    ]
                )  # fmt: skip
                (self.app.home.run_folder(run.id).data / "orders.csv").write_text("id\n1\n2\n", encoding="utf-8")
        return run

    def ask(self, *arguments: str, answer: str | None = None) -> Result:
        return CliRunner().invoke(main, arguments, env=self.env, input=answer)

    def ids(self) -> list[str]:
        return [run["id"] for run in json.loads(self.ask("runs", "list", "--json").stdout)["runs"]]


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path / "home")
    yield shelf
    shelf.owner.release()


def test_an_empty_history_says_how_to_begin(shelf: Shelf) -> None:
    result = shelf.ask("runs", "list")
    assert result.exit_code == 0
    assert "demo` makes the first one" in result.stdout


def test_the_list_has_the_latest_run_first(shelf: Shelf) -> None:
    old, new = shelf.add(0, Outcome.SUCCEEDED), shelf.add(10, Outcome.FAILED)
    lines = shelf.ask("runs", "list").stdout.splitlines()
    assert lines[0].split() == ["RUN", "STATUS", "FLOW", "ENGINE", "SUBMITTED", "TOOK"]
    assert lines[1].split()[:4] == [new.id, "failed", "orders", "cdp"]
    assert lines[2].split()[:2] == [old.id, "succeeded"]
    assert lines[1].endswith("1.5 s")


def test_the_list_can_be_narrowed(shelf: Shelf) -> None:
    shelf.add(0, Outcome.SUCCEEDED, flow="prices")
    failed = shelf.add(10, Outcome.FAILED)
    for arguments in (["--status", "failed"], ["--flow", "orders"], ["--limit", "1"]):
        found = json.loads(shelf.ask("runs", "list", "--json", *arguments).stdout)["runs"]
        assert [run["id"] for run in found] == [failed.id], arguments
    assert json.loads(shelf.ask("runs", "list", "--json", "--engine", "playwright").stdout)["runs"] == []
    assert shelf.ask("runs", "list", "--engine", "playwright").stdout == "No runs.\n"


def test_the_list_goes_on_where_a_page_ended(shelf: Shelf) -> None:
    runs = [shelf.add(at, Outcome.SUCCEEDED) for at in (0, 10, 20)]
    first = shelf.ask("runs", "list", "--limit", "2")
    assert first.stdout.splitlines()[-1] == f"More: --before {runs[1].id}"
    rest = json.loads(shelf.ask("runs", "list", "--json", "--before", runs[1].id).stdout)
    assert [run["id"] for run in rest["runs"]] == [runs[0].id]
    assert rest["next_before"] is None


def test_a_run_is_shown_with_its_failure_steps_and_files(shelf: Shelf) -> None:
    run = shelf.add(0, Outcome.FAILED)
    text = shelf.ask("runs", "show", "latest").stdout
    assert run.id in text
    assert "#buy is covered in step 'buy' [element_covered]" in text
    assert "close the overlay" in text
    assert "Buy it" in text
    assert f"{run.id}/data/orders.csv" in text
    assert "2 records" in text
    assert "q = tea" in text


def test_a_run_is_shown_with_what_models_were_asked(shelf: Shelf) -> None:
    run = shelf.add(0, Outcome.SUCCEEDED)
    folder = shelf.app.home.run_folder(run.id)
    told = [answered(cost_usd=0.0123), answered("other", answer="a\x1b[2Jb" + "c" * 400, cached=True)]
    folder.events.write_bytes(b"".join(encode(Event(run.id, n, START_S, fact)) for n, fact in enumerate(told, 1)))
    folder.llm_answers.write_text("{}\n", encoding="utf-8")
    shown = shelf.ask("runs", "show", run.id).stdout

    assert 'step \'verdict\': tiny (local), 120 + 7 tokens, $0.0123: {"verdict": "good"} (800 ms)' in shown
    assert "step 'other': tiny (local), 120 + 7 tokens, answered before: a [2Jbccc" in shown
    assert f"Prompts and answers: {folder.llm_answers}" in shown
    document = json.loads(shelf.ask("runs", "show", run.id, "--json").stdout)
    assert [each["answer"] for each in document["llm"]] == [{"verdict": "good"}, told[1].answer]


def test_a_run_is_found_by_the_first_letters_of_its_id(shelf: Shelf) -> None:
    run = shelf.add(0, Outcome.SUCCEEDED)
    document = json.loads(shelf.ask("runs", "show", run.id[:14], "--json").stdout)
    assert document["run"]["id"] == run.id
    assert document["files"][0]["name"] == "data/orders.csv"
    assert document["folder"].endswith(run.id)


@pytest.mark.parametrize("command", [["runs", "show"], ["runs", "export"], ["runs", "delete", "-y"], ["trace", "open"]])
def test_a_run_that_is_not_there_is_bad_input(shelf: Shelf, command: list[str]) -> None:
    result = shelf.ask(*command, "zzz")
    assert result.exit_code == 2
    assert "there is no run 'zzz'" in result.stderr


def test_letters_that_several_ids_begin_with_are_not_enough(shelf: Shelf) -> None:
    first, second = shelf.add(0, Outcome.SUCCEEDED), shelf.add(1, Outcome.SUCCEEDED)
    result = shelf.ask("runs", "show", first.id[:4])
    assert result.exit_code == 2
    assert first.id in result.stderr
    assert second.id in result.stderr


def test_a_run_is_exported_as_a_zip_with_its_files(shelf: Shelf, tmp_path: Path) -> None:
    run = shelf.add(0, Outcome.SUCCEEDED)
    target = tmp_path / "run.zip"
    result = shelf.ask("runs", "export", "latest", "-o", str(target))
    assert result.stdout == f"{target}\n"
    with zipfile.ZipFile(target) as archive:
        assert f"{run.id}/data/orders.csv" in archive.namelist()
        assert json.loads(archive.read(f"{run.id}/run.json"))["run"]["id"] == run.id


def test_a_run_is_exported_as_json(shelf: Shelf, tmp_path: Path) -> None:
    run = shelf.add(0, Outcome.SUCCEEDED)
    printed = shelf.ask("runs", "export", "latest", "--format", "json", "-o", "-")
    assert json.loads(printed.stdout)["run"]["id"] == run.id
    target = tmp_path / "run.json"
    shelf.ask("runs", "export", "latest", "--format", "json", "-o", str(target))
    assert json.loads(target.read_text(encoding="utf-8")) == json.loads(printed.stdout)


def test_a_zip_does_not_go_to_the_terminal(shelf: Shelf) -> None:
    shelf.add(0, Outcome.SUCCEEDED)
    assert shelf.ask("runs", "export", "latest", "-o", "-").exit_code == 2


def test_deleting_asks_first(shelf: Shelf) -> None:
    run = shelf.add(0, Outcome.SUCCEEDED)
    refused = shelf.ask("runs", "delete", "latest", answer="n\n")
    assert refused.exit_code == 130
    assert shelf.ids() == [run.id]
    agreed = shelf.ask("runs", "delete", "latest", answer="y\n")
    assert agreed.stdout.endswith("1 run deleted\n")
    assert shelf.ids() == []
    assert not shelf.app.home.run_folder(run.id).path.exists()


def test_a_rule_deletes_old_runs_and_keeps_the_latest(shelf: Shelf) -> None:
    runs = [shelf.add(at, Outcome.SUCCEEDED) for at in (0, 10, 20)]
    result = shelf.ask("runs", "delete", "--keep", "1", "--json")
    assert set(json.loads(result.stdout)["deleted"]) == {runs[0].id, runs[1].id}
    assert shelf.ids() == [runs[2].id]


def test_a_run_that_goes_on_is_not_deleted(shelf: Shelf) -> None:
    run = shelf.add(0, None)
    result = shelf.ask("runs", "delete", "--yes", run.id)
    assert result.exit_code == 2
    assert "is queued in process" in result.stderr
    assert shelf.ids() == [run.id]


@pytest.mark.parametrize("arguments", [[], ["latest", "--keep", "1"]])
def test_what_to_delete_must_be_said_in_one_way(shelf: Shelf, arguments: list[str]) -> None:
    shelf.add(0, Outcome.SUCCEEDED)
    assert shelf.ask("runs", "delete", *arguments).exit_code == 2
    assert len(shelf.ids()) == 1


def test_a_home_that_cannot_be_used_is_said_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = CliRunner().invoke(main, ["runs", "list"], env={"BYKILT_HOME": str(tmp_path / "file")})
    assert result.exit_code == 2
    assert "BYKILT_HOME" in result.stderr


def test_a_trace_is_not_there_while_a_run_goes_on(shelf: Shelf) -> None:
    run = shelf.add(0, None)
    result = shelf.ask("trace", "open", RunId(run.id))
    assert result.exit_code == 2
    assert "still queued" in result.stderr
