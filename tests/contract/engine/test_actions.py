"""What holds for every action: how it is read, its deadline, its result, its facts, its counts."""

from __future__ import annotations

from typing import Any

import pytest

from bykilt.browser.engine.actions import Click, Navigate
from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.events.model import ActionFinished, ActionLogged, ActionPointed, ActionStarted, Outcome
from tests.support.engines import VIEWPORT, Facts, NewEngine, do, fails, go, js, site_launch
from tests.support.site import Site


async def test_an_unknown_action_is_refused(engine: BrowserEngine) -> None:
    """Contract, both engines: a failed result that offers the nearest name."""
    result = await engine.dispatch({"type": "clik", "selector": "#x"})

    assert not result.success
    assert result.metadata["error_code"] == "invalid_action"
    assert result.metadata["field"] == "type"
    assert "'click'" in result.metadata["hint"]
    assert result.action_type == "clik"


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ({}, "type"),
        ({"type": 5}, "type"),
        ({"type": "click"}, "selector"),
        ({"type": "click", "selector": "#x", "buton": "left"}, "buton"),
        ({"type": "click", "selector": "#x", "button": "up"}, "button"),
        ({"type": "click", "selector": "#x", "click_count": 4}, "click_count"),
        ({"type": "click", "selector": "#x", "modifiers": ["Hyper"]}, "modifiers"),
        ({"type": "click", "selector": "#x", "position": {"x": 1}}, "position"),
        ({"type": "click", "selector": ""}, "selector"),
        ({"type": "click", "selector": []}, "selector"),
        ({"type": "click", "selector": "#x", "timeout_ms": -1}, "timeout_ms"),
        ({"type": "navigate", "url": "about:blank", "wait_until": "soon"}, "wait_until"),
        ({"type": "fill", "selector": "#x"}, "text"),
        ({"type": "select_option", "selector": "#x"}, "value"),
        ({"type": "select_option", "selector": "#x", "value": "a", "label": "b"}, "label"),
        ({"type": "wait_for"}, "selector"),
        ({"type": "wait_for", "text": "a", "url": "b"}, "url"),
        ({"type": "scroll"}, "selector"),
        ({"type": "extract", "selector": "#x", "kind": "attribute"}, "attribute"),
        ({"type": "extract", "selector": "#x", "records": {"fields": {}}}, "records"),
        ({"type": "mouse", "kind": "throw"}, "kind"),
        ({"type": "file_upload", "selector": "#x", "files": []}, "files"),
    ],
)
async def test_a_wrong_field_is_named(engine: BrowserEngine, facts: Facts, action: dict[str, Any], field: str) -> None:
    """Contract, both engines: before the page is touched."""
    result = await engine.dispatch(action)

    assert not result.success
    assert result.metadata["error_code"] == "invalid_action"
    assert result.metadata["field"] == field
    assert result.error
    assert facts.of(ActionStarted) == []


