"""What a person sees while a run goes on."""

from __future__ import annotations

import pytest

from bykilt.cli.progress_model import NoteLine, ProgressModel, StepLine
from bykilt.cli.progress_view import LiveView, PlainView
from bykilt.events.model import Failure, Outcome, StepFinished
from tests.support.made_run import COVERED, events_of, facts, step, step_end


def seen(told: list[tuple[float, object]]) -> list[StepLine | NoteLine]:
    model = ProgressModel()
    return [line for event in events_of(told) for line in model.feed(event)]  # type: ignore[arg-type]


def test_each_step_at_the_top_becomes_a_line_and_a_loop_only_one() -> None:
    steps = [line for line in seen(list(facts())) if isinstance(line, StepLine)]
    assert [(line.title, line.outcome, line.inner) for line in steps] == [
        ("Open the orders", Outcome.SUCCEEDED, 0),
        ("For each row", Outcome.SUCCEEDED, 2),
        ("Save the table", Outcome.SUCCEEDED, 0),
        ("Buy (attempt 2)", Outcome.FAILED, 0),
    ]
    assert steps[-1].message == COVERED.message


def test_a_failure_deep_inside_becomes_a_line_too() -> None:
    told = [
        step("rows", "/steps/0", "Rows", "for_each", 0),
        step("pick", "/steps/0/steps/0", "Pick", "click", 1),
        step_end("pick", "/steps/0/steps/0", 2, COVERED),
        step_end("rows", "/steps/0", 3, COVERED),
    ]
    assert [(line.title, line.depth) for line in seen(list(told)) if isinstance(line, StepLine)] == [
        ("Pick", 1),
        ("Rows", 0),
    ]


def test_what_goes_on_now_is_the_way_to_the_innermost_step() -> None:
    model = ProgressModel()
    assert model.current == ""
    for event in events_of([step("a", "/steps/0", "A", "group", 0), step("b", "/steps/0/steps/0", "", "click", 1)]):
        list(model.feed(event))
    assert model.current == "A › click"


def test_the_browser_and_warnings_are_told() -> None:
    notes = [line for line in seen(list(facts())) if isinstance(line, NoteLine)]
    assert notes == [NoteLine("Chromium 156 on the cdp engine"), NoteLine("the machine is slow", is_warning=True)]


def test_plain_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainView()
    for event in events_of(facts()):
        view.on_event(event)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == "Chromium 156 on the cdp engine"
    assert lines[1].split() == ["ok", "Open", "the", "orders", "50", "ms"]
    assert lines[2].endswith("(2 steps)")
    assert lines[-1].strip() == COVERED.message


def test_a_pages_message_cannot_write_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = Failure("script_error", "\x1b[2J\x1b]0;owned\x07gone\nsecond", "")
    told = [step("a", "/steps/0", "A\x1b[31m", "click", 0), step_end("a", "/steps/0", 1, hostile)]
    for view in (PlainView(), LiveView()):
        for event in events_of(told):
            view.on_event(event)
        view.close()
    written = capsys.readouterr().err
    assert "\x1b]0;" not in written
    assert "\x1b[2J" not in written
    assert "\x07" not in written
    assert "second" in written


def test_the_live_view_shows_the_same_lines(capsys: pytest.CaptureFixture[str]) -> None:
    view = LiveView()
    for event in events_of(facts()):
        view.on_event(event)
    view.close()
    view.close()
    written = capsys.readouterr().err
    assert "Open the orders" in written
    assert "For each row" in written
    assert COVERED.message in written


def test_the_end_of_a_step_that_never_began_is_passed_over() -> None:
    assert seen([(0, StepFinished("x", "/steps/9", Outcome.SUCCEEDED, 1, 1))]) == []
