"""Lists of actions carried out without coming back in between."""

from __future__ import annotations

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import go
from tests.support.site import Site


async def test_all_actions_of_a_list_are_carried_out_in_order(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: one result each."""
    await go(engine, site.url("clicks.html"))

    results = await engine.execute_many(
        [
            {"type": "evaluate_js", "expression": "document.title = 'one'"},
            {"type": "evaluate_js", "expression": "document.title += ' two'"},
            {"type": "click", "selector": "#plain"},
            {"type": "evaluate_js", "expression": "document.title"},
        ]
    )

    assert [result.success for result in results] == [True] * 4
    assert results[-1].metadata["result"] == "one two"
    assert len(site.beacons("plain")) == 1


async def test_the_first_failure_ends_the_list(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: nothing after it is begun."""
    await go(engine, site.url("clicks.html"))

    results = await engine.execute_many(
        [
            {"type": "click", "selector": "#nowhere", "timeout_ms": 300},
            {"type": "click", "selector": "#plain"},
        ]
    )

    assert [result.success for result in results] == [False]
    assert results[0].metadata["error_code"] == "element_not_found"
    assert site.beacons("plain") == []


async def test_a_list_may_go_on_after_a_failure(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: when asked to."""
    await go(engine, site.url("clicks.html"))

    results = await engine.execute_many(
        [{"type": "click"}, {"type": "click", "selector": "#plain"}], stop_on_failure=False
    )

    assert [result.success for result in results] == [False, True]
    assert results[0].metadata["error_code"] == "invalid_action"
    assert len(site.beacons("plain")) == 1
