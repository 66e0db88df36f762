"""Typing, pressing keys and combinations, and holding keys down."""

from __future__ import annotations

from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import do, fails, go, js
from tests.support.site import Site


async def keys(engine: BrowserEngine, *names: str) -> list[Any]:
    """Return the page's key events so far: these properties of each, or one alone."""
    expression = (
        "(names) => window.keys.map((key) => names.length > 1 ? names.map((name) => key[name]) : key[names[0]])"
    )
    events: list[Any] = await js(engine, expression, list(names))
    return events


async def test_type_presses_key_after_key(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: each character goes down, is typed, and comes up, as trusted events."""
    await go(engine, site.url("keyboard.html"))

    await do(engine, "type", selector="#box", text="a1")

    assert await keys(engine, "type", "key", "code") == [
        ["keydown", "a", "KeyA"],
        ["keypress", "a", "KeyA"],
        ["keyup", "a", "KeyA"],
        ["keydown", "1", "Digit1"],
        ["keypress", "1", "Digit1"],
        ["keyup", "1", "Digit1"],
    ]
    assert set(await keys(engine, "isTrusted")) == {True}
    assert await js(engine, "box.value") == "a1"


async def test_type_names_the_keys_of_a_keyboard(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: capitals and signs come from the key that makes them."""
    await go(engine, site.url("keyboard.html"))

    await do(engine, "type", selector="#box", text="B?")

    pressed = [event for event in await keys(engine, "type", "key", "code") if event[0] == "keypress"]
    assert pressed == [["keypress", "B", "KeyB"], ["keypress", "?", "Slash"]]
    assert await js(engine, "box.value") == "B?"


async def test_type_adds_to_what_is_there(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: typing is not replacing."""
    await go(engine, site.url("keyboard.html"))

    await do(engine, "type", selector="#box", text="one")
    await do(engine, "type", selector="#box", text=" two")

    assert await js(engine, "box.value") == "one two"


async def test_type_goes_to_what_has_the_focus(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: without a selector nothing is looked for."""
    await go(engine, site.url("keyboard.html"))
    await do(engine, "click", selector="#area")

    await do(engine, "type", text="here")

    assert await js(engine, "area.value") == "here"


@pytest.mark.parametrize("text", ["注文を確認する", "tea 🍵", "Größe: 5 €"])
async def test_type_takes_what_no_key_makes(engine: BrowserEngine, site: Site, text: str) -> None:
    """Contract, both engines: it is put in as an input method does."""
    await go(engine, site.url("keyboard.html"))

    await do(engine, "type", selector="#box", text=text)

    assert await js(engine, "box.value") == text


async def test_type_takes_a_number(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: flow files often hold numbers without quotes."""
    await go(engine, site.url("keyboard.html"))

    await do(engine, "type", selector="#box", text=2026)

    assert await js(engine, "box.value") == "2026"


async def test_type_pauses_between_keys(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: `delay_ms` is between one key and the next."""
    await go(engine, site.url("keyboard.html"))
    await js(engine, "window.times = []; addEventListener('keypress', () => times.push(performance.now())); null")

    await do(engine, "type", selector="#box", text="abc", delay_ms=80)

    first, second, third = await js(engine, "window.times")
    assert second - first >= 70
    assert third - second >= 70


async def test_a_new_line_is_the_enter_key(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: in a text area it makes a line."""
    await go(engine, site.url("keyboard.html"))

    await do(engine, "type", selector="#area", text="one\ntwo")

    assert await js(engine, "area.value") == "one\ntwo"
    assert "Enter" in await keys(engine, "key")


async def test_a_page_may_refuse_keys(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what a page cancels is not typed."""
    await go(engine, site.url("keyboard.html"))

    await do(engine, "type", selector="#digits", text="a1b2")

    assert await js(engine, "digits.value") == "12"


async def test_type_into_an_editable_region(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("keyboard.html"))
    await do(engine, "fill", selector="#editable", text="")

    await do(engine, "type", selector="#editable", text="new")

    assert await js(engine, "editable.innerText") == "new"


async def test_type_into_something_missing_is_refused(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: and nothing is typed elsewhere."""
    await go(engine, site.url("keyboard.html"))

    await fails(engine, "type", "element_not_found", selector="#nothing", text="x", timeout_ms=400)

    assert await keys(engine, "key") == []


async def test_enter_sends_a_form_and_waits_for_the_answer(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a navigation that a key started has arrived when the action ends."""
    await go(engine, site.url("keyboard.html"))
    await do(engine, "fill", selector="#box", text="tea")

    await do(engine, "press", selector="#box", key="Enter")

    assert engine.current_url == site.url("echo")
    assert site.posts("/echo") == [b"box=tea&area="]


async def test_press_is_one_key_down_and_up(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: at the element, which gets the focus."""
    await go(engine, site.url("keyboard.html"))

    await do(engine, "press", selector="#pad", key="ArrowDown")

    assert await keys(engine, "type", "key", "code", "keyCode", "target") == [
        ["keydown", "ArrowDown", "ArrowDown", 40, "pad"],
        ["keyup", "ArrowDown", "ArrowDown", 40, "pad"],
    ]


@pytest.mark.parametrize(
    ("name", "key", "code"),
    [
        ("Escape", "Escape", "Escape"),
        ("Tab", "Tab", "Tab"),
        ("Backspace", "Backspace", "Backspace"),
        ("F2", "F2", "F2"),
        ("PageDown", "PageDown", "PageDown"),
        ("a", "a", "KeyA"),
        ("A", "A", "KeyA"),
        ("Space", " ", "Space"),
        ("+", "+", "Equal"),
    ],
)
async def test_keys_go_by_their_names(engine: BrowserEngine, site: Site, name: str, key: str, code: str) -> None:
    """Contract, both engines: the names of the UI Events specification."""
    await go(engine, site.url("keyboard.html"))

    await do(engine, "press", selector="#pad", key=name)

    assert (await keys(engine, "type", "key", "code"))[0] == ["keydown", key, code]


async def test_a_combination_holds_its_modifiers(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: they go down first and come up last, and the key sees them."""
    await go(engine, site.url("keyboard.html"))

    await do(engine, "press", selector="#pad", key="Control+Shift+K")

    events = await keys(engine, "type", "code", "control", "shift")
    assert [event[:2] for event in events if event[0] != "keypress"] == [
        ["keydown", "ControlLeft"],
        ["keydown", "ShiftLeft"],
        ["keydown", "KeyK"],
        ["keyup", "KeyK"],
        ["keyup", "ShiftLeft"],
        ["keyup", "ControlLeft"],
    ]
    assert ["keydown", "KeyK", True, True] in events


async def test_control_a_selects_all(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what is typed next replaces it."""
    await go(engine, site.url("keyboard.html"))
    await do(engine, "fill", selector="#box", text="old words")

    await do(engine, "press", selector="#box", key="Control+a")
    await do(engine, "type", text="new")

    assert await js(engine, "box.value") == "new"


async def test_shift_and_arrows_select(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: editing keys do what they do for a person."""
    await go(engine, site.url("keyboard.html"))
    await do(engine, "fill", selector="#box", text="abcd")

    await do(engine, "press", selector="#box", key="End")
    await do(engine, "press", key="Shift+ArrowLeft")
    await do(engine, "press", key="Shift+ArrowLeft")
    await do(engine, "press", key="Delete")

    assert await js(engine, "box.value") == "ab"


async def test_copy_and_paste_work_within_the_page(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: shortcuts reach the browser's own editing commands."""
    await go(engine, site.url("keyboard.html"))
    await do(engine, "fill", selector="#box", text="carried")

    await do(engine, "press", selector="#box", key="Control+a")
    await do(engine, "press", key="Control+x")
    await do(engine, "press", selector="#area", key="Control+v")

    assert await js(engine, "[box.value, area.value]") == ["", "carried"]


async def test_tab_moves_the_focus(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: forward, and back with Shift."""
    await go(engine, site.url("keyboard.html"))

    await do(engine, "press", selector="#box", key="Tab")
    forward = await js(engine, "document.activeElement.id")
    await do(engine, "press", key="Shift+Tab")

    assert forward == "area"
    assert await js(engine, "document.activeElement.id") == "box"


@pytest.mark.parametrize("key", ["Enter", "Space"])
async def test_a_button_is_pressed_from_the_keyboard(engine: BrowserEngine, site: Site, key: str) -> None:
    """Contract, both engines: as people do who use no mouse."""
    await go(engine, site.url("keyboard.html"))

    await do(engine, "press", selector="#press-me", key=key)

    (beacon,) = site.beacons("press-me")
    assert beacon.details == {"detail": 0, "isTrusted": True}


@pytest.mark.parametrize("key", ["NoSuchKey", "Hyper+a", "Control+NoSuchKey"])
async def test_an_unknown_key_is_refused(engine: BrowserEngine, site: Site, key: str) -> None:
    """Contract, both engines: before anything is pressed, with the name at fault."""
    await go(engine, site.url("keyboard.html"))

    result = await fails(engine, "press", "invalid_action", selector="#pad", key=key)

    assert result.metadata["field"] == "key"
    assert await keys(engine, "key") == []


async def test_a_held_key_stays_down_until_it_is_released(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the keys in between see it as held."""
    await go(engine, site.url("keyboard.html"))
    await do(engine, "focus", selector="#pad")

    await do(engine, "key_down", key="Shift")
    await do(engine, "press", key="ArrowRight")
    await do(engine, "key_up", key="Shift")
    await do(engine, "press", key="ArrowLeft")

    down = [event[1:] for event in await keys(engine, "type", "key", "shift") if event[0] == "keydown"]
    assert down == [["Shift", True], ["ArrowRight", True], ["ArrowLeft", False]]


async def test_a_key_pressed_while_down_repeats(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: as a key does that is held for long."""
    await go(engine, site.url("keyboard.html"))
    await do(engine, "focus", selector="#pad")

    await do(engine, "key_down", key="ArrowRight")
    await do(engine, "key_down", key="ArrowRight")
    await do(engine, "key_up", key="ArrowRight")

    assert await keys(engine, "type", "repeat") == [["keydown", False], ["keydown", True], ["keyup", False]]


async def test_a_held_modifier_counts_for_clicks(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: keyboard and mouse belong to one pair of hands."""
    await go(engine, site.url("clicks.html"))

    await do(engine, "key_down", key="Control")
    await do(engine, "click", selector="#plain")
    await do(engine, "key_up", key="Control")
    await do(engine, "click", selector="#second")

    assert site.beacons("plain")[0].details["control"] is True
    assert site.beacons("second")[0].details["control"] is False


async def test_an_unknown_key_cannot_be_held(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("keyboard.html"))

    for kind in ("key_down", "key_up"):
        result = await fails(engine, kind, "invalid_action", key="NoSuchKey")
        assert result.metadata["field"] == "key"
