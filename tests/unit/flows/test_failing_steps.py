"""When a step of a flow fails, is too slow or is cancelled: attempts, recovery, deadlines, and what is told."""

from __future__ import annotations

from pathlib import Path

import anyio

from bykilt.events.model import Failure, Outcome
from bykilt.flows.interpreter import FlowInterpreter
from bykilt.json_types import JsonObject
from tests.unit.flows.scripted import DONE, Facts, Script, click, fails, flow_of, run_flow


async def test_a_step_is_tried_again_until_it_succeeds() -> None:
    script = Script({"#a": [fails(), fails(), DONE]})
    ran = await run_flow(flow_of(click("#a", id="a", retry={"attempts": 5, "delay_ms": 0})), script)

    assert ran.result.outcome is Outcome.SUCCEEDED
    assert ran.facts.steps == [">a", "a failed", ">a (2)", "a failed", ">a (3)", "a succeeded"]


async def test_a_group_is_tried_again_as_a_whole_and_the_last_failure_counts() -> None:
    script = Script({"#b": [fails(message="first"), fails(message="second")]})
    group: JsonObject = {
        "action": "group",
        "retry": {"attempts": 2, "delay_ms": 0},
        "steps": [click("#a"), click("#b", id="b")],
    }
    ran = await run_flow(flow_of(group), script)

    assert [action["selector"] for action in ran.asked] == ["#a", "#b", "#a", "#b"]
    assert ran.result.failure is not None
    assert (ran.result.failure.message, ran.result.failed_step) == ("second", "b")


async def test_a_flow_goes_on_after_a_step_whose_failure_does_not_matter() -> None:
    flow = flow_of(
        click("#a", id="a", on_error="continue"),
        click("#b", when="${steps.a.error.code} == 'element_not_found'"),
        outputs={"outcome": "${steps.a.outcome}"},
    )
    ran = await run_flow(flow, Script({"#a": fails()}))

    assert ran.result.outcome is Outcome.SUCCEEDED
    assert ran.result.outputs == {"outcome": "failed"}
    assert ran.facts.steps == [">a", "a failed", ">2", "2 succeeded"]


async def test_a_failure_can_be_recovered_from_and_is_named_meanwhile() -> None:
    group: JsonObject = {
        "action": "group",
        "steps": [click("#a", id="inner")],
        "on_error": [{"action": "fill", "selector": "#why", "text": "${error.step}: ${error.code}, ${error.message}"}],
    }
    ran = await run_flow(flow_of(group, click("#after")), Script({"#a": fails("element_covered", "covered")}))

    assert ran.result.outcome is Outcome.SUCCEEDED
    assert ran.asked[1]["text"] == "inner: element_covered, covered"
    assert ran.asked[2]["selector"] == "#after"
    assert ran.facts.steps[-4:] == [">1.on_error.1", "1.on_error.1 succeeded", ">2", "2 succeeded"]


async def test_a_recovery_that_fails_ends_the_flow() -> None:
    step = click("#a", on_error=[{"id": "stop", "action": "fail", "message": "no way on: ${error.code}"}])
    ran = await run_flow(flow_of(step), Script({"#a": fails()}))

    assert ran.result.failure == Failure("failed_by_flow", "no way on: element_not_found")
    assert ran.result.failed_step == "stop"


async def test_without_a_browser_nothing_is_tried_again() -> None:
    step = click("#a", retry=5, on_error="continue")
    ran = await run_flow(flow_of(step, click("#b")), Script({"#a": fails("browser_gone", "the browser is gone")}))

    assert len(ran.asked) == 1
    assert ran.result.failure is not None
    assert ran.result.failure.code == "browser_gone"


async def test_the_deadline_of_a_step_and_the_flows_default_go_with_the_action() -> None:
    flow = flow_of(click("#a", timeout_ms=50), click("#${params.b}"), defaults={"timeout_ms": 70}, params={"b": {}})
    ran = await run_flow(flow, given={"b": "b"})

    assert [action["timeout_ms"] for action in ran.asked] == [50, 70]


async def test_a_group_ends_at_its_deadline() -> None:
    group: JsonObject = {"id": "slow", "action": "group", "timeout_ms": 30, "steps": [click("#never")]}
    ran = await run_flow(flow_of(group))

    assert ran.result.failure is not None
    assert (ran.result.failure.code, ran.result.failed_step) == ("step_timeout", "slow")
    assert ran.facts.steps == [">slow", ">slow.1", "slow.1 cancelled", "slow failed"]


async def test_cancellation_is_told_for_every_open_step_and_passes_on() -> None:
    flow = flow_of({"id": "outer", "action": "group", "on_error": "continue", "steps": [click("#never", id="inner")]})
    facts = Facts()
    interpreter = FlowInterpreter(flow, {}, perform=Script(), facts=facts, data_dir=Path("/nonexistent"))

    with anyio.move_on_after(0.05) as scope:
        await interpreter.run()

    assert scope.cancelled_caught
    assert facts.steps == [">outer", ">inner", "inner cancelled", "outer cancelled"]


async def test_a_loop_that_never_waits_can_be_cancelled() -> None:
    endless: JsonObject = {
        "action": "while",
        "condition": "true",
        "max_iterations": 1_000_000,
        "steps": [{"action": "variable", "name": "x", "value": 1}],
    }
    interpreter = FlowInterpreter(flow_of(endless), {}, perform=Script(), facts=Facts(), data_dir=Path("/nonexistent"))

    with anyio.fail_after(10), anyio.move_on_after(0.05) as scope:
        await interpreter.run()

    assert scope.cancelled_caught
