"""What frames of another site and workers say, and what goes wrong in them."""

from __future__ import annotations

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.events.model import ConsoleMessage, PageError, RequestFinished
from tests.support.engines import Facts, go, js
from tests.support.site import Site

SCRIPT = """console.log("a line from inside", 7);
setTimeout(() => { throw new TypeError("broken inside"); }, 0);
fetch("/reset").catch(() => console.warn("after the failure"));"""


async def test_a_worker_is_heard(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Specification: its messages, once each, with their arguments; and what it asks for in vain."""
    site.set_page("/worker.js", SCRIPT, content_type="text/javascript")
    await go(engine, site.url("a.html"))

    await js(engine, "void (window.worker = new Worker('/worker.js'))")

    await facts.until(ConsoleMessage, lambda fact: fact.text == "after the failure")
    said = [fact for fact in facts.of(ConsoleMessage) if fact.text.startswith("a line from inside")]
    assert [(fact.level, fact.args, fact.page_id) for fact in said] == [
        ("log", ("a line from inside", 7), engine.current_page)
    ]
    failed = await facts.until(RequestFinished, lambda fact: fact.url.endswith("/reset"))
    assert failed.failure
    assert failed.page_id == engine.current_page


async def test_an_error_in_a_worker_is_an_error_of_its_page(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Specification: as a fact, and for `get_page_errors`."""
    site.set_page("/worker.js", SCRIPT, content_type="text/javascript")
    await go(engine, site.url("a.html"))

    await js(engine, "void (window.worker = new Worker('/worker.js'))")

    error = await facts.until(PageError)
    assert (error.name, error.message, error.page_id) == ("TypeError", "broken inside", engine.current_page)
    assert [each["message"] for each in await engine.get_page_errors()][-1] == "broken inside"


async def test_a_frame_of_another_site_is_heard(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Specification: messages, errors and failures of a frame in a process of its own."""
    site.set_page("/inner", f"<script>{SCRIPT}</script>")
    inner = site.other_url("inner", cross_site=True)
    site.set_page("/outer", f'<iframe src="{inner}"></iframe>')

    await go(engine, site.url("outer"))

    await facts.until(ConsoleMessage, lambda fact: fact.text == "after the failure")
    said = await facts.until(ConsoleMessage, lambda fact: fact.text.startswith("a line from inside"))
    assert (said.url, said.page_id) == (inner, engine.current_page)
    error = await facts.until(PageError)
    assert (error.message, error.page_id) == ("broken inside", engine.current_page)
    await facts.until(RequestFinished, lambda fact: fact.url.endswith("/reset") and bool(fact.failure))


async def test_page_errors_are_kept_with_stack_and_place(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Specification: the latest 200."""
    await go(engine, site.url("a.html"))

    await js(engine, "void setTimeout(() => { for (let n = 0; n < 250; n++) reportError(new RangeError('no ' + n)); })")
    await facts.until(PageError, lambda fact: fact.message == "no 249")

    errors = await engine.get_page_errors()
    assert len(errors) == 200
    assert (errors[-1]["name"], errors[-1]["message"]) == ("RangeError", "no 249")
    assert "RangeError: no 249" in errors[-1]["stack"]
    assert errors[-1]["page"] == engine.current_page
