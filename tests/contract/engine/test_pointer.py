"""Hovering, the raw mouse, and scrolling."""

from __future__ import annotations

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import do, fails, go, js
from tests.support.site import Site


async def test_a_hover_opens_a_menu_that_can_be_clicked(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the pointer stays where it was put."""
    await go(engine, site.url("hover.html"))

    await do(engine, "hover", selector="#menu")
    await do(engine, "click", selector="#archive")

    assert site.hits("/hit/archive") == 1


async def test_a_hover_is_a_real_movement(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the page sees trusted events, at the position asked for."""
    await go(engine, site.url("hover.html"))

    metadata = await do(engine, "hover", selector="#drifting", position={"x": 7, "y": 9})

    seen = await js(engine, "window.pointer")
    assert [kind for kind, *_ in seen][:1] == ["mouseenter"]
    border = 2
    assert seen[-1][1:3] == pytest.approx([7 - border, 9 - border], abs=1)
    assert all(trusted for *_, trusted in seen)
    assert metadata["point"]["x"] == pytest.approx(metadata["box"]["x"] + 7)


async def test_the_pointer_leaves_what_it_hovered_before(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: there is one pointer."""
    await go(engine, site.url("hover.html"))
    await do(engine, "hover", selector="#tip")
    await do(engine, "wait_for", selector="#tip-text", state="visible")

    await do(engine, "hover", selector="#drifting")

    await do(engine, "wait_for", selector="#tip-text", state="hidden")
    assert len(site.beacons("hovered")) == 1


async def test_a_disabled_button_can_be_hovered(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: its tooltip is what one wants to see."""
    await go(engine, site.url("disabled_then_enabled.html"))

    await do(engine, "hover", selector="#never", timeout_ms=2000)


async def test_focus_gives_the_keyboard_to_an_element(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what is typed then goes there."""
    await go(engine, site.url("keyboard.html"))

    await do(engine, "focus", selector="#area")
    await do(engine, "type", text="x")

    assert await js(engine, "area.value") == "x"


async def test_focus_on_a_label_goes_to_its_field(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a label stands for what it labels."""
    await go(engine, site.url("selectors.html"))

    await do(engine, "focus", selector="text=Street")

    assert await js(engine, "document.activeElement.id") == "street"


async def test_focus_says_when_nothing_matches(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("keyboard.html"))

    await fails(engine, "focus", "element_not_found", selector="#nothing", timeout_ms=300)


async def test_the_mouse_can_be_moved_pressed_and_released_by_hand(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: raw input for what no other action does."""
    await go(engine, site.url("clicks.html"))
    x, y = await js(engine, "(({x, y}) => [x + 20, y + 30])(area.getBoundingClientRect())")

    await do(engine, "mouse", kind="move", x=x, y=y)
    await do(engine, "mouse", kind="down", x=x, y=y)
    assert site.beacons("area") == []
    await do(engine, "mouse", kind="up", x=x, y=y)

    (click,) = site.beacons("area")
    assert click.details["offsetX"] == pytest.approx(20, abs=1)
    assert click.details["isTrusted"] is True


async def test_the_mouse_clicks_at_a_place(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: with the button that is named."""
    await go(engine, site.url("clicks.html"))
    x, y = await js(engine, "(({x, y}) => [x + 5, y + 5])(plain.getBoundingClientRect())")

    await do(engine, "mouse", kind="click", x=x, y=y)
    await do(engine, "mouse", kind="click", x=x, y=y, button="right")

    assert [beacon.details["type"] for beacon in site.beacons("plain")] == ["click", "contextmenu", "auxclick"]


async def test_the_mouse_moves_in_steps(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: `steps` is the number of movements on the way."""
    await go(engine, site.url("clicks.html"))
    await do(engine, "mouse", kind="move", x=10, y=10)
    await js(engine, "window.moves = []; addEventListener('mousemove', (event) => moves.push(event.clientX)); null")

    await do(engine, "mouse", kind="move", x=110, y=10, steps=5)
    await do(engine, "wait_for", expression="moves.at(-1) === 110")

    # A page that cannot keep up may see several movements as one.
    moves = await js(engine, "moves")
    assert moves == sorted(moves)
    assert 2 <= len(moves) <= 5


async def test_the_wheel_turns(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the page sees the wheel and scrolls."""
    await go(engine, site.url("scrolling.html"))

    await do(engine, "mouse", kind="wheel", x=500, y=600, delta_y=240)

    await do(engine, "wait_for", expression="scrollY === 240")
    assert await js(engine, "window.wheels") == [[0, 240]]


async def test_scroll_brings_an_element_into_view(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: wholly, and not under the sticky header."""
    await go(engine, site.url("scrolling.html"))

    await do(engine, "scroll", selector="#far")

    top, bottom, height = await js(
        engine, "(({top, bottom}) => [top, bottom, innerHeight])(far.getBoundingClientRect())"
    )
    assert 80 <= top < bottom <= height - 60


async def test_scroll_by_pixels_moves_the_page(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a distance, so twice is twice as far."""
    await go(engine, site.url("scrolling.html"))

    await do(engine, "scroll", y=300)
    metadata = await do(engine, "scroll", y=300)

    assert await js(engine, "scrollY") == 600
    assert metadata["scroll"] == {"x": 0, "y": 600}


async def test_scroll_by_pixels_moves_a_box(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: with a selector, what is inside the element is scrolled."""
    await go(engine, site.url("scrolling.html"))

    await do(engine, "scroll", selector="#outer", y=150)
    await do(engine, "scroll", selector="#wide", x=100)

    assert await js(engine, "[outer.scrollTop, wide.scrollLeft, scrollY]") == [150, 100, 0]


async def test_scroll_says_when_nothing_matches(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("scrolling.html"))

    await fails(engine, "scroll", "element_not_found", selector="#nothing", timeout_ms=300)
