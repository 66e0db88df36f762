"""What a run's events become in the zip, read back as the viewer reads it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bykilt.events.model import (
    ActionStarted,
    BrowserStarted,
    Failure,
    Outcome,
    RunFinished,
    RunStarted,
    RunSubmitted,
)
from bykilt.ids import CallId
from bykilt.trace.calls import Calls
from bykilt.trace.writer import TraceNotWritten, write_trace
from tests.support.made_run import PAGE, START_MS, action, answered, facts, make_run, step, step_end


class Trace:
    """A trace as the stock viewer's reader sees it; complains where that reader would stumble."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            self.names = archive.namelist()
            self.lines = [json.loads(line) for line in archive.read("trace.trace").splitlines()]
            self.network = [json.loads(line) for line in archive.read("trace.network").splitlines()]
        self.calls: dict[str, dict[str, Any]] = {}
        for line in self.lines:
            if line["type"] == "before":
                assert line["callId"] not in self.calls
                self.calls[line["callId"]] = line | {"log": []}
            elif line["type"] in ("input", "after", "log"):
                call = self.calls[line["callId"]]
                if line["type"] == "log":
                    call["log"].append(line["message"])
                else:
                    call.update({key: value for key, value in line.items() if key != "type"})

    def tree(self, parent: str | None = None) -> list[Any]:
        """Return the titles as the viewer's tree; a call with children is a pair."""
        rows: list[Any] = []
        for call in sorted(self.calls.values(), key=lambda call: float(call["startTime"])):
            if call.get("parentId") == parent:
                title = call.get("title", call["method"])
                title = call["params"].get("title") if title == "{title}" else title
                children = self.tree(call["callId"])
                rows.append((title, children) if children else title)
        return rows

    def call(self, title: str) -> dict[str, Any]:
        return next(call for call in self.calls.values() if call.get("title", call["method"]) == title)


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    return Trace(write_trace(make_run(tmp_path)))


def written(folder: Path, told: list[tuple[float, Any]]) -> Trace:
    return Trace(write_trace(make_run(folder, told)))


def test_the_list_of_calls_reads_as_the_flow(trace: Trace) -> None:
    """A step of one action is that action; a loop is a group of what it did."""
    assert trace.tree() == [
        "Open the orders",
        ("For each row", ["Pick {row}", "Pick {row}"]),
        "Save the table",
        "Buy (attempt 2)",
    ]


def test_the_first_line_says_format_ten_and_what_the_run_was(trace: Trace) -> None:
    first = trace.lines[0]
    assert (first["type"], first["version"], first["origin"]) == ("context-options", 10, "library")
    assert first["title"] == "Orders to CSV"
    assert first["options"]["viewport"] == {"width": 1280, "height": 720}
    assert first["wallTime"] == 1_795_000_000_000
    assert first["monotonicTime"] == START_MS


def test_an_action_is_told_in_the_words_of_the_viewer(trace: Trace) -> None:
    call = trace.call("Open the orders")
    assert (call["class"], call["method"]) == ("Frame", "goto")
    assert call["params"] == {"url": "http://127.0.0.1:8000/orders"}
    assert call["endTime"] - call["startTime"] == 40
    assert call["pageId"] == PAGE
    assert call["log"] == ["waiting for {'url': 'http://127.0.0.1:8000/orders'}"]


def test_a_failed_step_carries_its_error_and_what_to_do(trace: Trace) -> None:
    error = trace.call("Buy (attempt 2)")["error"]
    assert error["name"] == "element_covered"
    assert error["message"].splitlines() == ["#buy: <div> would receive the event", "hint: close the overlay"]
    assert "error" not in trace.call("Open the orders")


def test_every_picture_is_in_the_zip_and_under_its_action(trace: Trace) -> None:
    shown = [line for line in trace.lines if line["type"] == "screenshot" and line["callId"] == "call@4"]
    assert [(line["phase"], line["file"]) for line in shown] == [
        ("before", "trace/00007.png"),
        ("action", "trace/00007.png"),
        ("after", "trace/00008.png"),
    ]
    assert {line["file"] for line in trace.lines if "file" in line} <= set(trace.names)
    assert len(trace.names) == len(set(trace.names))


def test_the_place_that_was_touched_is_marked(trace: Trace) -> None:
    call = trace.call("Buy (attempt 2)")
    assert call["point"] == {"x": 40, "y": 30}
    assert call["box"] == {"x": 30, "y": 20, "width": 60, "height": 24}


