"""Filling in: every kind of field, what the page sees of it, and what is refused."""

from __future__ import annotations

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import do, fails, go, js
from tests.support.site import Site

LISTEN = """(id) => {
  window.trusted = [];
  for (const type of ['beforeinput', 'input']) {
    document.getElementById(id).addEventListener(type, (event) => trusted.push(event.isTrusted));
  }
}"""


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("name", "Aiko"),
        ("password", "pa55 wörd"),
        ("email", "aiko@example.com"),
        ("search", "green tea"),
        ("untyped", "no type at all"),
        ("notes", "line one\nline two"),
        ("amount", "12.5"),
    ],
)
async def test_a_text_field_takes_text_as_real_input(engine: BrowserEngine, site: Site, field: str, text: str) -> None:
    """Contract, both engines: the value is replaced, and the page sees trusted events."""
    await go(engine, site.url("forms.html"))
    await js(engine, LISTEN, field)

    await do(engine, "fill", selector=f"#{field}", text=text)

    assert await js(engine, "(id) => document.getElementById(id).value", field) == text
    trusted = await js(engine, "window.trusted")
    assert trusted
    assert all(trusted)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("date", "2026-01-31"),
        ("time", "18:30"),
        ("moment", "2026-01-31T18:30"),
        ("month", "2026-01"),
        ("colour", "#ff8800"),
        ("volume", "75"),
    ],
)
async def test_a_field_with_a_picker_takes_its_value(engine: BrowserEngine, site: Site, field: str, text: str) -> None:
    """Contract, both engines: the page hears of input and change, as after a choice."""
    await go(engine, site.url("forms.html"))

    await do(engine, "fill", selector=f"#{field}", text=text)

    assert await js(engine, "window.events") == [["input", field, text], ["change", field, text]]


@pytest.mark.parametrize(
    ("field", "text"), [("date", "31.01.2026"), ("colour", "red"), ("volume", "200"), ("time", "half past six")]
)
async def test_a_value_that_does_not_fit_is_refused(engine: BrowserEngine, site: Site, field: str, text: str) -> None:
    """Contract, both engines: the error says how it is written, and the old value stays."""
    await go(engine, site.url("forms.html"))
    before = await js(engine, "(id) => document.getElementById(id).value", field)

    result = await fails(engine, "fill", "wrong_element", selector=f"#{field}", text=text, timeout_ms=1000)

    assert text in str(result.error)
    assert await js(engine, "(id) => document.getElementById(id).value", field) == before
    assert await js(engine, "window.events") == []


