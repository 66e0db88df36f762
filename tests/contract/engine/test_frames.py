"""Frames: how one is named, and that every kind of action works inside, whatever process it lives in."""

from __future__ import annotations

import re

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import do, fails, go, js
from tests.support.site import Site

# The same page in a frame: of the same origin, nested, of another origin, of another site, and nested in that.
FRAMES = {
    "same": "same",
    "nested": "inside",
    "cross": "cross",
    "cross-site": "*//localhost*/frame_inner.html*",
}


@pytest.mark.parametrize(("who", "frame"), FRAMES.items())
async def test_a_click_and_a_fill_inside_a_frame(engine: BrowserEngine, site: Site, who: str, frame: str) -> None:
    """Contract, both engines: real input reaches the frame, also one in a process of its own."""
    await go(engine, site.url("frames.html"))

    await do(engine, "fill", frame=frame, selector="#note", text=f"for {who}")
    await do(engine, "click", frame=frame, selector="#buy")

    (beacon,) = site.beacons("buy")
    seen = "nested" if who == "cross-site" else who
    assert beacon.details == {"who": seen, "note": f"for {who}", "isTrusted": True}


@pytest.mark.parametrize(("who", "frame"), FRAMES.items())
async def test_reading_inside_a_frame(engine: BrowserEngine, site: Site, who: str, frame: str) -> None:
    """Contract, both engines: extract, evaluate and wait_for see the frame's own document."""
    await go(engine, site.url("frames.html"))
    seen = "nested" if who == "cross-site" else who

    await do(engine, "wait_for", frame=frame, selector="#who")

    assert (await do(engine, "extract", frame=frame, selector="#who"))["result"] == seen
    assert await js(engine, "[document.title, self === top]", frame=frame) == ["Inner frame", False]


