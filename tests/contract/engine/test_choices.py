"""Choosing options, ticking boxes, picking radio buttons."""

from __future__ import annotations

from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import do, fails, go, js
from tests.support.site import Site


@pytest.mark.parametrize(
    ("choice", "value"),
    [
        ({"value": "osaka"}, "osaka"),
        ({"label": "Kyoto"}, "kyoto"),
        ({"label": "Sapporo (north)"}, "sapporo"),
        ({"index": 2}, "osaka"),
        ({"value": ""}, ""),
    ],
)
async def test_an_option_is_chosen_by_value_label_or_index(
    engine: BrowserEngine, site: Site, choice: dict[str, Any], value: str
) -> None:
    """Contract, both engines: the page hears of input and change; the result names the values."""
    await go(engine, site.url("forms.html"))

    metadata = await do(engine, "select_option", selector="#city", **choice)

    assert metadata["values"] == [value]
    assert await js(engine, "city.value") == value
    assert await js(engine, "window.events") == [["input", "city", value], ["change", "city", value]]


@pytest.mark.parametrize(
    ("choice", "values"),
    [
        ({"value": ["red", "l"]}, ["red", "l"]),
        ({"label": ["small", "green"]}, ["green", "s"]),
        ({"index": [0, 1]}, ["red", "green"]),
        ({"value": "s"}, ["s"]),
    ],
)
async def test_several_options_are_chosen_at_once(
    engine: BrowserEngine, site: Site, choice: dict[str, Any], values: list[str]
) -> None:
    """Contract, both engines: these and no others; the result is in the order of the list."""
    await go(engine, site.url("forms.html"))
    await do(engine, "select_option", selector="#tags", value="green")

    metadata = await do(engine, "select_option", selector="#tags", **choice)

    assert metadata["values"] == values
    assert await js(engine, "[...tags.selectedOptions].map((option) => option.value)") == values


async def test_an_option_that_comes_late_can_be_waited_for(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a list that is filled by a script is waited for by its option."""
    await go(engine, site.url("forms.html"))

    await do(engine, "wait_for", selector="#late option[value=arrived]", state="attached")
    metadata = await do(engine, "select_option", selector="#late", value="arrived")

    assert metadata["values"] == ["arrived"]


@pytest.mark.parametrize("choice", [{"value": "tokyo"}, {"label": "Tokyo"}, {"index": 99}])
async def test_a_missing_option_is_refused(engine: BrowserEngine, site: Site, choice: dict[str, Any]) -> None:
    """Contract, both engines: the hint lists what there is; nothing changes."""
    await go(engine, site.url("forms.html"))

    result = await fails(engine, "select_option", "option_not_found", selector="#city", timeout_ms=600, **choice)

    assert "Osaka" in result.metadata["hint"]
    assert await js(engine, "window.events") == []


async def test_a_disabled_option_is_refused(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a person could not choose it either."""
    await go(engine, site.url("forms.html"))

    result = await fails(engine, "select_option", "option_not_found", selector="#city", value="closed", timeout_ms=600)

    assert "disabled" in str(result.error)
    assert await js(engine, "city.value") == ""


async def test_a_single_select_takes_one_option(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: several at once are refused."""
    await go(engine, site.url("forms.html"))

    await fails(engine, "select_option", "wrong_element", selector="#city", value=["kyoto", "osaka"], timeout_ms=600)

    assert await js(engine, "city.value") == ""


async def test_what_is_no_select_has_no_options(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the error says what it is."""
    await go(engine, site.url("forms.html"))

    result = await fails(engine, "select_option", "wrong_element", selector="#name", value="x", timeout_ms=600)

    assert "not a <select>" in str(result.error)


@pytest.mark.parametrize("box", ["agree", "custom", "hidden-box-label"])
async def test_a_box_is_ticked_by_a_real_click(engine: BrowserEngine, site: Site, box: str) -> None:
    """Contract, both engines: a checkbox, one made of a role, and one that only its label can be clicked for."""
    await go(engine, site.url("forms.html"))
    await js(engine, "addEventListener('click', (event) => { window.trusted ??= event.isTrusted; }); null")

    metadata = await do(engine, "check", selector=f"#{box}")

    state = "[agree.checked, custom.getAttribute('aria-checked'), document.getElementById('hidden-box').checked]"
    expected = {"agree": [True, "false", False], "custom": [False, "true", False]}
    assert await js(engine, state) == expected.get(box, [False, "false", True])
    assert await js(engine, "window.trusted") is True
    assert metadata["changed"] is True


@pytest.mark.parametrize(("kind", "box"), [("check", "news"), ("uncheck", "agree")])
async def test_a_box_that_is_right_already_is_left_alone(
    engine: BrowserEngine, site: Site, kind: str, box: str
) -> None:
    """Contract, both engines: no click, no event, and success."""
    await go(engine, site.url("forms.html"))

    metadata = await do(engine, kind, selector=f"#{box}")

    assert await js(engine, "window.events") == []
    assert metadata["changed"] is False


async def test_a_box_is_cleared(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("forms.html"))

    await do(engine, "uncheck", selector="#news")

    assert await js(engine, "news.checked") is False
    assert await js(engine, "window.events") == [["input", "news", False], ["change", "news", False]]


async def test_a_radio_button_is_chosen(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: and the other of its group is not any more."""
    await go(engine, site.url("forms.html"))

    await do(engine, "check", selector="role=radio[name='Large']")

    assert await js(engine, "[small.checked, large.checked]") == [False, True]


async def test_a_radio_button_cannot_be_cleared(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the error says so instead of claiming success."""
    await go(engine, site.url("forms.html"))

    await fails(engine, "uncheck", "wrong_element", selector="#small", timeout_ms=1000)

    assert await js(engine, "small.checked") is True


async def test_a_box_that_does_not_stay_ticked_is_an_error(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the state is looked at after the click."""
    await go(engine, site.url("forms.html"))

    result = await fails(engine, "check", "wrong_element", selector="#stubborn", timeout_ms=1000)

    assert "not checked" in str(result.error)


async def test_what_cannot_be_ticked_is_refused(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("forms.html"))

    await fails(engine, "check", "wrong_element", selector="#name", timeout_ms=600)

    assert await js(engine, "document.activeElement.id") != "name"


async def test_a_disabled_box_is_refused(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("forms.html"))

    await fails(engine, "check", "element_disabled", selector="#disabled-check", timeout_ms=600)


async def test_a_box_is_waited_for_until_it_is_enabled(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("disabled_then_enabled.html"))

    await do(engine, "check", selector="#later-box")

    assert await js(engine, "document.getElementById('later-box').checked") is True


async def test_a_box_that_sends_its_form_is_done(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: its page is gone, so that nobody can be asked whether it is still ticked."""
    box = "<input type=checkbox id=box name=on onchange='this.form.submit()'>"
    site.set_page("/form.html", f"<title>Form</title><form action='/a.html'>{box}</form>")
    await go(engine, site.url("form.html"))

    metadata = await do(engine, "check", selector="#box", timeout_ms=8_000)

    assert metadata["changed"] is True
    assert engine.current_url == site.url("a.html?on=on")
