"""What a page gives off while actions run: console messages, errors, dialogs, requests."""

from __future__ import annotations

from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.events.model import ConsoleMessage, DialogHandled, PageError, RequestFinished
from tests.support.engines import Facts, do, fails, go, js
from tests.support.site import Site


async def test_console_messages_are_kept_with_level_and_text(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: in their order, as facts and for `get_console_messages`."""
    await go(engine, site.url("console.html"))
    await facts.until(ConsoleMessage, lambda fact: fact.text == "an error line")

    seen = [(fact.level, fact.text) for fact in facts.of(ConsoleMessage)]
    assert [level for level, _ in seen] == ["debug", "log", "info", "warning", "error"]
    assert seen[0] == ("debug", "a debug line")
    assert seen[1][1].startswith("a log line 42")
    messages = (await engine.get_console_messages())[-5:]
    assert [(message["level"], message["text"]) for message in messages] == seen


async def test_a_console_message_says_where_it_comes_from(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: page, address and line."""
    await go(engine, site.url("console.html"))

    message = await facts.until(ConsoleMessage, lambda fact: fact.text == "an info line")

    assert message.page_id == engine.current_page
    assert message.url == site.url("console.html")
    assert message.line > 0


async def test_the_arguments_of_a_console_message_are_values(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: simple values as they are."""
    await go(engine, site.url("console.html"))

    message = await facts.until(ConsoleMessage, lambda fact: fact.level == "log")

    assert list(message.args)[:2] == ["a log line", 42]


async def test_a_flood_of_messages_is_kept_up_to_its_limit(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: the latest thousand, and the page is not slowed down for good."""
    await go(engine, site.url("console.html"))

    await do(engine, "click", selector="#flood")
    await facts.until(ConsoleMessage, lambda fact: fact.text == "line 999")

    messages = await engine.get_console_messages()
    assert len(messages) == 1000
    assert messages[-1]["text"] == "line 999"


@pytest.mark.parametrize(
    ("button", "name", "message"),
    [("throw", "TypeError", "thrown in a handler"), ("reject", "Error", "rejected and not handled")],
)
async def test_an_uncaught_error_is_a_fact(
    engine: BrowserEngine, site: Site, facts: Facts, button: str, name: str, message: str
) -> None:
    """Contract, both engines: with its name, its message and where it happened; the action succeeds."""
    await go(engine, site.url("console.html"))

    await do(engine, "click", selector=f"#{button}")

    error = await facts.until(PageError)
    assert (error.name, error.message) == (name, message)
    assert error.page_id == engine.current_page
    assert "console.html" in error.stack


@pytest.mark.parametrize(
    ("button", "kind", "message", "shown"),
    [
        ("alert", "alert", "Look here", "alert closed"),
        ("confirm", "confirm", "Really delete it?", "confirm: false"),
        ("prompt", "prompt", "Your name?", "prompt: null"),
    ],
)
async def test_a_dialog_is_dismissed_and_the_page_goes_on(
    engine: BrowserEngine, site: Site, facts: Facts, button: str, kind: str, message: str, shown: str
) -> None:
    """Contract, both engines: nobody is there to answer, so nothing is agreed to; the fact says so."""
    await go(engine, site.url("dialogs.html"))

    await do(engine, "click", selector=f"#{button}")

    assert await js(engine, "out.textContent") == shown
    (dialog,) = facts.of(DialogHandled)
    assert (dialog.dialog, dialog.message, dialog.answer) == (kind, message, "dismissed")
    assert dialog.page_id == engine.current_page


async def test_several_dialogs_are_dismissed_one_after_the_other(
    engine: BrowserEngine, site: Site, facts: Facts
) -> None:
    """Contract, both engines."""
    await go(engine, site.url("dialogs.html"))

    await do(engine, "click", selector="#three")

    assert await js(engine, "out.textContent") == "three closed"
    assert [fact.message for fact in facts.of(DialogHandled)] == ["Number 1", "Number 2", "Number 3"]


async def test_a_dialog_while_loading_does_not_stop_the_navigation(
    engine: BrowserEngine, site: Site, facts: Facts
) -> None:
    """Contract, both engines."""
    await go(engine, site.url("alert_on_load.html"), timeout_ms=5000)

    assert [fact.message for fact in facts.of(DialogHandled)] == ["Before anything else"]


async def test_a_dialog_between_two_actions_does_not_stop_the_second(
    engine: BrowserEngine, site: Site, facts: Facts
) -> None:
    """Contract, both engines."""
    await go(engine, site.url("dialogs.html"))
    await do(engine, "click", selector="#later")

    await do(engine, "wait_for", text="late alert closed")

    assert [fact.message for fact in facts.of(DialogHandled)] == ["Late"]


async def test_a_page_that_asks_before_it_is_left_is_left(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: navigating away is what was asked for."""
    await go(engine, site.url("dialogs.html"))
    await do(engine, "click", selector="#guard")

    await go(engine, site.url("b.html"), timeout_ms=5000)

    assert await js(engine, "document.title") == "Page B"
    (dialog,) = facts.of(DialogHandled)
    assert (dialog.dialog, dialog.answer) == ("beforeunload", "accepted")


async def test_a_link_out_of_a_guarded_page_is_followed(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: a click that leaves is meant."""
    await go(engine, site.url("dialogs.html"))
    await do(engine, "click", selector="#guard")

    await do(engine, "click", selector="#leave", timeout_ms=5000)

    assert engine.current_url == site.url("b.html")


async def test_a_guarded_page_can_be_closed(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: close_tab closes."""
    first = engine.current_page
    await do(engine, "new_tab", url=site.url("dialogs.html"))
    await do(engine, "click", selector="#guard")

    await do(engine, "close_tab", timeout_ms=5000)

    assert engine.current_page == first


async def finished(facts: Facts, ending: str) -> RequestFinished:
    """Return the request whose address ends like this, once it is over."""
    return await facts.until(RequestFinished, lambda fact: fact.url.endswith(ending))


async def test_every_request_is_a_fact_with_its_answer(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: method, status, kinds and headers of both sides."""
    await go(engine, site.url("network.html"))
    await do(engine, "click", selector="#get")

    document = await finished(facts, "network.html")
    assert (document.method, document.status, document.resource_type) == ("GET", 200, "document")
    assert document.media_type.startswith("text/html")
    fetched = await finished(facts, "/echo?q=1")
    assert (fetched.status, fetched.resource_type) == (200, "fetch")
    headers: dict[str, Any] = {name.lower(): value for name, value in fetched.request_headers}
    assert headers["x-practice"] == "yes"
    assert any(name.lower() == "content-type" for name, _ in fetched.response_headers)
    assert fetched.page_id == engine.current_page
    assert fetched.wait_ms >= 0
    assert fetched.start_wall_s > 1.7e9


async def test_a_request_that_fails_has_no_status(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: with Chromium's reason."""
    await go(engine, site.url("network.html"))

    await do(engine, "click", selector="#fails")

    failed = await finished(facts, "/reset")
    assert failed.status == -1
    assert "ERR_EMPTY_RESPONSE" in failed.failure


async def test_an_error_status_is_an_answer_to_a_request(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines."""
    await go(engine, site.url("network.html"))

    await js(engine, "fetch('/status/404').then((answer) => answer.text())")

    assert (await finished(facts, "/status/404")).status == 404


async def test_a_redirect_is_two_requests(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: one answered with the redirect, one with the end."""
    await go(engine, site.url("redirect?to=/b.html"))

    assert (await finished(facts, "/redirect?to=/b.html")).status == 302
    assert (await finished(facts, f"{site.origin}/b.html")).status == 200


async def test_twenty_requests_at_once_are_twenty_facts(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: each with an id of its own."""
    await go(engine, site.url("network.html"))

    await do(engine, "click", selector="#many")
    await facts.until(
        RequestFinished, lambda _: sum("/hit/many" in fact.url for fact in facts.of(RequestFinished)) == 20
    )

    ids = [fact.request_id for fact in facts.of(RequestFinished) if "/hit/many" in fact.url]
    assert len(set(ids)) == 20


async def test_endless_dialogs_do_not_outlast_the_deadline(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the action that started them ends, as do those that come after it."""
    await go(engine, site.url("dialogs.html"))

    result = await engine.dispatch({"type": "click", "selector": "#endless", "timeout_ms": 1000})
    assert result.duration_ms < 4000

    await fails(engine, "evaluate_js", "timeout", expression="1", timeout_ms=500)
