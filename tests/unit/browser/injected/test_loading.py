"""How the scripts are loaded: lazily, repeatably, and into Playwright's world rather than the page's."""

import json

import pytest
from playwright.sync_api import Error

from bykilt.browser import injected
from tests.unit.browser.injected.conftest import Lab

OBJECTS = [
    "Css",
    "Extract",
    "Files",
    "Forms",
    "Names",
    "References",
    "Roles",
    "Selectors",
    "Snapshot",
    "State",
    "Text",
    "Tree",
    "Visibility",
]


def test_the_bundle_holds_every_named_script_in_order() -> None:
    places = [injected.BUNDLE.index(f"if (globalThis.bykilt{name}) return;") for name in OBJECTS]

    assert len(set(places)) == len(injected.PASSIVE)
    assert injected.source("tree").count("globalThis.bykiltTree =") == 1
    with pytest.raises(AttributeError, match="NO_BUNDLE"):
        _ = injected.NO_BUNDLE


def test_evaluating_twice_changes_nothing_and_leaves_frozen_objects(lab: Lab) -> None:
    lab.js("globalThis.before = bykiltSelectors")
    lab.run_script(injected.source())

    assert lab.js("globalThis.before === bykiltSelectors")
    assert lab.js(f"{json.dumps(OBJECTS)}.every((name) => Object.isFrozen(globalThis['bykilt' + name]))")


def test_a_private_scope_leaves_nothing_behind(lab: Lab) -> None:
    lab.show("<p>text</p>")

    read = f"({injected.private_scope()}).bykiltExtract.read(document, {{alternatives: ['p']}})"

    assert lab.in_page(read) == {"found": 1, "value": "text"}
    assert lab.in_page("Object.keys(globalThis).filter((name) => name.startsWith('bykilt'))") == []


def test_playwright_finds_elements_with_our_selectors_outside_the_page(lab: Lab) -> None:
    pick = "bykilt=" + json.dumps(["#nothing", 'role=button[name="It\'s >> \\"fine\\""]'])
    every = "bykilt-all=" + json.dumps(["button"])

    def use_playwright() -> tuple[list[str], int, str, list[str]]:
        page = lab.new_page()
        try:
            page.set_content(
                '<button hidden>a</button><button id=b>It\'s >> "fine"</button>'
                '<x-y><template shadowrootmode=open><button id=c>It\'s >> "fine"</button></template></x-y>'
                "<iframe srcdoc='<button id=inner>Inner</button>'></iframe>"
            )
            names = page.locator(every).evaluate_all("(all) => all.map((element) => element.id)")
            page.locator(pick).click(timeout=5000)
            inner = page.frame_locator("iframe").locator('bykilt=["text=inner"]').get_attribute("id", timeout=5000)
            leaked = page.evaluate("Object.keys(globalThis).filter((name) => name.startsWith('bykilt'))")
            return names, page.locator(pick).count(), inner or "", leaked
        finally:
            page.close()

    assert lab.run(use_playwright) == (["", "b", "c"], 1, "inner", [])


def test_playwright_passes_on_why_a_selector_is_impossible(lab: Lab) -> None:
    def use_playwright() -> None:
        page = lab.new_page()
        try:
            page.locator('bykilt=["div["]').click(timeout=5000)
        finally:
            page.close()

    with pytest.raises(Error, match=r'bykilt:invalid-selector: the "\[" is never closed'):
        lab.run(use_playwright)
