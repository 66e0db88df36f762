"""What a click sets off, and what the action waits for afterwards: navigations, dialogs, closing pages."""

from __future__ import annotations

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.events.model import DialogHandled, PageClosed, PageError, PageOpened
from tests.support.engines import Facts, do, go, js
from tests.support.site import Site


async def test_a_click_that_navigates_waits_for_the_new_document(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: after the click the address is the new one."""
    await go(engine, site.url("a.html"))

    await do(engine, "click", selector="#next")

    assert engine.current_url == site.url("b.html")
    assert await js(engine, "document.title") == "Page B"


async def test_a_click_waits_for_a_slow_answer_to_its_navigation(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the next action works on the new document, even if the server takes its time."""
    site.set_page("/start.html", "<a id=slow href='/slow?ms=400'>Slow</a>")
    await go(engine, site.url("start.html"))

    await do(engine, "click", selector="#slow")

    assert engine.current_url == site.url("slow?ms=400")


async def test_a_click_does_not_wait_for_the_new_document_when_told_so(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: `no_wait_after` ends with the click itself."""
    await go(engine, site.url("a.html"))

    await do(engine, "click", selector="#never", no_wait_after=True, timeout_ms=3000)

    await site.until_hit("/never")
    assert engine.current_url == site.url("a.html")


async def test_a_click_that_sends_a_form_waits_for_the_answer(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a form is a navigation too."""
    await go(engine, site.url("a.html"))
    await do(engine, "fill", selector="#q", text="tea")

    await do(engine, "click", selector="#go")

    assert engine.current_url == site.url("b.html?q=tea")


async def test_a_click_on_a_hash_link_changes_the_address(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: no new document is waited for."""
    await go(engine, site.url("a.html"))

    await do(engine, "click", selector="#hash", timeout_ms=3000)

    assert engine.current_url == site.url("a.html#part")


async def test_a_click_with_push_state_changes_the_address(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the history of a single page counts."""
    await go(engine, site.url("a.html"))

    await do(engine, "click", selector="#push", timeout_ms=3000)

    assert engine.current_url == site.url("pushed.html")


async def test_a_click_that_downloads_does_not_wait_for_a_document(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a navigation that becomes a download comes to nothing, and the page stays."""
    await go(engine, site.url("a.html"))

    await do(engine, "click", selector="#download", timeout_ms=5000)

    await site.until_hit("/download/report.csv")
    assert engine.current_url == site.url("a.html")


async def test_a_click_that_closes_its_page_succeeds(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: the page is gone because the click worked."""
    site.set_page("/child.html", "<button id=close onclick='setTimeout(() => window.close(), 50)'>Close</button>")
    await go(engine, site.url("a.html"))
    await js(engine, "void window.open('/child.html')")
    child = (await facts.until(PageOpened)).page_id
    await do(engine, "switch_tab", page=child)

    await do(engine, "click", selector="#close")

    closed = await facts.until(PageClosed)
    assert closed.page_id == child
    assert engine.current_url == site.url("a.html")


async def test_a_click_that_opens_a_tab_leaves_the_current_page_alone(
    engine: BrowserEngine, site: Site, facts: Facts
) -> None:
    """Contract, both engines: a page that opens by itself is announced and does not take over."""
    await go(engine, site.url("popups.html"))
    page = engine.current_page

    await do(engine, "click", selector="#tab")

    opened = await facts.until(PageOpened)
    assert opened.page_id != page
    assert opened.opener_id == page
    assert engine.current_page == page


async def test_a_click_that_opens_a_dialog_comes_back(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: the dialog is dismissed and recorded, and the page goes on."""
    await go(engine, site.url("dialogs.html"))

    await do(engine, "click", selector="#alert")

    assert await js(engine, "out.textContent") == "alert closed"
    (dialog,) = facts.of(DialogHandled)
    assert (dialog.dialog, dialog.message) == ("alert", "Look here")


async def test_a_click_whose_handler_throws_succeeds_and_the_error_is_a_fact(
    engine: BrowserEngine, site: Site, facts: Facts
) -> None:
    """Contract, both engines: an error of the page is told, not raised."""
    await go(engine, site.url("clicks.html"))

    await do(engine, "click", selector="#throws")

    error = await facts.until(PageError)
    assert (error.name, error.message) == ("Error", "the handler failed")


async def test_a_button_that_is_replaced_when_pressed_is_pressed_once(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: it has received the press, so the action is done and does not try again."""
    await go(engine, site.url("detached.html"))
    await js(engine, "window.presses = 0; addEventListener('mousedown', () => (presses += 1)); null")

    await do(engine, "click", selector="#on-press")

    assert await js(engine, "presses") == 1


async def test_a_document_written_anew_can_be_clicked(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: `document.open` keeps the window and replaces everything in it."""
    await go(engine, site.url("document_open.html"))

    await do(engine, "click", selector="#rewrite")
    await do(engine, "click", selector="#buy")

    await do(engine, "wait_for", ms=100)
    assert site.hits("/buy") == 1