async def test_what_was_there_is_replaced(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: fill sets the value, it does not add to it."""
    await go(engine, site.url("forms.html"))

    await do(engine, "fill", selector="#name", text="first")
    await do(engine, "fill", selector="#name", text="second")

    assert await js(engine, "document.getElementById('name').value") == "second"


@pytest.mark.parametrize("field", ["name", "notes", "rich"])
async def test_empty_text_clears(engine: BrowserEngine, site: Site, field: str) -> None:
    """Contract, both engines: and the page hears of it."""
    await go(engine, site.url("forms.html"))

    await do(engine, "fill", selector=f"#{field}", text="")

    value = await js(engine, "(id) => { const f = document.getElementById(id); return f.value ?? f.innerText; }", field)
    assert value.strip() == ""
    assert [event[:2] for event in await js(engine, "window.events")] == [["input", field]]


@pytest.mark.parametrize("region", ["rich", "plain-rich"])
async def test_an_editable_region_takes_text(engine: BrowserEngine, site: Site, region: str) -> None:
    """Contract, both engines: its whole content is replaced."""
    await go(engine, site.url("forms.html"))

    await do(engine, "fill", selector=f"#{region}", text="fresh words")

    assert await js(engine, "(id) => document.getElementById(id).innerText", region) == "fresh words"


@pytest.mark.parametrize("text", ["北の森商事", "tea 🍵 and ½ rice", "naïve — “quoted”"])
async def test_any_script_can_be_filled_in(engine: BrowserEngine, site: Site, text: str) -> None:
    """Contract, both engines."""
    await go(engine, site.url("forms.html"))

    await do(engine, "fill", selector="#name", text=text)

    assert await js(engine, "document.getElementById('name').value") == text


async def test_a_number_may_be_given_bare(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: flow files often hold numbers without quotes."""
    await go(engine, site.url("forms.html"))

    await do(engine, "fill", selector="#amount", text=42)

    assert await js(engine, "amount.valueAsNumber") == 42


async def test_letters_are_no_number(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a field that takes none of the text is no success."""
    await go(engine, site.url("forms.html"))

    await fails(engine, "fill", "wrong_element", selector="#amount", text="many", timeout_ms=1000)

    assert await js(engine, "amount.value") == ""


async def test_the_longest_text_that_fits_is_kept(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: `maxlength` limits a fill as it limits a hand."""
    await go(engine, site.url("forms.html"))

    await do(engine, "fill", selector="#short", text="abcdefgh")

    assert await js(engine, "document.getElementById('short').value") == "abcde"


async def test_a_mask_shapes_the_text(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what the page makes of the input is the page's."""
    site.set_page(
        "/mask.html",
        "<input id=phone oninput=\"this.value = this.value.replace(/\\D/g, '').replace(/^(\\d{2})(\\d+)/, '$1-$2')\">",
    )
    await go(engine, site.url("mask.html"))

    await do(engine, "fill", selector="#phone", text="0312345678")

    assert await js(engine, "phone.value") == "03-12345678"


async def test_a_label_stands_for_its_field(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what people see is what a flow may name."""
    await go(engine, site.url("selectors.html"))

    await do(engine, "fill", selector="text=Street", text="Main Street 5")

    assert await js(engine, "street.value") == "Main Street 5"


async def test_fill_gives_the_field_the_focus(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: as a hand would, so that pages that check on blur get to do so."""
    await go(engine, site.url("forms.html"))

    await do(engine, "fill", selector="#email", text="x")

    assert await js(engine, "document.activeElement.id") == "email"


@pytest.mark.parametrize("field", ["later-input", "later-readonly"])
async def test_fill_waits_until_the_field_can_be_edited(engine: BrowserEngine, site: Site, field: str) -> None:
    """Contract, both engines: disabled or read-only now may be free in a moment."""
    await go(engine, site.url("disabled_then_enabled.html"))

    await do(engine, "fill", selector=f"#{field}", text="patience")

    assert await js(engine, "(id) => document.getElementById(id).value", field) == "patience"


@pytest.mark.parametrize(
    ("field", "code", "seen"),
    [
        ("disabled", "element_disabled", "disabled"),
        ("readonly", "element_not_editable", "read-only"),
        ("not-an-input", "element_not_editable", "not an input"),
        ("agree", "element_not_editable", "checkbox"),
        ("city", "element_not_editable", "select"),
    ],
)
async def test_what_cannot_be_edited_is_refused(
    engine: BrowserEngine, site: Site, field: str, code: str, seen: str
) -> None:
    """Contract, both engines: the error says why, and nothing has changed."""
    await go(engine, site.url("forms.html"))

    result = await fails(engine, "fill", code, selector=f"#{field}", text="x", timeout_ms=600)

    assert seen in str(result.error)
    assert "waited 0." in str(result.error)
    assert await js(engine, "window.events") == []


async def test_a_missing_field_is_refused(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("forms.html"))

    await fails(engine, "fill", "element_not_found", selector="#nothing", text="x", timeout_ms=400)


async def test_text_never_goes_into_another_field(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a field that hands its focus on is not filled in, and neither is the other."""
    site.set_page("/thief.html", "<input id=mine onfocus='other.focus()'><input id=other>")
    await go(engine, site.url("thief.html"))

    result = await engine.dispatch({"type": "fill", "selector": "#mine", "text": "secret", "timeout_ms": 800})

    assert not result.success
    assert await js(engine, "[mine.value, other.value]") == ["", ""]
