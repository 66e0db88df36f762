"""Dialogs that a page opens: who answers them, with what, and what an action hears of it."""

from __future__ import annotations

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.errors import InvalidInput
from bykilt.events.model import DialogHandled
from tests.support.engines import Facts, NewEngine, do, fails, go, js, site_launch
from tests.support.site import Site


def click(selector: str) -> dict[str, object]:
    """Return the action that opens the dialog."""
    return {"type": "click", "selector": selector}


async def out(engine: BrowserEngine) -> object:
    """What the page's script made of the answer."""
    return await js(engine, "document.getElementById('out').textContent")


@pytest.mark.parametrize(
    ("opener", "fields", "seen"),
    [
        ("#alert", {"policy": "accept"}, "alert closed"),
        ("#alert", {}, "alert closed"),
        ("#confirm", {"policy": "accept"}, "confirm: true"),
        ("#confirm", {"policy": "dismiss"}, "confirm: false"),
        ("#confirm", {}, "confirm: false"),
        ("#prompt", {"policy": "accept"}, 'prompt: "nobody"'),
        ("#prompt", {"policy": "accept", "text": "愛子"}, 'prompt: "愛子"'),
        ("#prompt", {"policy": "accept", "text": ""}, 'prompt: ""'),
        ("#prompt", {"policy": "dismiss"}, "prompt: null"),
    ],
)
async def test_the_dialog_of_one_action(
    engine: BrowserEngine, site: Site, opener: str, fields: dict[str, object], seen: str
) -> None:
    """Contract, both engines: the page's own script sees the answer; the result tells of the dialog."""
    await go(engine, site.url("dialogs.html"))

    result = await do(engine, "handle_dialog", action=click(opener), **fields)

    assert await out(engine) == seen
    (dialog,) = result["dialogs"]
    assert dialog["type"] == opener[1:]
    assert dialog["answer"] == ("accepted" if fields.get("policy") == "accept" else "dismissed")


async def test_the_answer_holds_for_the_one_action_only(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: afterwards everything is declined as before."""
    await go(engine, site.url("dialogs.html"))
    await do(engine, "handle_dialog", policy="accept", action=click("#confirm"))

    await do(engine, "click", selector="#confirm")

    assert await out(engine) == "confirm: false"


async def test_a_dialog_that_comes_late_is_waited_for(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: the inner action is long over when the page's timer opens it."""
    await go(engine, site.url("dialogs.html"))

    result = await do(engine, "handle_dialog", policy="accept", action=click("#later"))

    assert [dialog["message"] for dialog in result["dialogs"]] == ["Late"]
    assert [fact.answer for fact in facts.of(DialogHandled)] == ["accepted"]


async def test_several_dialogs_of_one_action(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: each is answered, and each is in the result."""
    await go(engine, site.url("dialogs.html"))

    result = await do(engine, "handle_dialog", policy="accept", action=click("#three"))

    assert [dialog["message"] for dialog in result["dialogs"]] == ["Number 1", "Number 2", "Number 3"]


async def test_an_action_that_opens_none(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the error says what was done, and that no dialog came of it."""
    await go(engine, site.url("dialogs.html"))

    failed = await fails(engine, "handle_dialog", "timeout", action=click("h1"), timeout_ms=500)

    assert "a dialog to open" in str(failed.error)
    assert "click h1" in str(failed.error)


async def test_a_policy_for_all_that_follows(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: without an inner action it holds until the next."""
    await go(engine, site.url("dialogs.html"))

    await do(engine, "handle_dialog", policy="accept", text="Aiko")
    await do(engine, "click", selector="#prompt")
    accepted = await out(engine)
    await do(engine, "handle_dialog", policy="dismiss")
    await do(engine, "click", selector="#prompt")

    assert (accepted, await out(engine)) == ('prompt: "Aiko"', "prompt: null")


async def test_a_dialog_that_may_not_come_fails_the_action(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: it is dismissed, so that the page goes on; the next action is fine again."""
    await go(engine, site.url("dialogs.html"))
    await do(engine, "handle_dialog", policy="fail")

    failed = await fails(engine, "click", "dialog_opened", selector="#confirm")

    assert "Really delete it?" in str(failed.error)
    assert await out(engine) == "confirm: false"


async def test_staying_on_a_page_that_asks(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: dismissing the question whether to leave keeps the page, and that is no failure."""
    await go(engine, site.url("dialogs.html"))
    await do(engine, "click", selector="#guard")

    result = await do(engine, "handle_dialog", policy="dismiss", action={"type": "navigate", "url": site.url("b.html")})

    assert [dialog["type"] for dialog in result["dialogs"]] == ["beforeunload"]
    assert engine.current_url == site.url("dialogs.html")
    assert await out(engine) == "guarded"


async def test_leaving_a_page_that_asks(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("dialogs.html"))
    await do(engine, "click", selector="#guard")

    await do(engine, "handle_dialog", policy="accept", action={"type": "navigate", "url": site.url("b.html")})

    assert engine.current_url == site.url("b.html")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"policy": "ask"}, "policy"),
        ({"policy": "dismiss", "text": "Aiko"}, "text"),
        ({"policy": "fail", "action": click("h1")}, "policy"),
        ({"action": {"type": "clik"}}, "action"),
    ],
)
async def test_fields_that_make_no_sense(engine: BrowserEngine, fields: dict[str, object], field: str) -> None:
    """Contract, both engines: refused with the field at fault, and nothing is done."""
    failed = await fails(engine, "handle_dialog", "invalid_action", **fields)

    assert failed.metadata["field"] == field


async def test_the_policy_of_a_launch(new_engine: NewEngine, site: Site) -> None:
    """Contract, both engines: it holds from the first page on."""
    engine = new_engine()
    await engine.launch(site_launch(dialog_policy="accept", dialog_text="Ken"))
    await go(engine, site.url("dialogs.html"))

    await do(engine, "click", selector="#prompt")

    assert await out(engine) == 'prompt: "Ken"'


async def test_an_unknown_policy_is_refused(new_engine: NewEngine) -> None:
    """Contract, both engines: before anything starts."""
    with pytest.raises(InvalidInput, match="dialog_policy 'maybe' is unknown"):
        await new_engine().launch(site_launch(dialog_policy="maybe"))
