"""CSS selectors: what the browser can do, and across open shadow roots."""

import pytest

from tests.unit.browser.injected.conftest import Lab

LIGHT = """
<main id=main class="a">
  <p id=p1 class="b first" data-x="1 > 2, 3">One</p>
  <ul id=list><li id=l1>a</li><li id=l2 class=b>b</li><li id=l3>c</li></ul>
  <p id=p2 title="]">Two</p>
  <form id=form>
    <input id=i1 name=children><input id=i2 name=parentNode><input id=i3 name=shadowRoot type=checkbox checked>
  </form>
</main>
"""

SHADOW = """
<outer-card id=outer class=card><b id=slotted>slotted</b>
  <template shadowrootmode=open>
    <section id=section class=body><button id=save>Save</button><slot></slot>
      <inner-card id=inner>
        <template shadowrootmode=open><p id=deep class=x>Deep</p><p id=deeper>Deeper <i id=it>i</i></p></template>
      </inner-card></section>
  </template>
</outer-card>
<sealed-card id=sealed><template shadowrootmode=closed><button id=never>Sealed</button></template></sealed-card>
<button id=after>After</button>
"""

CASES_LIGHT = {
    "p": ["p1", "p2"],
    "css=p": ["p1", "p2"],
    "main > p.b": ["p1"],
    "#list li + li": ["l2", "l3"],
    "li:nth-child(2n+1)": ["l1", "l3"],
    "li:not(.b), p.first": ["p1", "l1", "l3"],
    '[data-x="1 > 2, 3"]': ["p1"],
    'p[title="]"]': ["p2"],
    "main:has(li.b) > p": ["p1", "p2"],
    "input:checked": ["i3"],
    ":is(ul, form) > :first-child": ["l1", "i1"],
    "p /* a comment */ , form": ["p1", "p2", "form"],
    "span": [],
}

CASES_SHADOW = {
    "button": ["save", "after"],
    "outer-card button": ["save"],
    ".card .body #deep": ["deep"],
    ".card p": ["deep", "deeper"],
    "outer-card > section": ["section"],
    "inner-card > p + p > i": ["it"],
    "p ~ p": ["deeper"],
    "#outer, #it, #save": ["outer", "save", "it"],
    "section:has(button) p": ["deep", "deeper"],
    "#slotted": ["slotted"],
    "outer-card > b": ["slotted"],
    "outer-card :is(p, b)": ["deep", "deeper", "slotted"],
    "body outer-card inner-card i": ["it"],
    "#never": [],
    "p i, b": ["it", "slotted"],
}


@pytest.mark.parametrize("selector", CASES_LIGHT)
def test_css_means_what_the_browser_says(lab: Lab, selector: str) -> None:
    lab.show(LIGHT)

    assert lab.ids(selector) == CASES_LIGHT[selector]


@pytest.mark.parametrize("selector", CASES_LIGHT)
def test_a_shadow_root_elsewhere_changes_nothing(lab: Lab, selector: str) -> None:
    """The slow way, taken as soon as a shadow root exists, finds the same elements in the same order."""
    lab.show(f"{LIGHT}<x-y><template shadowrootmode=open><b>shadow</b></template></x-y>")

    assert lab.ids(selector) == CASES_LIGHT[selector]


@pytest.mark.parametrize("selector", CASES_SHADOW)
def test_css_looks_into_open_shadow_roots_in_document_order(lab: Lab, selector: str) -> None:
    lab.show(SHADOW)

    assert lab.ids(selector) == CASES_SHADOW[selector]


def test_scope_is_the_element_that_is_searched(lab: Lab) -> None:
    for extra in ("", SHADOW):
        lab.show(LIGHT + extra)
        root = "document.getElementById('list')"

        assert lab.ids(":scope > li.b", root=root) == ["l2"]
        assert lab.ids("> li", root=root) == ["l1", "l2", "l3"]
        assert lab.ids("li:not(:scope)", root=root) == ["l1", "l2", "l3"]
        assert lab.ids("p", root=root) == []


def test_a_shadow_root_made_after_loading_is_seen(lab: Lab) -> None:
    lab.show("<div id=host></div>")
    assert lab.ids("div em") == []

    # By innerHTML, Chromium would stop reading declared shadow roots in what is written into this document later.
    lab.in_page(
        "document.getElementById('host').attachShadow({mode: 'open'})"
        ".append(Object.assign(document.createElement('em'), {id: 'e'}))"
    )

    assert lab.ids("div em") == ["e"]
