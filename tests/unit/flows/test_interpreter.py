"""How a flow goes, step after step: what is asked of the browser, what is told, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bykilt.browser.engine.browser_engine import ActionResult
from bykilt.events.model import DataSaved, Failure, Outcome, StepFinished, StepStarted
from bykilt.flows.interpreter import FlowInterpreter
from bykilt.flows.params import bind_params
from bykilt.json_types import JsonObject, JsonValue
from tests.unit.flows.scripted import Facts, Script, click, extract, fails, flow_of, gives, run_flow

CLICK: JsonObject = {"action": "click", "selector": "#a"}


async def test_steps_are_done_in_order_and_told_in_order() -> None:
    ran = await run_flow(flow_of(click("#a", id="first"), click("#b")))

    assert ran.result.outcome is Outcome.SUCCEEDED
    assert [action["selector"] for action in ran.asked] == ["#a", "#b"]
    assert ran.facts.steps == [">first", "first succeeded", ">2", "2 succeeded"]


async def test_the_beginning_of_a_step_says_where_it_is_and_what_it_does() -> None:
    flow = flow_of(
        {"action": "group", "title": "Log in as ${params.user}", "steps": [click("#${params.user}")]},
        params={"user": {"default": "aiko"}},
    )
    ran = await run_flow(flow)

    group, inner = [fact for fact in ran.facts.all if isinstance(fact, StepStarted)]
    assert group == StepStarted("1", "/steps/0", "Log in as aiko", "group", 0, 1)
    assert inner == StepStarted("1.1", "/steps/0/steps/0", "click #aiko", "click", 1, 1)


async def test_values_reach_the_action_with_their_type() -> None:
    flow = flow_of(
        {"action": "click", "selector": "#${params.n}", "click_count": "${params.n}", "force": "${params.force}"},
        params={"n": {"type": "integer"}, "force": {"type": "boolean", "default": True}},
    )
    ran = await run_flow(flow, given={"n": "2"})

    assert ran.asked == [{"type": "click", "selector": "#2", "click_count": 2, "force": True}]


async def test_a_value_that_does_not_fit_its_field_fails_the_step_before_the_browser_is_asked() -> None:
    flow = flow_of({"id": "twice", "action": "click", "selector": "#a", "click_count": "${params.n}"}, params={"n": {}})
    ran = await run_flow(flow, given={"n": "many"})

    assert ran.asked == []
    assert ran.result.failed_step == "twice"
    assert ran.result.failure is not None
    assert ran.result.failure.code == "invalid_action"
    assert "click_count expected a number, got 'many'" in ran.result.failure.message


async def test_results_of_steps_are_there_for_later_steps() -> None:
    flow = flow_of(
        {**extract("tr", all=True), "id": "rows"},
        {"id": "picture", "action": "screenshot"},
        {"id": "opened", "action": "new_tab"},
        click("#${steps.rows.result[1]}"),
        outputs={
            "rows": "${steps.rows.result}",
            "picture": "${steps.picture.artifacts.screenshot_path}",
            "page": "${steps.opened.result.page}",
            "outcome": "${steps.rows.outcome}",
        },
    )
    script = Script(
        {
            "tr": gives(["a", "b"]),
            "": lambda asked: ActionResult(
                True, "", 1.0, artifacts={"screenshot_path": "screenshots/1.png"}, metadata={"page": "page@2"}
            ),
        }
    )
    ran = await run_flow(flow, script)

    assert ran.asked[-1]["selector"] == "#b"
    assert ran.result.outputs == {
        "rows": ["a", "b"],
        "picture": "screenshots/1.png",
        "page": "page@2",
        "outcome": "succeeded",
    }


async def test_a_result_that_is_not_there_yet_fails_the_step_that_asks() -> None:
    flow = flow_of(click("#${steps.rows.result[0]}"), {**extract("tr"), "id": "rows"})
    ran = await run_flow(flow)

    assert ran.result.failure is not None
    assert ran.result.failure.code == "unresolved_reference"
    assert "the step 'rows' has not run yet" in ran.result.failure.message
    assert ran.result.failed_step == "1"


async def test_a_failed_step_ends_the_flow_with_the_reason_of_the_action() -> None:
    script = Script({"#b": fails("element_covered", "#b: covered by #overlay", "close it")})
    ran = await run_flow(flow_of({"action": "group", "steps": [click("#b", id="buy")]}, click("#c")), script)

    expected = Failure("element_covered", "#b: covered by #overlay", "close it")
    assert (ran.result.outcome, ran.result.failure, ran.result.failed_step) == (Outcome.FAILED, expected, "buy")
    assert ran.facts.steps == [">1", ">buy", "buy failed", "1 failed"]
    assert [fact.failure for fact in ran.facts.all if isinstance(fact, StepFinished)] == [expected, expected]


async def test_when_skips_a_step_and_says_so() -> None:
    flow = flow_of(
        click("#a", id="a", when="${params.go}"),
        click("#b", when="${steps.a.outcome} == 'skipped'"),
        params={"go": {"type": "boolean", "default": False}},
    )
    ran = await run_flow(flow)

    assert [action["selector"] for action in ran.asked] == ["#b"]
    assert ran.facts.steps == [">a", "a skipped", ">2", "2 succeeded"]


@pytest.mark.parametrize(("status", "selector", "branch"), [("new", "#then", "then"), ("old", "#else", "else")])
async def test_if_takes_one_branch(status: str, selector: str, branch: str) -> None:
    flow = flow_of(
        {
            "id": "choice",
            "action": "if",
            "condition": "${params.status} == 'new'",
            "then": [click("#then")],
            "else": [click("#else")],
        },
        params={"status": {}},
        outputs={"branch": "${steps.choice.result.branch}"},
    )
    ran = await run_flow(flow, given={"status": status})

    assert [action["selector"] for action in ran.asked] == [selector]
    assert ran.result.outputs == {"branch": branch}


async def test_for_each_goes_through_a_list_and_loops_may_be_nested() -> None:
    inner: JsonObject = {
        "action": "for_each",
        "items": "${row.cells}",
        "as": "cell",
        "index_as": "j",
        "steps": [click("#${i}-${j}-${row.name}-${cell}")],
    }
    flow = flow_of(
        {"action": "for_each", "items": "${params.rows}", "as": "row", "index_as": "i", "steps": [inner]},
        params={"rows": {"type": "array"}},
    )
    ran = await run_flow(flow, given={"rows": [{"name": "a", "cells": [1, 2]}, {"name": "b", "cells": [3]}]})

    assert [action["selector"] for action in ran.asked] == ["#0-0-a-1", "#0-1-a-2", "#1-0-b-3"]


async def test_a_list_that_grows_while_it_is_gone_through_does_not_go_on_for_ever() -> None:
    flow = flow_of(
        {"action": "variable", "name": "rows", "value": [1, 2]},
        {"action": "variable", "name": "before", "value": "${vars.rows}"},
        {"action": "for_each", "items": "${vars.rows}", "steps": [{"action": "append", "name": "rows", "value": "x"}]},
        outputs={"rows": "${vars.rows}", "before": "${vars.before}"},
    )
    ran = await run_flow(flow)

    assert ran.result.outputs == {"rows": [1, 2, "x", "x"], "before": [1, 2]}


async def test_while_turns_pages_until_there_are_no_more() -> None:
    flow = flow_of(
        {"action": "variable", "name": "more", "value": True},
        {
            "id": "paging",
            "action": "while",
            "condition": "${vars.more}",
            "index_as": "page",
            "steps": [
                {**extract("tr", all=True), "id": "rows"},
                {"action": "append", "name": "rows", "items": "${steps.rows.result}"},
                {**extract("#next", kind="count"), "id": "next"},
                {"action": "variable", "name": "more", "value": "${steps.next.result}"},
                click("#next-${page}", when="${vars.more}"),
            ],
        },
        outputs={"rows": "${vars.rows}", "rounds": "${steps.paging.result.iterations}"},
    )
    script = Script({"tr": [gives(["a"]), gives(["b", "c"])], "#next": [gives(1), gives(0)]})
    ran = await run_flow(flow, script)

    assert ran.result.outputs == {"rows": ["a", "b", "c"], "rounds": 2}
    assert [action["selector"] for action in ran.asked if action["type"] == "click"] == ["#next-0"]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            {"action": "while", "condition": "true", "max_iterations": 3, "steps": [CLICK]},
            "the condition still holds after 3 rounds",
        ),
        (
            {"action": "for_each", "items": [1, 2, 3, 4], "max_iterations": 3, "steps": [CLICK]},
            "the list has 4 items, more than 3 rounds",
        ),
    ],
)
async def test_a_loop_ends_at_its_limit(step: JsonObject, message: str) -> None:
    ran = await run_flow(flow_of(step))

    assert ran.result.failure is not None
    assert (ran.result.failure.code, ran.result.failure.message) == ("loop_limit", message)
    assert len(ran.asked) in (0, 3)


@pytest.mark.parametrize(
    "step",
    [
        {"action": "for_each", "items": "${params.p}", "steps": [CLICK]},
        {"action": "append", "name": "x", "items": "${params.p}"},
    ],
)
async def test_what_is_no_list_cannot_be_gone_through(step: JsonObject) -> None:
    ran = await run_flow(flow_of(step, params={"p": {"default": "abc"}}))

    assert ran.result.failure is not None
    assert (ran.result.failure.code, ran.result.failure.message) == ("not_a_list", "expected a list, got text")


async def test_nothing_can_be_appended_to_a_variable_that_is_no_list() -> None:
    flow = flow_of({"action": "variable", "name": "x", "value": 1}, {"action": "append", "name": "x", "value": 2})
    ran = await run_flow(flow)

    assert ran.result.failure is not None
    assert ran.result.failure.message == "vars.x is a number, so nothing can be added to it"


@pytest.mark.parametrize(
    "steps",
    [
        [
            {"action": "variable", "name": "x", "value": "0123456789"},
            {
                "action": "while",
                "condition": "true",
                "steps": [{"action": "variable", "name": "x", "value": "${vars.x}${vars.x}"}],
            },
        ],
        [
            {"action": "variable", "name": "x", "value": [1]},
            {
                "action": "while",
                "condition": "true",
                "steps": [{"action": "variable", "name": "x", "value": ["${vars.x}", "${vars.x}"]}],
            },
        ],
        [
            {"action": "append", "name": "x", "value": 1},
            {
                "action": "while",
                "condition": "true",
                "steps": [{"action": "append", "name": "x", "items": "${vars.x}"}],
            },
        ],
    ],
)
async def test_a_flow_that_doubles_what_it_holds_is_stopped(steps: list[JsonObject]) -> None:
    ran = await run_flow(flow_of(*steps))

    assert ran.result.failure is not None
    assert ran.result.failure.code == "value_too_large"


async def test_a_large_result_is_kept_but_not_told_in_full() -> None:
    rows: JsonValue = [{"n": index} for index in range(5_000)]
    flow = flow_of({**extract("tr", all=True), "id": "rows"}, outputs={"n": "${steps.rows.result.length}"})
    ran = await run_flow(flow, Script({"tr": gives(rows)}))

    [finished] = [fact for fact in ran.facts.all if isinstance(fact, StepFinished)]
    assert finished.result == {"omitted": "a list of 5,000"}
    assert ran.result.outputs == {"n": 5_000}


async def test_data_is_saved_in_the_runs_folder_and_told(tmp_path: Path) -> None:
    flow = flow_of(
        {
            "id": "saved",
            "action": "save_data",
            "file": "${run.id}/orders.json",
            "data": {"rows": "${params.rows}"},
        },
        params={"rows": {"type": "array", "default": [1, 2]}},
        outputs={"file": "${steps.saved.result.file}"},
    )
    ran = await run_flow(flow, data=tmp_path / "data")

    path = tmp_path / "data" / "run7" / "orders.json"
    assert json.loads(path.read_text()) == {"rows": [1, 2]}
    assert [fact for fact in ran.facts.all if isinstance(fact, DataSaved)] == [
        DataSaved("data/run7/orders.json", "json", 1, path.stat().st_size)
    ]
    assert ran.result.outputs == {"file": "data/run7/orders.json"}


async def test_data_cannot_be_saved_outside_the_runs_folder(tmp_path: Path) -> None:
    flow = flow_of({"action": "save_data", "file": "${params.name}", "data": 1}, params={"name": {}})
    ran = await run_flow(flow, given={"name": "../../evil.json"}, data=tmp_path / "runs" / "data")

    assert ran.result.failure is not None
    assert ran.result.failure.code == "unsafe_path"
    assert [fact for fact in ran.facts.all if isinstance(fact, DataSaved)] == []


async def test_outputs_that_cannot_be_made_fail_the_flow() -> None:
    flow = flow_of({**extract("tr"), "id": "row"}, outputs={"name": "${steps.row.result.name}"})
    ran = await run_flow(flow, Script({"tr": gives({"nam": 1})}))

    assert ran.result.outcome is Outcome.FAILED
    assert ran.result.failure is not None
    assert "outputs: ${steps.row.result.name}: steps.row.result has no key 'name'" in ran.result.failure.message


async def test_the_run_has_a_day_and_an_id() -> None:
    flow = flow_of(CLICK, outputs={"id": "${run.id}", "day": "${run.date}", "flow": "${run.flow}"})
    ran = await run_flow(flow)

    assert (ran.result.outputs["id"], ran.result.outputs["flow"]) == ("run7", "test")
    assert len(str(ran.result.outputs["day"])) == 10


async def test_bugs_pass_through_and_leave_no_step_open() -> None:
    def broken(asked: JsonObject) -> ActionResult:
        raise ZeroDivisionError("a bug in the engine")

    facts = Facts()
    flow = flow_of(click("#a", on_error="continue", retry=3))
    interpreter = FlowInterpreter(
        flow, bind_params(flow, {}), perform=Script({"#a": broken}), facts=facts, data_dir=Path("/nonexistent")
    )

    with pytest.raises(ZeroDivisionError):
        await interpreter.run()
    assert facts.steps == [">1", "1 cancelled"]


async def test_every_step_has_a_title_for_people() -> None:
    flow = flow_of(
        {"action": "navigate", "url": "http://127.0.0.1/${params.p}"},
        {"action": "fill", "selector": ["#a", "#b"], "text": "hidden"},
        {"action": "reload"},
        {"action": "variable", "name": "x", "value": 1},
        {"action": "append", "name": "y", "value": 1},
        {"action": "if", "condition": "${params.p} == 'q'", "then": []},
        {"action": "for_each", "items": "${vars.y}", "as": "row", "steps": []},
        {"action": "while", "condition": "false", "steps": []},
        {"action": "group", "title": "  lots of \n text ${params.p}", "steps": []},
        {"action": "group", "steps": []},
        {"action": "group", "title": "${vars.y[9]}", "steps": []},
        {"action": "group", "title": "x" * 500, "steps": []},
        {"action": "fail", "message": "stop ${params.p}"},
        params={"p": {"default": "q"}},
    )
    ran = await run_flow(flow)

    assert ran.facts.titles == [
        "navigate http://127.0.0.1/q",
        "fill #a",
        "reload",
        "set x",
        "append to y",
        "if ${params.p} == 'q'",
        "for each row in ${vars.y}",
        "while false",
        "lots of text q",
        "group of 0 steps",
        "${vars.y[9]}",
        "x" * 119 + "…",
        "fail: stop q",
    ]
