"""Waiting for the page that an action opens: which one it is, what is said of it, and what when none opens."""

from __future__ import annotations

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.events.model import PageClosed
from tests.support.engines import Facts, do, fails, go, js
from tests.support.site import Site


def click(selector: str, **more: object) -> dict[str, object]:
    """Return the action that opens."""
    return {"type": "click", "selector": selector, **more}


@pytest.mark.parametrize(
    ("selector", "address", "title"),
    [
        ("#tab", "b.html", "Page B"),
        ("#no-opener", "b.html", "Page B"),
        ("#open", "a.html", "Page A"),
        ("#sized", "a.html", "Page A"),
    ],
)
async def test_the_page_that_a_click_opens(
    engine: BrowserEngine, site: Site, selector: str, address: str, title: str
) -> None:
    """Contract, both engines: by link or by script, with or without a way back."""
    await go(engine, site.url("popups.html"))

    popup = await do(engine, "wait_for_popup", action=click(selector))

    assert popup["url"] == site.url(address)
    assert popup["closed"] is False
    await do(engine, "wait_for", selector="#heading", page=popup["page"])
    assert await js(engine, "document.title", page=popup["page"]) == title


async def test_the_current_page_stays(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: `switch_tab` goes over to the popup."""
    await go(engine, site.url("popups.html"))
    first = engine.current_page

    popup = await do(engine, "wait_for_popup", action=click("#open"))

    assert engine.current_page == first
    assert popup["page"] != first
    await do(engine, "switch_tab", page=popup["page"])
    assert engine.current_page == popup["page"]


async def test_a_blank_popup_is_one(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: no server was asked for it."""
    await go(engine, site.url("popups.html"))

    popup = await do(engine, "wait_for_popup", action=click("#blank"))

    assert popup["url"] == "about:blank"
    assert (await do(engine, "extract", selector="h1", page=popup["page"]))["result"] == "Filled"


async def test_the_first_of_two_popups_is_given_back(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the other can be found all the same."""
    await go(engine, site.url("popups.html"))

    popup = await do(engine, "wait_for_popup", action=click("#two"))

    assert popup["url"] in (site.url("a.html"), site.url("b.html"))


@pytest.mark.parametrize(
    ("action", "frame"),
    [
        (click("#open"), "same"),
        (click("#open"), "other"),
        (click("#open", frame="other"), None),
        (click("#bare"), "other"),
    ],
)
async def test_a_popup_of_a_frame_is_the_pages(
    engine: BrowserEngine, site: Site, action: dict[str, object], frame: str | None
) -> None:
    """Contract, both engines: also of a frame of another site; the frame may be named outside or inside."""
    inner = (
        "<button id=open onclick=\"window.open('/a.html')\">Open</button><a id=bare target=_blank href=/a.html>A</a>"
    )
    site.set_page("inner.html", inner)
    other = site.other_url("inner.html", cross_site=True)
    site.set_page(
        "outer.html", f"<iframe name=same src=/inner.html></iframe><iframe name=other src='{other}'></iframe>"
    )
    await go(engine, site.url("outer.html"))

    popup = await do(engine, "wait_for_popup", action=action, frame=frame)

    assert popup["url"].endswith("/a.html")
    assert await js(engine, "document.title", page=popup["page"]) == "Page A"


async def test_a_popup_that_closes_at_once_was_one(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: said of it is that it is closed."""
    site.set_page("brief.html", "<button id=b onclick=\"window.open('/a.html').close()\">Open</button>")
    await go(engine, site.url("brief.html"))

    popup = await do(engine, "wait_for_popup", action=click("#b"))

    await facts.until(PageClosed, lambda fact: fact.page_id == popup["page"])
    assert popup["closed"] is True
    await fails(engine, "evaluate_js", "unknown_page", expression="1", page=popup["page"])


@pytest.mark.parametrize(
    "action",
    [
        {"type": "press", "selector": "#tab", "key": "Enter"},
        {"type": "evaluate_js", "expression": "void window.open('/b.html')"},
        {"type": "dblclick", "selector": "#double"},
    ],
)
async def test_any_action_may_open_it(engine: BrowserEngine, site: Site, action: dict[str, object]) -> None:
    """Contract, both engines."""
    await go(engine, site.url("popups.html"))
    await js(
        engine,
        "document.body.insertAdjacentHTML('beforeend', `<button id=double ondblclick=\"window.open('/b.html')\">D`)",
    )

    popup = await do(engine, "wait_for_popup", action=action)

    assert popup["url"] == site.url("b.html")


async def test_a_slow_popup_is_waited_for(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: until it has its document, so that its address is known."""
    site.set_page("opens.html", "<a id=a target=_blank href='/slow?ms=600'>Slow</a>")
    await go(engine, site.url("opens.html"))

    popup = await do(engine, "wait_for_popup", action=click("#a"))

    assert popup["url"] == site.url("slow?ms=600")


async def test_a_popup_that_opens_later_is_waited_for(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    site.set_page("later.html", "<button id=b onclick=\"setTimeout(() => window.open('/a.html'), 400)\">Later</button>")
    await go(engine, site.url("later.html"))

    popup = await do(engine, "wait_for_popup", action=click("#b"))

    assert popup["url"] == site.url("a.html")


async def test_no_popup_is_a_timeout_that_says_what_was_done(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the click itself was fine."""
    await go(engine, site.url("clicks.html"))

    result = await fails(engine, "wait_for_popup", "timeout", action=click("#plain"), timeout_ms=700)

    assert "click #plain" in str(result.error)
    assert "opened none" in str(result.error)
    assert len(site.beacons("plain")) == 1


async def test_a_popup_of_another_page_is_not_taken(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: only what the page itself opens counts."""
    await go(engine, site.url("popups.html"))
    first = engine.current_page
    await do(engine, "new_tab", url=site.url("clicks.html"))

    result = await fails(
        engine, "wait_for_popup", "timeout", action=click("#open", page=first), page=engine.current_page, timeout_ms=900
    )

    assert "opened none" in str(result.error)


async def test_the_inner_action_fails_as_it_would_alone(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: with its own reason, by the outer deadline or its own."""
    await go(engine, site.url("popups.html"))

    for inner_ms, outer_ms in ((400, None), (None, 400)):
        action = click("#nothing", timeout_ms=inner_ms)
        result = await fails(engine, "wait_for_popup", "element_not_found", action=action, timeout_ms=outer_ms)
        assert result.duration_ms < 3000


@pytest.mark.parametrize("action", ["click", {"selector": "#x"}, {"type": "fly"}, {"type": "click"}, None])
async def test_it_needs_an_action_that_is_one(engine: BrowserEngine, action: object) -> None:
    """Contract, both engines: before anything is done."""
    result = await fails(engine, "wait_for_popup", "invalid_action", action=action)

    assert result.metadata["field"] == "action"


async def test_when_the_opener_closes_itself_the_wait_ends(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: at once, since it will open nothing any more."""
    site.set_page("leaves.html", "<button id=b onclick='setTimeout(() => window.close(), 300)'>Close</button>")
    await go(engine, site.url("a.html"))
    opens = {"type": "evaluate_js", "expression": "void window.open('/leaves.html')"}
    opened = await do(engine, "wait_for_popup", action=opens)

    result = await fails(engine, "wait_for_popup", "page_closed", action=click("#b"), page=opened["page"])

    assert result.duration_ms < 5000