def test_console_and_page_errors_keep_their_place_in_time(trace: Trace) -> None:
    console = next(line for line in trace.lines if line["type"] == "console")
    assert (console["messageType"], console["text"], console["time"]) == ("warning", "low stock", START_MS + 245)
    assert console["args"][1] == {"preview": "3", "value": 3}
    error = next(line for line in trace.lines if line.get("method") == "pageError")
    assert error["params"]["error"]["error"]["message"] == "x is not a function"
    remarks = [line["text"] for line in trace.lines if line["type"] in ("stdout", "stderr")]
    assert remarks == ["confirm dialog 'Sure?': dismissed\n", "the machine is slow\n"]


def test_a_request_is_a_har_entry_of_its_page(trace: Trace) -> None:
    [line] = trace.network
    entry = line["snapshot"]
    assert line["type"] == "resource-snapshot"
    assert entry["request"]["url"] == "http://127.0.0.1:8000/orders?page=2"
    assert entry["request"]["queryString"] == [{"name": "page", "value": "2"}]
    assert entry["response"]["status"] == 200
    assert entry["pageref"] == PAGE
    assert (entry["time"], entry["_monotonicTime"]) == (15, START_MS + 110)
    assert entry["startedDateTime"] == "2026-11-18T11:06:40.110Z"


def test_saved_data_hangs_on_its_step(trace: Trace) -> None:
    assert trace.call("Save the table")["attachments"] == [
        {"name": "orders.csv", "contentType": "text/csv", "file": "data/orders.csv"}
    ]
    assert "data/orders.csv" in trace.names


def test_a_run_that_was_killed_has_a_trace_up_to_there(tmp_path: Path) -> None:
    """The last line is torn, an action and two steps are open."""
    told = facts()
    cut = next(i for i, (_, fact) in enumerate(told) if isinstance(fact, ActionStarted) and fact.call_id == "call@2")
    run_dir = make_run(tmp_path, told[: cut + 2])
    events = run_dir / "events.jsonl"
    events.write_bytes(events.read_bytes() + b'{"seq":99,"time":"2026')

    trace = Trace(write_trace(run_dir))

    assert trace.calls["call@2"]["error"]["name"] == "interrupted"
    assert all("endTime" in call for call in trace.calls.values())


def test_a_run_whose_browser_did_not_start_shows_why(tmp_path: Path) -> None:
    failure = Failure("launch_failed", "Chromium did not start", "run `bykilt doctor`")
    trace = written(
        tmp_path,
        [
            (0, RunSubmitted("A", "a.json", "cdp", {})),
            (1, RunStarted("A", "cdp", 1)),
            (900, RunFinished(Outcome.FAILED, 900, failure)),
        ],
    )
    assert trace.tree() == ["The run failed"]
    assert trace.call("The run failed")["error"]["name"] == "launch_failed"


def test_a_cancelled_step_ends_its_open_action(tmp_path: Path) -> None:
    """Cancellation reaches the engine, which then says nothing of how its action ended."""
    told = [
        step("wait", "/steps/0", "Wait", "wait_for", 10),
        *action(1, "wait_for", {"text": "ready"}, 11)[:3],
        step_end("wait", "/steps/0", 70, outcome=Outcome.CANCELLED),
        (71, RunFinished(Outcome.CANCELLED, 71)),
    ]
    call = written(tmp_path, told).call("Wait")
    assert call["error"]["name"] == "cancelled"
    assert call["endTime"] - call["startTime"] == pytest.approx(59)


def test_actions_without_steps_stand_alone_under_the_viewers_own_titles(tmp_path: Path) -> None:
    trace = written(
        tmp_path, [*action(1, "click", {"selector": "#a"}, 10), *action(2, "hover", {"selector": "#b"}, 60)]
    )
    assert trace.tree() == ["click", "hover"]
    assert [call["subtitle"] for call in trace.calls.values()] == ["#a", "#b"]


def test_a_second_action_of_a_step_is_inside_the_first(tmp_path: Path) -> None:
    told = [
        step("two", "/steps/0", "Two", "click", 9),
        *action(1, "click", {"selector": "#a"}, 10),
        *action(2, "click", {"selector": "#b"}, 60),
        step_end("two", "/steps/0", 110),
    ]
    assert written(tmp_path, told).tree() == [("Two", ["click"])]


