"""Dragging: the browser's own drag and drop, and what pages build from pointer events."""

from __future__ import annotations

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import do, fails, go, js
from tests.support.site import Site


async def test_native_drag_and_drop_carries_the_data(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the drop target gets what the source gave, and the source hears how it ended."""
    await go(engine, site.url("drag.html"))

    await do(engine, "drag", selector="#card", target="#bin")

    dropped = await site.until_beacon("dropped")
    assert dropped.details["data"] == "card 7"
    ended = await site.until_beacon("drag-ended")
    assert ended.details["effect"] == "move"
    assert await js(engine, "bin.contains(card)") is True


async def test_native_drag_events_come_in_order(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: start, enter, over, drop, end."""
    await go(engine, site.url("drag.html"))

    await do(engine, "drag", selector="#card", target="#bin")
    await site.until_beacon("drag-ended")

    kinds = [kind for kind, target in await js(engine, "window.drags") if target in ("card", "bin")]
    order = [kinds.index(kind) for kind in ("dragstart", "dragenter", "dragover", "drop", "dragend")]
    order_of_bin = await js(
        engine, "window.drags.filter(([, target]) => target === 'bin').map(([kind]) => kind).slice(0, 2)"
    )
    assert order[0] == 0
    assert order[3] < order[4]
    assert order_of_bin == ["dragenter", "dragover"]


async def test_a_drop_lands_at_the_target_position(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: positions count from the corners of source and target."""
    await go(engine, site.url("drag.html"))

    await do(
        engine,
        "drag",
        selector="#card",
        target="#bin",
        source_position={"x": 5, "y": 5},
        target_position={"x": 30, "y": 40},
    )

    dropped = await site.until_beacon("dropped")
    border = 2
    assert dropped.details["x"] == pytest.approx(30 - border, abs=1)
    assert dropped.details["y"] == pytest.approx(40 - border, abs=1)


async def test_a_target_that_refuses_gets_no_drop(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the drag happened; that the page refuses is its right."""
    await go(engine, site.url("drag.html"))

    await do(engine, "drag", selector="#card", target="#refuses")

    ended = await site.until_beacon("drag-ended")
    assert ended.details["effect"] == "none"
    assert site.beacons("dropped") == []


async def test_dragging_by_pointer_events_moves_in_steps(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a slider follows the pointer."""
    await go(engine, site.url("drag.html"))

    await do(engine, "drag", selector="#knob", target="#rail", target_position={"x": 220, "y": 18})

    knob = await site.until_beacon("knob")
    assert knob.details["left"] == pytest.approx(200, abs=2)
    assert knob.details["isTrusted"] is True
    assert isinstance(knob.details["moves"], int)
    assert knob.details["moves"] >= 2


async def test_after_a_drag_the_button_is_up(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: moving on afterwards drags nothing."""
    await go(engine, site.url("drag.html"))
    await do(engine, "drag", selector="#knob", target="#rail", target_position={"x": 120, "y": 18})
    left = (await site.until_beacon("knob")).details["left"]

    await do(engine, "hover", selector="#bin")

    assert await js(engine, "knob.offsetLeft") == left


async def test_a_missing_target_is_an_error_and_nothing_is_picked_up(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: source and target are found before the button goes down."""
    await go(engine, site.url("drag.html"))

    result = await fails(engine, "drag", "element_not_found", selector="#card", target="#nowhere", timeout_ms=400)

    assert "#nowhere" in str(result.error)
    assert await js(engine, "window.drags") == []
