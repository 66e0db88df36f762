"""Pages that never load, never stop asking, never let go of the processor, or are enormous."""

from __future__ import annotations

from typing import Any

from bykilt.history.model import RunStatus
from tests.chaos.conftest import DoomedRuns
from tests.chaos.test_browser_dies import assert_failed, goto
from tests.support.site import Site

TIMEOUT_S = 60.0


async def test_a_page_that_never_answers_fails_its_step_at_the_steps_deadline(doomed: DoomedRuns, site: Site) -> None:
    step = goto(site.url("never")) | {"timeout_ms": 1000}
    async with doomed([step], timeout_s=TIMEOUT_S, within_s=15) as run:
        ended = await run.end()

    assert_failed(ended, "timeout", "goto")


async def test_a_page_that_never_loads_fails_the_run_at_the_runs_deadline(doomed: DoomedRuns, site: Site) -> None:
    async with doomed([goto(site.url("never_loads.html"))], timeout_s=12, within_s=45) as run:
        ended = await run.end()

    assert_failed(ended, "run_timeout", "goto")


async def test_a_page_that_never_stops_alerting_fails_the_run_within_its_deadline(
    doomed: DoomedRuns, site: Site
) -> None:
    steps = [
        goto(site.url("dialogs.html")),
        {"id": "open", "action": "click", "selector": "#endless", "timeout_ms": 2000, "on_error": "continue"},
        {"id": "after", "action": "click", "selector": "#confirm", "timeout_ms": 2000},
    ]
    async with doomed(steps, timeout_s=20, within_s=40) as run:
        ended = await run.end()

    assert ended.status is RunStatus.FAILED
    assert ended.failure is not None
    assert ended.failure.code in ("timeout", "run_timeout")
    assert ended.failed_step == "after"


async def test_a_page_that_never_lets_go_of_the_processor_fails_the_run_within_its_deadline(
    doomed: DoomedRuns, site: Site
) -> None:
    steps = [
        goto(site.url("busy.html")),
        {"id": "loop", "action": "click", "selector": "#loop", "timeout_ms": 2000, "on_error": "continue"},
        {"id": "after", "action": "click", "selector": "#buy", "timeout_ms": 2000},
    ]
    async with doomed(steps, timeout_s=20, within_s=40) as run:
        ended = await run.end()

    assert_failed(ended, "timeout", "after")
    assert site.hits("/buy") == 0


async def test_a_page_of_50_megabytes_is_worked_with_or_given_up_with_a_reason(doomed: DoomedRuns, site: Site) -> None:
    steps: list[dict[str, Any]] = [
        goto(site.url("huge.html?mb=50")),
        {"id": "count", "action": "extract", "selector": "p", "kind": "count"},
        {"id": "all", "action": "extract", "selector": "body", "kind": "html"},
        {"action": "screenshot"},
    ]
    async with doomed(steps, timeout_s=TIMEOUT_S, within_s=TIMEOUT_S + 20) as run:
        ended = await run.end()

    if ended.status is not RunStatus.SUCCEEDED:
        assert ended.failure is not None
        assert ended.failure.code in ("timeout", "run_timeout", "page_crashed", "value_too_large", "not_json")