async def test_an_action_may_be_an_object(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: programs may skip JSON."""
    assert (await engine.dispatch(Navigate(url=site.url("clicks.html")))).success
    result = await engine.dispatch(Click(selector=("#plain",)))

    assert result.success
    assert result.action_type == "click"
    assert len(site.beacons("plain")) == 1


@pytest.mark.parametrize("timeout_ms", [0, 300, 1000])
async def test_the_deadline_of_an_action_is_kept(engine: BrowserEngine, timeout_ms: int) -> None:
    """Contract, both engines: not before, and not much later."""
    result = await engine.dispatch({"type": "click", "selector": "#nothing", "timeout_ms": timeout_ms})

    assert not result.success
    assert timeout_ms - 50 <= result.duration_ms <= timeout_ms + 1000


async def test_the_deadline_of_the_launch_holds_when_an_action_names_none(new_engine: NewEngine) -> None:
    """Contract, both engines."""
    engine = new_engine()
    await engine.launch(site_launch(viewport=VIEWPORT, timeout_ms=8000))
    assert engine.context.timeout_ms == 8000

    quick = new_engine()
    await quick.launch(site_launch(viewport=VIEWPORT, timeout_ms=3000))
    result = await fails(quick, "click", "element_not_found", selector="#nothing")

    assert 2900 <= result.duration_ms < 4500


async def test_a_busy_page_does_not_hold_up_the_deadline(new_engine: NewEngine, site: Site) -> None:
    """Contract, both engines: a script that never ends is no reason to wait longer than asked."""
    engine = new_engine()
    await engine.launch(site_launch(viewport=VIEWPORT))
    await go(engine, site.url("busy.html"))
    await js(engine, "setTimeout(() => { for (;;); }, 0); null")

    result = await fails(engine, "extract", "timeout", selector="h1", timeout_ms=700)

    assert result.duration_ms < 2500


async def test_an_action_begins_and_ends_with_a_fact(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: under one id, with its fields, its page and its outcome."""
    await go(engine, site.url("clicks.html"))
    facts.heard.clear()

    await do(engine, "click", selector="#plain", click_count=2)

    (started,) = facts.of(ActionStarted)
    (finished,) = facts.of(ActionFinished)
    assert started.call_id == finished.call_id
    assert (started.action, started.title) == ("click", "click #plain")
    assert started.params == {"selector": "#plain", "click_count": 2}
    assert started.page_id == engine.current_page
    assert finished.outcome is Outcome.SUCCEEDED
    assert finished.url == site.url("clicks.html")
    assert finished.end_ms == pytest.approx(started.start_ms + finished.duration_ms, abs=50)
    (pointed,) = facts.of(ActionPointed)
    assert pointed.call_id == started.call_id


async def test_a_failed_action_ends_with_its_failure(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: the same code, text and hint as in the result; the log says what was waited for."""
    await go(engine, site.url("covered.html"))

    result = await fails(engine, "click", "element_covered", selector="#buy", timeout_ms=500)

    finished = facts.of(ActionFinished)[-1]
    assert finished.outcome is Outcome.FAILED
    assert finished.failure is not None
    assert (finished.failure.code, finished.failure.message) == ("element_covered", result.error)
    assert finished.failure.hint == result.metadata["hint"]
    lines = [fact.message for fact in facts.of(ActionLogged) if fact.call_id == finished.call_id]
    assert any("#buy" in line for line in lines)
    assert len(lines) < 20


async def test_ids_of_calls_are_unique(engine: BrowserEngine, facts: Facts) -> None:
    """Contract, both engines."""
    for _ in range(3):
        await js(engine, "1")

    ids = [fact.call_id for fact in facts.of(ActionStarted)]
    assert len(set(ids)) == len(ids) == 3


async def test_actions_are_counted(new_engine: NewEngine, engine_type: str) -> None:
    """Contract, both engines: by kind and by error, refused ones too."""
    engine = new_engine()
    await engine.launch(site_launch(viewport=VIEWPORT))

    await go(engine, "about:blank")
    await js(engine, "1")
    await js(engine, "2")
    await fails(engine, "click", "element_not_found", selector="#nothing", timeout_ms=200)
    await fails(engine, "click", "invalid_action")

    metrics = engine.get_metrics()
    assert metrics.engine_type == engine_type
    assert (metrics.total_actions, metrics.failed_actions) == (5, 2)
    assert metrics.actions_by_type == {"navigate": 1, "evaluate_js": 2, "click": 2}
    assert metrics.errors_by_code == {"element_not_found": 1, "invalid_action": 1}
    assert metrics.launch_duration_ms > 0
    assert metrics.average_duration_ms == pytest.approx(metrics.total_duration_ms / 5)


async def test_a_result_holds_what_its_kind_promises(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: success and failure have the same form."""
    good = await engine.dispatch({"type": "navigate", "url": site.url("a.html")})
    bad = await engine.dispatch({"type": "click", "selector": "#nothing", "timeout_ms": 100})

    assert (good.success, good.error) == (True, None)
    assert "error_code" not in good.metadata
    assert (bad.success, bad.artifacts) == (False, {})
    assert bad.error
    assert bad.metadata["hint"]
    assert good.duration_ms > 0
