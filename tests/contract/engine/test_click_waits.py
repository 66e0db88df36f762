"""What a click waits for before it happens: presence, sight, stillness, being enabled, a free way."""

from __future__ import annotations

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import do, go, js
from tests.support.site import Site


async def test_click_waits_until_the_overlay_is_gone(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a covered button is not clicked until it is free."""
    await go(engine, site.url("overlay_leaves_after_300ms.html"))

    await do(engine, "click", selector="#buy")

    assert site.hits("/buy") == 1
    assert site.hits("/hit/overlay") == 0


@pytest.mark.parametrize("button", ["by-css", "by-script"])
async def test_click_waits_until_the_button_has_come_to_rest(engine: BrowserEngine, site: Site, button: str) -> None:
    """Contract, both engines: whether a style sheet or a script moves it, the click lands on the element itself."""
    await go(engine, site.url("moving.html"))

    await do(engine, "click", selector=f"#{button}")

    (beacon,) = site.beacons(button)
    assert beacon.details["isTrusted"] is True


async def test_click_follows_an_animation_to_its_end(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what a style sheet animates is known to move, so the click waits for the end."""
    await go(engine, site.url("moving.html"))

    await do(engine, "click", selector="#by-css")

    assert site.beacons("by-css")[0].details["left"] == 500


async def test_click_waits_until_the_button_is_enabled(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a disabled button is given the time to become usable."""
    await go(engine, site.url("disabled_then_enabled.html"))

    await do(engine, "click", selector="#later")

    assert site.hits("/hit/later") == 1


async def test_click_waits_until_the_element_exists(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: an element that comes later is waited for."""
    await go(engine, site.url("detached.html"))

    await do(engine, "click", selector="#late")

    assert len(site.beacons("late")) == 1


async def test_click_waits_until_the_element_is_shown(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: an element that is there but hidden is waited for."""
    await go(engine, site.url("visibility.html"))
    await js(engine, "document.getElementById('appears').onclick = () => { window.clicked = true; }")

    await do(engine, "click", selector="#appears")

    assert await js(engine, "window.clicked") is True


async def test_click_takes_the_element_that_replaced_the_first(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a page that renders anew does not strand the action on a dead element."""
    await go(engine, site.url("detached.html"))

    await do(engine, "click", selector="#replaced")

    assert [beacon.details["generation"] for beacon in site.beacons("replaced")] == [2]


async def test_click_gets_through_to_an_element_that_is_made_anew_all_the_time(
    engine: BrowserEngine, site: Site
) -> None:
    """Contract, both engines: exactly one of its generations is clicked, and only once."""
    await go(engine, site.url("detached.html"))

    await do(engine, "click", selector="#flicker")

    assert len(site.beacons("flicker")) == 1


async def test_click_does_not_wait_for_the_page_to_finish_loading(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what can be clicked is clicked, although an image never comes."""
    await go(engine, site.url("never_loads.html"), wait_until="domcontentloaded")

    await do(engine, "click", selector="#buy", timeout_ms=3000)

    assert site.hits("/buy") == 1


async def test_click_waits_through_a_busy_script(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a page that is busy for a second answers after it."""
    await go(engine, site.url("busy.html"))
    await do(engine, "click", selector="#one-second")

    await do(engine, "click", selector="#buy")

    assert (site.hits("/hit/one-second"), site.hits("/buy")) == (1, 1)


@pytest.mark.parametrize("button", ["near", "nested", "right-edge", "cut", "far", "bottom"])
async def test_click_scrolls_to_what_is_out_of_sight(engine: BrowserEngine, site: Site, button: str) -> None:
    """Contract, both engines: in nested boxes, sideways, far below, and out from under a sticky header."""
    await go(engine, site.url("scrolling.html"))

    await do(engine, "click", selector=f"#{button}")

    assert site.hits(f"/hit/{button}") == 1


async def test_click_brings_the_element_out_from_under_a_sticky_header(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: in the viewport is not enough when something lies on top."""
    await go(engine, site.url("scrolling.html"))
    await js(engine, "far.scrollIntoView({ block: 'start' })")

    await do(engine, "click", selector="#far")

    assert site.hits("/hit/far") == 1


async def test_click_ignores_what_takes_no_pointer_events(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a pane of glass in front is no obstacle."""
    await go(engine, site.url("covered.html"))

    await do(engine, "click", selector="#see-through")

    assert site.hits("/hit/see-through") == 1


async def test_click_accepts_the_elements_own_child(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what lies on top is part of the button."""
    await go(engine, site.url("covered.html"))

    await do(engine, "click", selector="#own-child")

    assert site.hits("/hit/own-child") == 1


async def test_click_accepts_a_label_on_top_of_its_box(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a label passes the click on to its box."""
    await go(engine, site.url("covered.html"))

    await do(engine, "click", selector="#covered-box")

    assert await js(engine, "document.getElementById('covered-box').checked") is True


async def test_click_on_the_free_half_of_a_covered_button(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: only the point that is hit has to be free."""
    await go(engine, site.url("covered.html"))

    await do(engine, "click", selector="#half", position={"x": 10, "y": 10})

    assert site.hits("/hit/half") == 1


async def test_force_clicks_without_waiting(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: `force` sends the event to the place, whatever lies there."""
    await go(engine, site.url("covered.html"))

    await do(engine, "click", selector="#buy", force=True, timeout_ms=2000)

    assert site.hits("/hit/buy") == 0
    assert site.hits("/hit/overlay") == 1


async def test_force_clicks_what_never_stops_moving(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: `force` does not wait for stillness."""
    await go(engine, site.url("moving.html"))

    await do(engine, "click", selector="#endless", force=True, timeout_ms=2000)