async def test_typing_inside_a_frame(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: keys go to the frame that has the focus."""
    await go(engine, site.url("frames.html"))

    for frame in FRAMES.values():
        await do(engine, "type", frame=frame, selector="#note", text="typed")
        await do(engine, "press", frame=frame, selector="#note", key="Backspace")
        assert await js(engine, "note.value", frame=frame) == "type"


@pytest.mark.parametrize(
    "frame", ["same", "#same", "iframe[title='Same origin']", "*/frame_inner.html?who=same", "xpath=//iframe[1]"]
)
async def test_a_frame_goes_by_name_selector_or_address(engine: BrowserEngine, site: Site, frame: str) -> None:
    """Contract, both engines."""
    await go(engine, site.url("frames.html"))

    assert await js(engine, "document.getElementById('who').textContent", frame=frame) == "same"


async def test_a_list_of_frames_offers_alternatives(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the first that exists counts."""
    await go(engine, site.url("frames.html"))

    expression = "document.getElementById('who').textContent"
    assert await js(engine, expression, frame=["no-such-frame", "#same"]) == "same"


async def test_a_frame_without_an_address_can_be_clicked_in(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: srcdoc has none."""
    await go(engine, site.url("frames.html"))
    await js(engine, "addEventListener('click', () => (window.clicked = true)); null", frame="#inline")

    await do(engine, "click", frame="#inline", selector="#buy")

    assert await js(engine, "window.clicked", frame="#inline") is True


async def test_a_blank_frame_can_be_worked_in(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("frames.html"))
    await js(engine, "document.body.innerHTML = '<button id=made>Made</button>'; null", frame="#blank")

    await do(engine, "click", frame="#blank", selector="#made")


async def test_a_frame_that_comes_later_is_waited_for(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("frames.html"))
    await do(engine, "click", selector="#add-frame")

    await do(engine, "click", frame="added", selector="#buy")

    assert [beacon.details["who"] for beacon in site.beacons("buy")] == ["added"]


async def test_a_missing_frame_is_an_error(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: with its name and the seconds waited."""
    await go(engine, site.url("frames.html"))

    result = await fails(engine, "click", "frame_not_found", frame="no-such-frame", selector="#buy", timeout_ms=500)

    assert "no-such-frame" in str(result.error)
    assert re.search(r"within [0-2]\.\d s", str(result.error)), result.error


async def test_what_is_in_a_frame_is_not_in_the_page(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: frames are looked into only when named."""
    await go(engine, site.url("frames.html"))

    await fails(engine, "click", "element_not_found", selector="#note", timeout_ms=400)


async def test_a_missing_element_names_the_frame(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the error says where it was looked for."""
    await go(engine, site.url("frames.html"))

    result = await fails(engine, "click", "element_not_found", frame="same", selector="#nothing", timeout_ms=3_000)

    assert "frame_inner.html?who=same" in str(result.error)


async def test_a_frame_that_is_removed_is_an_error_of_its_own(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: at once, not at the deadline."""
    await go(engine, site.url("detached.html"))
    await js(engine, "setTimeout(() => document.getElementById('frame').remove(), 200); null")

    result = await fails(engine, "click", "frame_detached", frame="frame", selector="#comes-never", timeout_ms=8000)

    assert result.duration_ms < 4000


async def test_a_frame_that_navigates_is_waited_through(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the next document of the frame is the same frame."""
    await go(engine, site.url("frames.html"))
    await do(engine, "click", selector="#navigate-frame")

    await do(engine, "wait_for", frame="#same", text="navigated")
    await do(engine, "click", frame="#same", selector="#buy")

    assert [beacon.details["who"] for beacon in site.beacons("buy")] == ["navigated"]


async def test_a_link_inside_a_frame_navigates_the_frame(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the click waits for the frame's new document, and the page stays."""
    await go(engine, site.url("frames.html"))

    await do(engine, "click", frame="same", selector="#link")

    assert await js(engine, "document.title", frame="#same") == "Page B"
    assert engine.current_url == site.url("frames.html")


async def test_a_link_out_of_a_frame_navigates_the_page(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: and the click waits for that."""
    await go(engine, site.url("frames.html"))

    await do(engine, "click", frame="same", selector="#break-out")

    assert engine.current_url == site.url("a.html")


async def test_a_frame_can_be_sent_elsewhere(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: navigate takes a frame as every action does."""
    await go(engine, site.url("frames.html"))

    metadata = await do(engine, "navigate", frame="same", url=site.url("b.html"))

    assert metadata["url"] == site.url("b.html")
    assert await js(engine, "document.title", frame="#same") == "Page B"
    assert engine.current_url == site.url("frames.html")


async def test_a_frame_covered_by_the_page_around_it_is_covered(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what lies on top of the frame takes the click."""
    await go(engine, site.url("frames.html"))
    await js(
        engine,
        "document.body.insertAdjacentHTML('beforeend', '<div id=lid style=\"position:fixed;inset:0\"></div>'); null",
    )

    result = await fails(engine, "click", "element_covered", frame="same", selector="#buy", timeout_ms=700)

    assert 'id="lid"' in str(result.error)
    assert site.beacons("buy") == []


async def test_a_point_of_a_frame_taller_than_the_viewport_is_scrolled_to(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: it is not enough that some of the frame shows."""
    inner = "<div style='height: 1500px'></div><button id=deep onclick='window.hit = true'>Deep</button>"
    site.set_page("/tall.html", f"<iframe name=tall style='height: 2000px' srcdoc=\"{inner}\"></iframe>")
    await go(engine, site.url("tall.html"))

    await do(engine, "click", frame="tall", selector="#deep")

    assert await js(engine, "window.hit", frame="tall") is True


async def test_a_frame_far_below_is_scrolled_to(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the page around the frame scrolls, too, over processes."""
    other = site.other_url("frame_inner.html?who=far", cross_site=True)
    site.set_page(
        "/below.html",
        f"<div style='height: 3000px'></div><iframe name=near src='/frame_inner.html?who=near'></iframe>"
        f"<div style='height: 3000px'></div><iframe name=far src='{other}'></iframe><div style='height: 900px'></div>",
    )
    await go(engine, site.url("below.html"))

    await do(engine, "click", frame="near", selector="#buy")
    await do(engine, "click", frame="far", selector="#buy")

    assert [beacon.details["who"] for beacon in site.beacons("buy")] == ["near", "far"]


async def test_a_sandboxed_frame_with_its_document_inside_is_found_by_name(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: it may run in a process of its own, which tells nothing of such a document."""
    site.set_page("/around", "<iframe name=inner sandbox='allow-scripts' srcdoc='<input id=field>'></iframe>")
    await go(engine, site.url("around"))
    await do(engine, "fill", selector="#field", text="abc", frame="inner")
    assert await js(engine, "[origin, field.value]", frame="inner") == ["null", "abc"]
