"""Back, forward, and again."""

from __future__ import annotations

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import do, fails, go, js
from tests.support.site import Site


async def test_back_and_forward_walk_through_the_history(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the result says where it arrived."""
    await go(engine, site.url("a.html"))
    await go(engine, site.url("b.html"))

    back = await do(engine, "go_back")
    assert back["url"] == site.url("a.html")
    assert await js(engine, "document.title") == "Page A"

    forward = await do(engine, "go_forward")
    assert forward["url"] == site.url("b.html")
    assert await js(engine, "document.title") == "Page B"


async def test_back_within_a_document_keeps_it(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: entries made by fragments need no loading."""
    await go(engine, site.url("a.html"))
    await js(engine, "window.mark = 'kept'")
    await do(engine, "click", selector="#hash")

    back = await do(engine, "go_back", timeout_ms=3000)

    assert back["url"] == site.url("a.html")
    assert await js(engine, "window.mark") == "kept"


async def test_back_over_push_state_tells_the_page(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a single page hears of it and shows the old view."""
    await go(engine, site.url("spa.html?view=home"))
    await do(engine, "click", selector="#orders")
    await do(engine, "wait_for", selector=".order")

    back = await do(engine, "go_back", timeout_ms=3000)

    assert back["url"] == site.url("spa.html?view=home")
    await do(engine, "wait_for", selector="text=Home >> nth=1")


async def test_back_waits_for_the_document(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: until it has loaded, unless told otherwise."""
    await go(engine, site.url("slow_assets.html"))
    await go(engine, site.url("b.html"))

    await do(engine, "go_back", wait_until="load")

    assert await js(engine, "times.load > 0") is True


@pytest.mark.parametrize("kind", ["go_back", "go_forward"])
async def test_the_end_of_the_history_is_an_error(engine: BrowserEngine, kind: str) -> None:
    """Contract, both engines: at once, instead of waiting for what cannot come."""
    page = (await do(engine, "new_tab"))["page"]

    result = await fails(engine, kind, "action_failed", page=page)

    assert "history" in str(result.error)
    assert result.duration_ms < 3000


async def test_reload_loads_again(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the server is asked once more, and the old document is gone."""
    await go(engine, site.url("a.html"))
    await js(engine, "window.mark = 'old'")

    metadata = await do(engine, "reload")

    assert metadata["url"] == site.url("a.html")
    assert site.hits("/a.html") == 2
    assert await js(engine, "window.mark ?? null") is None


async def test_reload_waits_for_the_document(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: until it has loaded, unless told otherwise."""
    await go(engine, site.url("slow_assets.html"))

    await do(engine, "reload")

    assert await js(engine, "times.load > 0") is True


async def test_reload_of_a_page_that_never_loads_ends_at_the_deadline(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("never_loads.html"), wait_until="domcontentloaded")

    await fails(engine, "reload", "timeout", timeout_ms=600)


async def test_reload_of_a_posted_form_posts_again_without_asking(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: nobody is there to answer the browser's question."""
    await go(engine, site.url("keyboard.html"))
    await do(engine, "fill", selector="#box", text="tea")
    await do(engine, "press", selector="#box", key="Enter")

    await do(engine, "reload", timeout_ms=5000)

    assert site.posts("/echo") == [b"box=tea&area=", b"box=tea&area="]
