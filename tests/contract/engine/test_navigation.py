"""Going to addresses: what is waited for, what is an error, and what stays usable afterwards."""

from __future__ import annotations

import socket

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.events.model import PageNavigated
from tests.support.engines import Facts, do, fails, go, js
from tests.support.site import Site


def closed_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def test_the_result_says_where_it_arrived_and_how(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the final address and the status of the document."""
    metadata = await go(engine, site.url("a.html"))

    assert metadata["url"] == site.url("a.html")
    assert metadata["status"] == 200
    assert engine.current_url == site.url("a.html")
    assert site.hits("/a.html") == 1


async def test_commit_does_not_wait_for_the_document(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the answer has begun; its scripts may not have run."""
    await go(engine, site.url("slow_assets.html"), wait_until="commit")

    assert engine.current_url == site.url("slow_assets.html")
    assert await js(engine, "window.times?.domcontentloaded ?? null") is None


async def test_domcontentloaded_does_not_wait_for_pictures(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the document is read, its scripts have run."""
    await go(engine, site.url("slow_assets.html"), wait_until="domcontentloaded")

    assert await js(engine, "[window.slowScriptRan, times.domcontentloaded > 0, times.load > 0]") == [True, True, False]


async def test_load_waits_for_pictures(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: load is what is waited for when nothing is said."""
    await go(engine, site.url("slow_assets.html"))

    assert await js(engine, "[times.load > 0, picture.complete]") == [True, True]


async def test_networkidle_waits_for_what_the_page_asks_after_load(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: requests that follow each other are waited for, too."""
    await go(engine, site.url("network_idle.html"), wait_until="networkidle")

    assert await js(engine, "done.textContent") == "all three"


async def test_networkidle_never_comes_to_a_page_that_never_stops_asking(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the error names what was waited for."""
    result = await fails(
        engine, "navigate", "timeout", url=site.url("never_idle.html"), wait_until="networkidle", timeout_ms=1500
    )

    assert "networkidle" in str(result.error)


async def test_a_page_that_never_loads_ends_at_the_deadline(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the error says what was waited for and how long."""
    result = await fails(engine, "navigate", "timeout", url=site.url("never_loads.html"), timeout_ms=800)

    assert "load" in str(result.error)
    assert "0.8 s" in str(result.error)


async def test_a_page_that_never_loads_can_be_used_from_domcontentloaded_on(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a milder wait is all it takes."""
    await go(engine, site.url("never_loads.html"), wait_until="domcontentloaded")

    assert await js(engine, "document.querySelector('h1').textContent") == "An image that never comes"


async def test_a_server_that_never_answers_ends_at_the_deadline(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the error names the address; the page that was there can be worked in again."""
    await go(engine, site.url("a.html"))

    result = await fails(engine, "navigate", "timeout", url=site.url("never"), timeout_ms=500)

    assert site.url("never") in str(result.error)
    assert await js(engine, "document.title", timeout_ms=3000) == "Page A"
    await go(engine, site.url("b.html"))
    assert await js(engine, "document.title") == "Page B"


@pytest.mark.parametrize("status", [404, 500])
async def test_an_error_status_is_an_answer(engine: BrowserEngine, site: Site, status: int) -> None:
    """Contract, both engines: the page is there to be read; the status is in the result."""
    metadata = await go(engine, site.url(f"status/{status}"))

    assert metadata["status"] == status
    assert await js(engine, "document.querySelector('h1').textContent") == f"Status {status}"


async def test_a_redirect_arrives_at_its_end(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: address and status are those of the last answer."""
    metadata = await go(engine, site.url("redirect?to=/redirect?to=/b.html"))

    assert (metadata["url"], metadata["status"]) == (site.url("b.html"), 200)


@pytest.mark.parametrize("path", ["client_redirect.html", "meta_refresh.html"])
async def test_a_redirect_by_the_page_is_followed(engine: BrowserEngine, site: Site, path: str) -> None:
    """Contract, both engines: the page sends the browser on; nothing fails over it."""
    await go(engine, site.url(path))

    await do(engine, "wait_for", url="*/a.html?from=*")
    assert await js(engine, "document.title") == "Page A"


async def test_an_endless_redirect_fails(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: with Chromium's reason."""
    result = await fails(engine, "navigate", "navigation_failed", url=site.url("loop"))

    assert "ERR_TOO_MANY_REDIRECTS" in str(result.error)


async def test_a_refused_connection_fails(engine: BrowserEngine) -> None:
    """Contract, both engines: at once, with the address and Chromium's reason."""
    url = f"http://127.0.0.1:{closed_port()}/"

    result = await fails(engine, "navigate", "navigation_failed", url=url)

    assert url in str(result.error)
    assert "ERR_CONNECTION_REFUSED" in str(result.error)
    assert result.duration_ms < 5000


async def test_a_connection_that_is_cut_fails(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: no answer is no page."""
    result = await fails(engine, "navigate", "navigation_failed", url=site.url("reset"))

    assert "ERR_EMPTY_RESPONSE" in str(result.error)


async def test_an_unknown_host_fails(engine: BrowserEngine) -> None:
    """Contract, both engines: the names that end in .invalid belong to nobody."""
    result = await fails(engine, "navigate", "navigation_failed", url="http://nowhere.invalid/")

    assert "ERR_NAME_NOT_RESOLVED" in str(result.error)


@pytest.mark.parametrize("url", ["http://", "http://a b/", "nonsense://x"])
async def test_an_impossible_address_fails(engine: BrowserEngine, url: str) -> None:
    """Contract, both engines: what no browser could open is an error, not a blank page."""
    result = await engine.dispatch({"type": "navigate", "url": url})

    assert not result.success
    assert str(result.metadata["error_code"]).startswith("navigation_")


async def test_an_answer_without_content_is_no_page(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: 204 leaves the old page, and the action says so."""
    await go(engine, site.url("a.html"))

    await fails(engine, "navigate", "navigation_aborted", url=site.url("status/204"))

    assert engine.current_url == site.url("a.html")


async def test_a_download_is_no_page(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a file to be saved leaves the old page, and the action says so."""
    await go(engine, site.url("a.html"))

    await fails(engine, "navigate", "navigation_aborted", url=site.url("download/report.csv"))

    assert engine.current_url == site.url("a.html")


async def test_a_navigation_that_the_page_overtakes_is_no_success(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the page went somewhere else, and the action says so."""
    await go(engine, site.url("a.html"))
    await js(engine, "setTimeout(() => (location.href = '/b.html'), 100); null")

    await fails(engine, "navigate", "navigation_aborted", url=site.url("slow?ms=1500"))

    await do(engine, "wait_for", url="*/b.html")


async def test_after_a_failure_the_next_address_opens(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the error page is no dead end."""
    await fails(engine, "navigate", "navigation_failed", url=f"http://127.0.0.1:{closed_port()}/")

    await go(engine, site.url("a.html"))

    assert await js(engine, "document.title") == "Page A"


async def test_a_fragment_of_the_same_page_keeps_the_document(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: nothing is loaded, nothing is waited for."""
    await go(engine, site.url("a.html"))
    await js(engine, "window.mark = 'kept'")

    metadata = await go(engine, site.url("a.html#part"))

    assert metadata["url"] == site.url("a.html#part")
    assert await js(engine, "[window.mark, scrollY > 0]") == ["kept", True]
    assert site.hits("/a.html") == 1


async def test_the_same_address_again_is_loaded_again(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: navigating to where one is gives a new document."""
    await go(engine, site.url("a.html"))
    await js(engine, "window.mark = 'old'")

    await go(engine, site.url("a.html"))

    assert await js(engine, "window.mark ?? null") is None
    assert site.hits("/a.html") == 2


async def test_an_address_without_a_scheme_is_completed(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: on this machine it is http."""
    metadata = await go(engine, site.url("a.html").removeprefix("http://"))

    assert metadata["url"] == site.url("a.html")


@pytest.mark.parametrize("url", ["about:blank", "data:text/html,<h1>Data</h1>"])
async def test_addresses_without_a_server_open(engine: BrowserEngine, url: str) -> None:
    """Contract, both engines."""
    metadata = await go(engine, url)

    assert metadata["url"] == url


async def test_every_arrival_is_a_fact(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: new documents and new addresses of the same document, of the main frame only."""
    await go(engine, site.url("frame_outer.html"))
    await js(engine, "history.pushState({}, '', '/pushed.html'); null")
    await facts.until(PageNavigated, lambda fact: fact.url == site.url("pushed.html"))

    assert [fact.url for fact in facts.of(PageNavigated)] == [site.url("frame_outer.html"), site.url("pushed.html")]


async def test_a_large_document_arrives_whole(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: ten megabytes of HTML."""
    await go(engine, site.url("huge.html?mb=10"), timeout_ms=20_000)

    assert await js(engine, "document.body.textContent.length > 9e6") is True


async def test_the_method_and_the_action_are_the_same(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: `engine.navigate` is the action by another way."""
    result = await engine.navigate(site.url("a.html"), wait_until="domcontentloaded")

    assert result.success
    assert (result.action_type, result.metadata["url"]) == ("navigate", site.url("a.html"))
