"""Selectors: the one grammar, as both engines understand it."""

from __future__ import annotations

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import do, fails, go
from tests.support.site import Site


@pytest.mark.parametrize(
    ("selector", "button"),
    [
        ("#save", "save"),
        ("css=main > button#save", "save"),
        ("button:has-text-none, #save", "save"),
        ('text="Save"', "save"),
        ("text=save all", "save-all"),
        ("text=/^save a.l$/i", "save-all"),
        ("text=Many spaces here", "spaced"),
        ('role=button[name="Save"]', "save"),
        ('role=button[name="Close window"]', "icon"),
        ('role=button[name="Named elsewhere"]', "described"),
        ('role=button[name*="order" i]', "send"),
        ('role=button[name="Fake button"]', "fake"),
        ("xpath=//button[@id='save-all']", "save-all"),
        ("//main//button[2]", "save-all"),
        ("main >> text=Save all", "save-all"),
        ("role=button >> nth=1", "save-all"),
    ],
)
async def test_each_kind_of_selector_finds_its_element(
    engine: BrowserEngine, site: Site, selector: str, button: str
) -> None:
    """Contract, both engines: the server sees which button was hit."""
    await go(engine, site.url("selectors.html"))
    if "none" in selector:
        selector = selector.replace(":has-text-none", ".none")

    await do(engine, "click", selector=selector, timeout_ms=3000)

    assert site.hits(f"/hit/{button}") == 1
    assert sum(request.path.startswith("/hit/") for request in site.requests()) == 1


@pytest.mark.parametrize(
    ("selector", "texts"),
    [
        ("nav a", ["Orders", "Stock"]),
        ("role=link", ["Orders", "Stock"]),
        ("li.item >> nth=-1", ["Three"]),
        ("text=注文を確認", ["注文を確認する"]),
        ("""text='She said "hello" and it\\'s fine'""", ['She said "hello" and it\'s fine']),
        ("role=heading[level=2]", ["Tea and rice"]),
        ("role=row[name*='Tea'] >> role=cell", ["5 yen"]),
        ("role=alert", ["Stock is low"]),
        ("table >> xpath=.//td", ["5 yen", "7 yen"]),
    ],
)
async def test_all_matches_come_in_the_order_of_the_document(
    engine: BrowserEngine, site: Site, selector: str, texts: list[str]
) -> None:
    """Contract, both engines."""
    await go(engine, site.url("selectors.html"))

    assert (await do(engine, "extract", selector=selector, all=True, timeout_ms=2000))["result"] == texts


async def test_alternatives_are_tried_in_their_order(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the first that matches anything counts, whatever its kind."""
    await go(engine, site.url("selectors.html"))

    await do(engine, "click", selector=["#no-such", "text=No such text", 'role=button[name="Save all"]', "#save"])

    assert (site.hits("/hit/save-all"), site.hits("/hit/save")) == (1, 0)


@pytest.mark.parametrize(
    ("selector", "button", "host"),
    [
        ("#first #save", "save", "first"),
        ("open-card >> nth=1 >> role=button[name='Save']", "save", "second"),
        ("#second #deep", "deep", "inner"),
        ("text=Deep button", "deep", "inner"),
        ("role=button[name='Declared']", "declared-button", "declared"),
        ("#light", "light", "document"),
    ],
)
async def test_open_shadow_trees_are_looked_into(
    engine: BrowserEngine, site: Site, selector: str, button: str, host: str
) -> None:
    """Contract, both engines: nested ones, too, and the click inside is trusted."""
    await go(engine, site.url("shadow.html"))

    await do(engine, "click", selector=selector, timeout_ms=3000)

    (beacon,) = site.beacons("shadow")
    assert (beacon.details["id"], beacon.details["host"]) == (button, host)
    assert beacon.details.get("isTrusted", True) is True


async def test_form_fields_in_shadow_trees_are_filled_and_ticked(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: every action pierces, not only clicks."""
    await go(engine, site.url("shadow.html"))

    await do(engine, "fill", selector="#second #note", text="in the shadow")
    await do(engine, "check", selector="#second >> text=Shadow tick")

    assert (await do(engine, "extract", selector="#second #note"))["result"] == "in the shadow"
    assert (await do(engine, "extract", selector="#second #tick:checked", kind="count"))["result"] == 1


async def test_closed_shadow_trees_stay_closed(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what the page has locked is not found."""
    await go(engine, site.url("shadow.html"))

    await fails(engine, "click", "element_not_found", selector="#sealed", timeout_ms=400)


@pytest.mark.parametrize(
    "selector", ["div[", "role=button[name=", "xpath=//div[", "text=/(/", "#a >> ", "role=button[colour=red]", "///"]
)
async def test_a_selector_that_means_nothing_fails_at_once(engine: BrowserEngine, site: Site, selector: str) -> None:
    """Contract, both engines: no waiting for what cannot come; the error says why."""
    await go(engine, site.url("selectors.html"))

    for kind, fields in (("click", {}), ("extract", {}), ("wait_for", {"state": "hidden"})):
        result = await fails(engine, kind, "invalid_selector", selector=selector, timeout_ms=5000, **fields)
        assert result.duration_ms < 2500
        assert len(str(result.error)) > 10


async def test_all_alternatives_are_read_before_any_is_tried(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a mistake in the second is found although the first matches."""
    await go(engine, site.url("selectors.html"))

    await fails(engine, "click", "invalid_selector", selector=["#save", "div["])

    assert site.hits("/hit/save") == 0


async def test_a_page_cannot_get_in_the_way_of_selectors(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: they run where the page's changes to its own objects do not reach."""
    site.set_page(
        "/hostile.html",
        "<button id=real onclick=\"fetch('/hit/real')\">Real</button><script>"
        "document.querySelectorAll = () => []; Element.prototype.getBoundingClientRect = () => ({});"
        "window.getComputedStyle = () => ({ display: 'none' }); document.elementFromPoint = () => null;"
        "Element.prototype.scrollIntoView = () => { throw new Error('no'); };</script>",
    )
    await go(engine, site.url("hostile.html"))

    await do(engine, "click", selector="text=Real", timeout_ms=3000)

    await site.until_hit("/hit/real")
