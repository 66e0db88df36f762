"""Reading from a page: each kind, one or all, records."""

from __future__ import annotations

from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import do, fails, go
from tests.support.site import Site
from tests.support.site_pages import record


async def read(engine: BrowserEngine, selector: str, **fields: Any) -> Any:
    """Return what is extracted."""
    return (await do(engine, "extract", selector=selector, **fields))["result"]


async def test_text_is_what_is_written_with_spaces_made_one(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: hidden text counts, lines and indents do not."""
    site.set_page("/text.html", "<p id=p>  Tea <b>and</b>\n   rice <i hidden>(secret)</i> </p>")
    await go(engine, site.url("text.html"))

    assert await read(engine, "#p") == "Tea and rice (secret)"


async def test_inner_text_is_what_is_seen(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: as rendered, with its lines, without what is hidden."""
    site.set_page(
        "/text.html", "<div id=p>Tea<br>rice <i hidden>(secret)</i><p style='text-transform:uppercase'>x</p></div>"
    )
    await go(engine, site.url("text.html"))

    assert (await read(engine, "#p", kind="inner_text")).split() == ["Tea", "rice", "X"]


async def test_html_is_the_markup_inside(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("forms.html"))

    assert await read(engine, "#rich", kind="html") == "Some <b>bold</b> text"


async def test_an_attribute_is_read_by_name(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: null where the element does not have it."""
    await go(engine, site.url("selectors.html"))

    assert await read(engine, "[data-price]", kind="attribute", attribute="data-price") == "5"
    assert await read(engine, "[data-price]", kind="attribute", attribute="title") is None


async def test_an_address_is_read_in_full(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a link is worth something without its page."""
    await go(engine, site.url("selectors.html"))

    assert await read(engine, "nav a", kind="attribute", attribute="href") == site.url("a.html")


async def test_a_field_is_read_by_its_value(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what stands in it now; never a password."""
    await go(engine, site.url("forms.html"))
    await do(engine, "fill", selector="#name", text="typed")
    await do(engine, "fill", selector="#password", text="secret")
    await do(engine, "select_option", selector="#city", value="osaka")

    assert await read(engine, "#name") == "typed"
    assert await read(engine, "#city") == "osaka"
    assert await read(engine, "#password") == ""


async def test_all_gives_a_list_in_the_order_of_the_document(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: with a limit, the first of them."""
    await go(engine, site.url("selectors.html"))

    assert await read(engine, ".item", all=True) == ["One", "Two", "Three"]
    assert await read(engine, ".item", all=True, limit=2) == ["One", "Two"]
    assert await read(engine, "td", kind="attribute", attribute="data-price", all=True) == ["5", "7"]


async def test_count_counts_and_does_not_wait(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: none is an answer."""
    await go(engine, site.url("selectors.html"))

    assert await read(engine, ".item", kind="count") == 3
    assert await read(engine, ".nothing", kind="count", timeout_ms=500) == 0


async def test_records_are_read_row_by_row(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a field that a record lacks is null."""
    await go(engine, site.url("table.html?rows=12"))

    rows = await read(
        engine,
        "tbody tr",
        records={
            "fields": {
                "id": "td:nth-child(1)",
                "name": {"selector": ["td.nothing", "td:nth-child(2)"]},
                "link": {"selector": "a", "attribute": "href"},
                "cells": {"selector": "td", "kind": "count"},
                "missing": ".no-such-cell",
            }
        },
    )

    assert len(rows) == 12
    expected = record(12)
    assert rows[-1] == {
        "id": expected["id"],
        "name": expected["name"],
        "link": site.url(expected["link"]),
        "cells": rows[0]["cells"],
        "missing": None,
    }


async def test_records_have_a_limit(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: inside `records`, or short beside `fields`."""
    await go(engine, site.url("table.html?rows=12"))
    fields = {"id": "td"}

    assert len(await read(engine, "tbody tr", records={"fields": fields, "limit": 3})) == 3
    assert len(await read(engine, "tbody tr", fields=fields, limit=4)) == 4


async def test_a_record_may_read_its_own_element(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a field without a selector is the record itself."""
    await go(engine, site.url("selectors.html"))

    rows = await read(engine, "[data-price]", fields={"price": {"attribute": "data-price"}, "text": {"kind": "text"}})

    assert rows == [{"price": "5", "text": "5 yen"}, {"price": "7", "text": "7 yen"}]


async def test_five_thousand_records_are_read_quickly(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: in one question to the page."""
    await go(engine, site.url("table.html?rows=5000"))

    result = await engine.dispatch(
        {"type": "extract", "selector": "tbody tr", "fields": {"id": "td:nth-child(1)", "name": "td:nth-child(2)"}}
    )

    rows = result.metadata["result"]
    assert (len(rows), rows[4999]["id"]) == (5000, "R-5000")
    assert result.duration_ms < 3000


async def test_extract_waits_for_what_comes_late(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: one, and all."""
    await go(engine, site.url("spa.html?view=orders"))

    assert await read(engine, ".order", all=True) == ["Tea", "Rice"]


@pytest.mark.parametrize("fields", [{}, {"all": True}, {"fields": {"id": "td"}}])
async def test_nothing_found_is_an_error(engine: BrowserEngine, site: Site, fields: dict[str, Any]) -> None:
    """Contract, both engines: one value, a list and records alike; `count` is there for asking."""
    await go(engine, site.url("a.html"))

    result = await fails(engine, "extract", "element_not_found", selector=".nothing", timeout_ms=400, **fields)

    assert "waited 0.4 s" in str(result.error)


async def test_extract_reads_the_first_visible_match(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the hidden copy of a menu is not what people see."""
    site.set_page("/twice.html", "<p class=x hidden>hidden copy</p><p class=x>seen</p>")
    await go(engine, site.url("twice.html"))

    assert await read(engine, ".x") == "seen"
    assert await read(engine, ".x", all=True) == ["hidden copy", "seen"]


async def test_extract_reads_shadow_dom(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: records, too."""
    await go(engine, site.url("shadow.html"))

    assert await read(engine, "#first .deep") == "Deep text"
    assert await read(engine, "open-card", fields={"deep": ".deep"}) == [{"deep": "Deep text"}, {"deep": "Deep text"}]