def test_a_skipped_step_says_so(tmp_path: Path) -> None:
    told = [
        step("maybe", "/steps/0", "Maybe", "click", 10),
        step_end("maybe", "/steps/0", 11, outcome=Outcome.SKIPPED),
        *action(1, "click", {"selector": "#a"}, 20),
    ]
    assert written(tmp_path, told).tree() == ["Maybe (skipped)", "click"]


def test_a_wall_clock_that_is_set_moves_no_step(tmp_path: Path) -> None:
    """Steps are told in wall time alone; the actions beside them, which tell both, put them right."""
    hour_ms = 3_600_000.0
    told: list[tuple[float, Any]] = [
        *action(1, "click", {"selector": "#a"}, 10),
        *((at + hour_ms, fact) for at, fact in action(2, "click", {"selector": "#b"}, 60)),
        step("a", "/steps/0", "A", "variable", hour_ms + 110),
        step_end("a", "/steps/0", hour_ms + 120),
    ]
    call = written(tmp_path, told).call("A")
    assert call["startTime"] == pytest.approx(START_MS + 110)
    assert call["endTime"] == pytest.approx(START_MS + 120)


def test_files_outside_the_run_folder_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    told = action(1, "click", {"selector": "#a"}, 10)
    run_dir = make_run(tmp_path, told)
    events = run_dir / "events.jsonl"
    text = events.read_text(encoding="utf-8")
    (run_dir / "trace" / "link.png").symlink_to(tmp_path / "secret.png")
    events.write_text(
        text.replace("trace/00001.png", "../secret.png").replace("trace/00002.png", "trace/link.png"), encoding="utf-8"
    )
    assert not {"../secret.png", "trace/link.png"} & set(Trace(write_trace(run_dir)).names)


def test_a_missing_picture_is_no_obstacle(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path)
    (run_dir / "trace" / "00001.png").unlink()
    assert "trace/00001.png" not in Trace(write_trace(run_dir)).names


def test_a_run_without_events_has_no_trace_and_no_half_file(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, [])
    before = sorted(path.name for path in run_dir.iterdir())
    with pytest.raises(TraceNotWritten, match="no events"):
        write_trace(run_dir)
    assert sorted(path.name for path in run_dir.iterdir()) == before


def test_a_folder_that_does_not_exist_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(TraceNotWritten, match="No such file"):
        write_trace(tmp_path / "gone")


def test_an_older_trace_is_replaced_whole(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path)
    (run_dir / "trace.zip").write_bytes(b"old")
    Trace(write_trace(run_dir))
    assert [path.name for path in run_dir.iterdir() if path.name.startswith(".")] == []


def test_a_long_run_needs_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    """Open calls are all that is kept; what is closed is in the file."""
    calls = Calls()
    for number in range(2000):
        start = ActionStarted(CallId(f"call@{number}"), "click", "click", {}, PAGE, float(number))
        assert list(calls.action_started(start))
        for _, fact in action(number, "click", {}, number)[-1:]:
            assert list(calls.action_finished(fact))  # type: ignore[arg-type]
    assert not calls.open_calls


def test_the_browser_is_named_when_it_has_started_before_the_first_action(tmp_path: Path) -> None:
    told = [
        (0, BrowserStarted("cdp", "Chromium 156", 800, 600, None, None, True)),
        *action(1, "click", {"selector": "#a"}, 10),
    ]
    first = written(tmp_path, told).lines[0]
    assert (first["channel"], first["options"]) == ("Chromium 156", {"viewport": {"width": 800, "height": 600}})


def test_what_a_model_answered_is_in_the_console(tmp_path: Path) -> None:
    failed = answered(outcome=Outcome.FAILED, answer=None, failure=Failure("llm_timed_out", "no answer in 2 s"))
    told = [
        *facts()[:4],
        step("verdict", "/steps/0", "ask: Good?", "ask", 100),
        (120.0, answered()),
        (125.0, answered(replayed_from="01aa", answer="fine", cached=True)),
        (130.0, failed),
        step_end("verdict", "/steps/0", 142),
    ]
    trace = Trace(write_trace(make_run(tmp_path, told)))

    console = [(line["type"], line["text"]) for line in trace.lines if line["type"] in ("stdout", "stderr")]
    assert console == [
        ("stdout", 'step \'verdict\': tiny (local), 120 + 7 tokens: {"verdict": "good"}\n'),
        ("stdout", "step 'verdict': tiny (local), replayed from run 01aa: fine\n"),
        ("stderr", "step 'verdict': no answer of a model: no answer in 2 s\n"),
    ]
    assert trace.tree() == ["ask: Good?"]
