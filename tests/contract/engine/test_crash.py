"""A page whose renderer dies, and a browser that dies: quick and clear errors, and a way on where there is one."""

from __future__ import annotations

import os
import signal

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.events.model import BrowserClosed, BrowserStarted, PageCrashed
from tests.support.engines import VIEWPORT, Facts, NewEngine, do, fails, go, js, processes_of, site_launch, still_living
from tests.support.site import Site


async def test_a_crash_is_an_error_at_once(engine: BrowserEngine) -> None:
    """Contract, both engines: not at the deadline."""
    result = await fails(engine, "navigate", "page_crashed", url="chrome://crash")

    assert result.duration_ms < 5000


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("click", {"selector": "#x"}),
        ("evaluate_js", {"expression": "1"}),
        ("wait_for", {"selector": "#x"}),
        ("extract", {"selector": "#x"}),
        ("screenshot", {}),
    ],
)
async def test_after_a_crash_every_action_says_so(
    engine: BrowserEngine, site: Site, kind: str, fields: dict[str, object]
) -> None:
    """Contract, both engines: instead of waiting for a page that cannot answer."""
    await go(engine, site.url("a.html"))
    await fails(engine, "navigate", "page_crashed", url="chrome://crash")

    result = await fails(engine, kind, "page_crashed", **fields)

    assert result.duration_ms < 3000


async def test_a_crash_is_told_of(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: once, with the page that it happened to and what that had shown."""
    await go(engine, site.url("a.html"))

    await fails(engine, "navigate", "page_crashed", url="chrome://crash")

    (crash,) = facts.of(PageCrashed)
    assert (crash.page_id, crash.url) == (engine.current_page, site.url("a.html"))


async def test_navigating_brings_a_crashed_page_back(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the page keeps its id and gets a new renderer."""
    page = engine.current_page
    await fails(engine, "navigate", "page_crashed", url="chrome://crash")

    await go(engine, site.url("clicks.html"))
    await do(engine, "click", selector="#plain")

    assert len(site.beacons("plain")) == 1
    assert engine.current_page == page


async def test_a_crash_leaves_other_pages_alone(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: each has a renderer of its own."""
    await go(engine, site.url("a.html"))
    first = engine.current_page
    await do(engine, "new_tab", url=site.other_url("b.html", cross_site=True))

    await fails(engine, "navigate", "page_crashed", url="chrome://crash")

    assert await js(engine, "document.title", page=first) == "Page A"


async def test_a_crashed_page_can_be_closed(engine: BrowserEngine) -> None:
    """Contract, both engines."""
    first = engine.current_page
    await do(engine, "new_tab")
    await fails(engine, "navigate", "page_crashed", url="chrome://crash")

    await do(engine, "close_tab")

    assert engine.current_page == first


async def test_a_crash_during_an_action_ends_the_action(new_engine: NewEngine, site: Site) -> None:
    """Contract, both engines: what was waiting in the page is told at once."""
    engine = new_engine()
    await engine.launch(site_launch(viewport=VIEWPORT, extra_args=["--js-flags=--max-old-space-size=64"]))
    await go(engine, site.url("crash.html"))
    await do(engine, "click", selector="#exhaust")

    result = await fails(engine, "wait_for", "page_crashed", selector="#nothing", timeout_ms=25_000)

    assert result.duration_ms < 20_000


async def test_a_killed_browser_fails_what_is_in_flight(new_engine: NewEngine, site: Site, anyio_backend: str) -> None:
    """Contract, both engines: at once, with an error that says that the browser is gone; a fact says so, too."""
    facts = Facts()
    engine = new_engine(facts=facts)
    await engine.launch(site_launch(viewport=VIEWPORT))
    await go(engine, site.url("a.html"))
    started = facts.of(BrowserStarted)[0]
    living = processes_of(started)
    assert started.pid is not None
    await js(engine, "void setTimeout(() => fetch('/hit/now'), 200)")

    def kill(_request: object) -> None:
        try:
            os.kill(started.pid or 0, signal.SIGKILL)
        except ProcessLookupError:
            pass  # the request was under way a second time

    site.on("/hit/now", kill)

    result = await fails(engine, "wait_for", "browser_gone", selector="#nothing", timeout_ms=20_000)

    assert result.duration_ms < 5000
    closed = await facts.until(BrowserClosed)
    assert closed.expected is False
    await fails(engine, "evaluate_js", "browser_gone", expression="1")
    await engine.shutdown()
    assert still_living(living) == []
    assert [fact.expected for fact in facts.of(BrowserClosed)] == [False]


async def test_an_engine_can_be_launched_again_after_its_browser_died(new_engine: NewEngine, site: Site) -> None:
    """Contract, both engines: shutdown clears the way."""
    facts = Facts()
    engine = new_engine(facts=facts)
    await engine.launch(site_launch(viewport=VIEWPORT))
    os.kill(facts.of(BrowserStarted)[0].pid or 0, signal.SIGKILL)
    await facts.until(BrowserClosed)
    await engine.shutdown()

    await engine.launch(site_launch(viewport=VIEWPORT))

    await go(engine, site.url("a.html"))
    assert await js(engine, "document.title") == "Page A"
