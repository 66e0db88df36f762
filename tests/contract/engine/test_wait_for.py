"""Waiting: for an element's state, a text, an address, an expression, or a time."""

from __future__ import annotations

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import do, fails, go, js
from tests.support.site import Site


@pytest.mark.parametrize(
    ("element", "state"),
    [
        ("appears", "visible"),
        ("attached", "attached"),
        ("attached", "visible"),
        ("leaves", "detached"),
        ("leaves", "hidden"),
        ("hides", "hidden"),
    ],
)
async def test_a_state_that_comes_is_waited_for(engine: BrowserEngine, site: Site, element: str, state: str) -> None:
    """Contract, both engines: an element that is gone counts as hidden."""
    await go(engine, site.url("visibility.html"))

    await do(engine, "wait_for", selector=f"#{element}", state=state)

    assert await js(engine, "window.ready") is True


@pytest.mark.parametrize(
    ("element", "state"),
    [
        ("shown", "visible"),
        ("shown", "attached"),
        ("transparent", "visible"),
        ("visible-child", "visible"),
        ("contents", "visible"),
        ("display-none", "attached"),
        ("display-none", "hidden"),
        ("visibility-hidden", "hidden"),
        ("empty", "hidden"),
        ("zero", "hidden"),
        ("folded", "hidden"),
        ("no-such-element", "hidden"),
        ("no-such-element", "detached"),
    ],
)
async def test_a_state_that_is_there_already_is_not_waited_for(
    engine: BrowserEngine, site: Site, element: str, state: str
) -> None:
    """Contract, both engines: what counts as visible is what has a box that nothing hides."""
    await go(engine, site.url("visibility.html"))

    await do(engine, "wait_for", selector=f"#{element}", state=state, timeout_ms=1000)


async def test_visible_is_what_is_waited_for_when_nothing_is_said(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("visibility.html"))

    await do(engine, "wait_for", selector="#appears")

    assert await js(engine, "appears.hidden") is False


@pytest.mark.parametrize(
    ("element", "state", "code", "seen"),
    [
        ("display-none", "visible", "element_not_visible", "display: none"),
        ("no-such-element", "visible", "element_not_found", "no element matched"),
        ("no-such-element", "attached", "element_not_found", "no element matched"),
        ("shown", "hidden", "timeout", "shown"),
        ("shown", "detached", "timeout", "shown"),
    ],
)
async def test_a_state_that_never_comes_says_what_is_instead(
    engine: BrowserEngine, site: Site, element: str, state: str, code: str, seen: str
) -> None:
    """Contract, both engines: with the seconds waited."""
    await go(engine, site.url("visibility.html"))

    result = await fails(engine, "wait_for", code, selector=f"#{element}", state=state, timeout_ms=600)

    assert seen in str(result.error)
    assert "0.6 s" in str(result.error)


async def test_a_text_is_waited_for(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: anywhere in the page, as people see it."""
    await go(engine, site.url("visibility.html"))

    await do(engine, "wait_for", text="Arrived at last")

    assert await js(engine, "window.ready") is True


async def test_a_text_in_shadow_dom_counts(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("shadow.html"))

    await do(engine, "wait_for", text="Deep text", timeout_ms=1000)


async def test_a_hidden_text_does_not_count(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the error names the text."""
    await go(engine, site.url("visibility.html"))

    result = await fails(engine, "wait_for", "timeout", text="display: none", timeout_ms=500)

    assert "'display: none'" in str(result.error)


@pytest.mark.parametrize("pattern", ["b.html", "*/b.html", "http://127.0.0.1:*/b.html", "*b.htm*"])
async def test_an_address_is_waited_for(engine: BrowserEngine, site: Site, pattern: str) -> None:
    """Contract, both engines: a part of it, or with stars the whole."""
    await go(engine, site.url("a.html"))
    await js(engine, "setTimeout(() => (location.href = '/b.html'), 100); null")

    metadata = await do(engine, "wait_for", url=pattern)

    assert metadata["url"] == site.url("b.html")
    assert await js(engine, "document.title") == "Page B"


async def test_an_address_without_a_new_document_counts(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a single page changes its address by script."""
    await go(engine, site.url("a.html"))
    await js(engine, "setTimeout(() => history.pushState({}, '', '/pushed.html?n=1'), 100); null")

    await do(engine, "wait_for", url="/pushed.html?n=1")

    assert engine.current_url == site.url("pushed.html?n=1")


async def test_an_address_that_never_comes_says_where_it_is(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: pattern and present address are in the error; a star pattern is for the whole."""
    await go(engine, site.url("a.html"))

    result = await fails(engine, "wait_for", "timeout", url="*/b.htm", timeout_ms=400)

    assert "*/b.htm" in str(result.error)
    assert site.url("a.html") in str(result.error)


@pytest.mark.parametrize("expression", ["window.ready", "window.ready === true", "() => window.ready"])
async def test_an_expression_is_waited_for(engine: BrowserEngine, site: Site, expression: str) -> None:
    """Contract, both engines: it sees the page's own variables; a function is called."""
    await go(engine, site.url("visibility.html"))

    await do(engine, "wait_for", expression=expression)

    assert await js(engine, "document.title") == "Visibility, ready"


async def test_an_expression_survives_a_navigation(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: it goes on waiting in the new document."""
    await go(engine, site.url("a.html"))
    await js(engine, "setTimeout(() => (location.href = '/b.html'), 100); null")

    await do(engine, "wait_for", expression="document.title === 'Page B'")


async def test_an_expression_that_throws_fails_with_its_message(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a mistake in it is no reason to wait."""
    await go(engine, site.url("visibility.html"))

    result = await fails(engine, "wait_for", "script_error", expression="no.such.thing")

    assert "no is not defined" in str(result.error)


async def test_an_expression_that_stays_false_is_named_in_the_error(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("a.html"))

    result = await fails(engine, "wait_for", "timeout", expression="1 === 2", timeout_ms=400)

    assert "1 === 2" in str(result.error)


async def test_time_can_be_waited_for(engine: BrowserEngine) -> None:
    """Contract, both engines: what nobody should need, and everybody sometimes does."""
    result = await engine.dispatch({"type": "wait_for", "ms": 150})

    assert result.success
    assert 140 <= result.duration_ms < 1500


async def test_waiting_longer_than_the_deadline_ends_at_the_deadline(engine: BrowserEngine) -> None:
    """Contract, both engines."""
    result = await fails(engine, "wait_for", "timeout", ms=5000, timeout_ms=200)

    assert result.duration_ms < 1500


async def test_waiting_survives_a_reload(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: an element is waited for over documents."""
    await go(engine, site.url("a.html"))
    await js(engine, "setTimeout(() => (location.href = '/visibility.html'), 100); null")

    await do(engine, "wait_for", selector="#appears")

    assert engine.current_url == site.url("visibility.html")
