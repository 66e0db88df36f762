"""Pages beside each other: opening, switching, closing, and naming one in an action."""

from __future__ import annotations

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.events.model import PageClosed, PageOpened
from tests.support.engines import Facts, do, fails, go, js
from tests.support.site import Site


async def test_a_new_tab_becomes_the_current_one(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: actions that name no page go there."""
    await go(engine, site.url("a.html"))
    first = engine.current_page

    metadata = await do(engine, "new_tab", url=site.url("b.html"))

    assert metadata["page"] != first
    assert metadata["page"] == engine.current_page
    assert metadata["url"] == site.url("b.html")
    assert await js(engine, "document.title") == "Page B"


async def test_a_new_tab_without_an_address_is_blank(engine: BrowserEngine) -> None:
    """Contract, both engines."""
    metadata = await do(engine, "new_tab")

    assert metadata["url"] == "about:blank"


async def test_an_action_may_name_its_page(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the current page stays what it is."""
    await go(engine, site.url("clicks.html"))
    first = engine.current_page
    await do(engine, "new_tab", url=site.url("b.html"))
    second = engine.current_page

    await do(engine, "click", selector="#plain", page=first)

    assert len(site.beacons("plain")) == 1
    assert await js(engine, "document.title", page=first) == "Clicks"
    assert engine.current_page == second


async def test_switching_makes_another_page_the_current_one(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("a.html"))
    first = engine.current_page
    await do(engine, "new_tab", url=site.url("b.html"))

    metadata = await do(engine, "switch_tab", page=first)

    assert metadata["page"] == first
    assert metadata["url"] == site.url("a.html")
    assert await js(engine, "document.title") == "Page A"
    assert await js(engine, "document.visibilityState") == "visible"


async def test_after_closing_the_page_before_is_the_current_one(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the one that was current before."""
    await go(engine, site.url("a.html"))
    first = engine.current_page
    await do(engine, "new_tab", url=site.url("b.html"))

    metadata = await do(engine, "close_tab")

    assert metadata["page"] == first
    assert engine.current_page == first
    assert await js(engine, "document.title") == "Page A"


async def test_another_page_can_be_closed(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the current one stays."""
    await go(engine, site.url("a.html"))
    first = engine.current_page
    second = (await do(engine, "new_tab", url=site.url("b.html")))["page"]
    await do(engine, "switch_tab", page=first)

    await do(engine, "close_tab", page=second)

    assert engine.current_page == first
    await fails(engine, "evaluate_js", "unknown_page", expression="1", page=second)


async def test_ids_are_never_used_again(engine: BrowserEngine) -> None:
    """Contract, both engines: an id in a log means one page."""
    second = (await do(engine, "new_tab"))["page"]
    await do(engine, "close_tab")

    third = (await do(engine, "new_tab"))["page"]

    assert third != second


async def test_an_unknown_page_is_an_error_that_lists_the_open_ones(engine: BrowserEngine) -> None:
    """Contract, both engines: at once."""
    for kind, fields in (("switch_tab", {}), ("close_tab", {}), ("click", {"selector": "#x"})):
        result = await fails(engine, kind, "unknown_page", page="page@999", **fields)
        assert str(engine.current_page) in result.metadata["hint"]
        assert result.duration_ms < 2000


async def test_switching_needs_a_page(engine: BrowserEngine) -> None:
    """Contract, both engines."""
    result = await fails(engine, "switch_tab", "invalid_action")

    assert result.metadata["field"] == "page"


async def test_pages_share_their_cookies(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: they belong to one user."""
    await go(engine, site.url("cookie?name=flavour&value=green"))

    await do(engine, "new_tab", url=site.url("cookies"))

    assert (await do(engine, "extract", selector="body"))["result"] == '{"flavour": "green"}'
    await js(engine, "document.cookie = 'flavour=; max-age=0'")


async def test_opening_and_closing_are_facts(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: with the ids that actions use."""
    page = (await do(engine, "new_tab", url=site.url("a.html")))["page"]
    await do(engine, "close_tab")

    opened = await facts.until(PageOpened)
    closed = await facts.until(PageClosed)
    assert (opened.page_id, closed.page_id) == (page, page)


async def test_a_page_opened_by_a_page_can_be_worked_in(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: by its id, as any other."""
    await go(engine, site.url("popups.html"))
    opener = engine.current_page

    await do(engine, "click", selector="#open")
    child = (await facts.until(PageOpened)).page_id
    await do(engine, "wait_for", selector="#heading", page=child)

    assert await js(engine, "document.title", page=child) == "Page A"
    assert await js(engine, "window.child.document.title", page=opener) == "Page A"
    assert (await facts.until(PageOpened)).opener_id == opener


async def test_a_blank_page_filled_by_its_opener_can_be_read(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: no server was asked for it."""
    await go(engine, site.url("popups.html"))

    await do(engine, "click", selector="#blank")
    child = (await facts.until(PageOpened)).page_id

    assert (await do(engine, "extract", selector="h1", page=child))["result"] == "Filled"


async def test_two_pages_opened_at_once_are_two(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines."""
    await go(engine, site.url("popups.html"))

    await do(engine, "click", selector="#two")
    await facts.until(PageOpened, lambda _: len(facts.of(PageOpened)) == 2)

    first, second = (fact.page_id for fact in facts.of(PageOpened))
    for page in (first, second):
        await do(engine, "wait_for", selector="#heading", page=page)
    assert {await js(engine, "document.title", page=page) for page in (first, second)} == {"Page A", "Page B"}


async def test_a_page_in_the_background_works_as_fast(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: clicks and animations need no page to be in front."""
    await go(engine, site.url("moving.html"))
    first = engine.current_page
    await do(engine, "new_tab", url=site.url("b.html"))

    await do(engine, "click", selector="#by-css", page=first, timeout_ms=5000)

    assert len(site.beacons("by-css")) == 1
