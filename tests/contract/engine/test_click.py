"""What a click is: which button, how often, where, with which keys held."""

from __future__ import annotations

from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.events.model import ActionPointed
from tests.support.engines import Facts, do, go, js
from tests.support.site import Site


async def told(engine: BrowserEngine, site: Site, selector: str, **fields: Any) -> dict[str, Any]:
    """Click and return what the page told of the event."""
    await go(engine, site.url("clicks.html"))
    await do(engine, "click", selector=selector, **fields)
    beacons = site.beacons()
    assert len(beacons) == 1, beacons
    return dict(beacons[0].details)


async def test_a_click_reaches_the_element_as_a_trusted_event(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a click is real input, not a call of a script."""
    event = await told(engine, site, "#plain")

    assert event["type"] == "click"
    assert event["target"] == "plain"
    assert event["isTrusted"] is True
    assert (event["button"], event["detail"]) == (0, 1)


async def test_a_click_presses_and_releases_in_order(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the page sees what a hand on a mouse would cause."""
    await told(engine, site, "#plain")

    expected = ["pointerdown", "mousedown", "pointerup", "mouseup", "click"]
    assert await js(engine, "window.sequence") == expected


async def test_a_click_hits_the_middle(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: without a position the middle of the element is hit."""
    event = await told(engine, site, "#area")

    assert event["offsetX"] == pytest.approx(100, abs=1)
    assert event["offsetY"] == pytest.approx(50, abs=1)


async def test_a_position_counts_from_the_top_left_corner(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: `position` is in CSS pixels from the corner of the element."""
    event = await told(engine, site, "#area", position={"x": 10, "y": 90})

    assert event["offsetX"] == pytest.approx(10, abs=1)
    assert event["offsetY"] == pytest.approx(90, abs=1)


async def test_a_position_counts_from_outside_the_border(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the border is part of the element."""
    site.set_page(
        "/border.html",
        "<style>#box { position: absolute; left: 50px; top: 60px; width: 100px; height: 100px;"
        " border: 20px solid teal; }</style><div id=box></div>"
        "<script>box.onclick = (event) => { window.at = [event.clientX, event.clientY]; };</script>",
    )
    await go(engine, site.url("border.html"))

    await do(engine, "click", selector="#box", position={"x": 5, "y": 6})

    assert await js(engine, "window.at") == [55, 66]


@pytest.mark.parametrize(("button", "number", "kind"), [("right", 2, "contextmenu"), ("middle", 1, "auxclick")])
async def test_another_button_is_pressed_when_named(
    engine: BrowserEngine, site: Site, button: str, number: int, kind: str
) -> None:
    """Contract, both engines: the right and the middle button cause their own events and no click."""
    await go(engine, site.url("clicks.html"))

    await do(engine, "click", selector="#plain", button=button)

    events = {beacon.details["type"]: beacon.details for beacon in site.beacons("plain")}
    assert "click" not in events
    assert events[kind]["button"] == number


async def test_two_clicks_are_a_double_click(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: click_count 2 is what a quick finger does."""
    await go(engine, site.url("clicks.html"))

    await do(engine, "click", selector="#plain", click_count=2)

    seen = [(beacon.details["type"], beacon.details["detail"]) for beacon in site.beacons("plain")]
    assert seen == [("click", 1), ("click", 2), ("dblclick", 2)]


async def test_three_clicks_count_to_three(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a triple click selects a paragraph, so its count must be right."""
    await go(engine, site.url("clicks.html"))

    await do(engine, "click", selector="#plain", click_count=3)

    clicks = [beacon.details["detail"] for beacon in site.beacons("plain") if beacon.details["type"] == "click"]
    assert clicks == [1, 2, 3]


async def test_dblclick_is_one_action(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: dblclick is click with a count of two."""
    await go(engine, site.url("clicks.html"))

    await do(engine, "dblclick", selector="#area", position={"x": 20, "y": 30})

    (double,) = [beacon.details for beacon in site.beacons("area") if beacon.details["type"] == "dblclick"]
    assert (double["detail"], double["isTrusted"]) == (2, True)
    assert double["offsetX"] == pytest.approx(20, abs=1)


async def test_two_separate_clicks_are_no_double_click(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: two actions in a row are two single clicks, however quick they are."""
    await go(engine, site.url("clicks.html"))

    await do(engine, "click", selector="#plain")
    await do(engine, "click", selector="#plain")

    assert [beacon.details["detail"] for beacon in site.beacons("plain")] == [1, 1]


@pytest.mark.parametrize(
    ("modifier", "flag"), [("Shift", "shift"), ("Control", "control"), ("Alt", "alt"), ("Meta", "meta")]
)
async def test_a_modifier_is_held_during_the_click(engine: BrowserEngine, site: Site, modifier: str, flag: str) -> None:
    """Contract, both engines: the page sees the key as held, and only this one."""
    event = await told(engine, site, "#plain", modifiers=[modifier])

    assert [name for name in ("shift", "control", "alt", "meta") if event[name]] == [flag]


async def test_several_modifiers_are_held_together(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    event = await told(engine, site, "#plain", modifiers=["Shift", "Control"])

    assert (event["shift"], event["control"], event["alt"]) == (True, True, False)


async def test_modifiers_are_let_go_after_the_click(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the next click has no keys held."""
    await go(engine, site.url("clicks.html"))
    await do(engine, "click", selector="#plain", modifiers=["Shift"])

    await do(engine, "click", selector="#second")

    assert site.beacons("second")[0].details["shift"] is False


async def test_the_result_says_where_the_click_was(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: metadata and the stream of facts name the box and the point in the viewport."""
    await go(engine, site.url("clicks.html"))

    metadata = await do(engine, "click", selector="#area")

    event = site.beacons("area")[0].details
    rect = await js(engine, "(({x, y, width, height}) => ({x, y, width, height}))(area.getBoundingClientRect())")
    assert metadata["box"] == pytest.approx(rect)
    assert metadata["point"]["x"] == pytest.approx(event["clientX"], abs=1)
    assert metadata["point"]["y"] == pytest.approx(event["clientY"], abs=1)
    (pointed,) = facts.of(ActionPointed)
    assert (pointed.point.x, pointed.point.y) == pytest.approx((metadata["point"]["x"], metadata["point"]["y"]))
    assert pointed.box.width == pytest.approx(200)


async def test_a_click_on_a_child_counts_for_the_button_around_it(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: events bubble, so the inside of a button is as good as the button."""
    await told(engine, site, "text=Text")

    assert [beacon.name for beacon in site.beacons()] == ["nested-text"]


async def test_a_turned_and_scaled_element_is_hit(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: transforms move the middle along."""
    event = await told(engine, site, "#turned")

    assert event["target"] == "turned"


async def test_a_link_over_two_lines_is_hit_on_its_text(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the middle of the bounding box of wrapped text may be empty."""
    event = await told(engine, site, "#wrapping")

    assert event["target"] == "wrapping"


async def test_the_first_visible_match_is_clicked(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: several matches are no error; the first that can be seen is meant."""
    event = await told(engine, site, "text=Same")

    assert event["target"] == "same"


async def test_a_label_ticks_its_box(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: clicking a label clicks what it labels."""
    await go(engine, site.url("clicks.html"))

    await do(engine, "click", selector="#label")

    assert await js(engine, "box.checked") is True


async def test_an_element_that_removes_itself_was_clicked_once(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: success although the element is gone when the click is over."""
    await told(engine, site, "#removed")

    assert await js(engine, "document.getElementById('removed')") is None


async def test_an_element_that_changes_under_the_pointer_is_clicked_once(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a button that shrinks on mouse down has been clicked all the same."""
    event = await told(engine, site, "#shrinking")

    assert event["target"] == "shrinking"


async def test_a_throwing_handler_is_the_pages_matter(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the click has arrived; what the page makes of it is a page error."""
    event = await told(engine, site, "#throws")

    assert event["target"] == "throws"
