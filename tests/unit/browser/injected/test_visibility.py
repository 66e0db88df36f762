"""What can be seen and used, and how elements are named in messages."""

import pytest

from bykilt.json_types import JsonValue
from tests.unit.browser.injected.conftest import Lab

# Markup, and why the element with the id "x" cannot be seen; None: it can.
HIDDEN = {
    "<p id=x>text</p>": None,
    "<p id=x style='opacity:0'>text</p>": None,
    "<p id=x style='position:absolute;left:-9999px'>text</p>": None,
    "<p id=x style='position:fixed'>text</p>": None,
    "<div style='visibility:hidden'><p id=x style='visibility:visible'>text</p></div>": None,
    "<div id=x style='display:contents'><p>text</p></div>": None,
    "<div id=x style='display:contents'>text</div>": None,
    "<div style='content-visibility:auto;margin-top:9999px'><p id=x>text</p></div>": None,
    "<x-y><p id=x>slotted</p><template shadowrootmode=open><slot></slot></template></x-y>": None,
    "<p id=x hidden>text</p>": "display: none",
    "<div id=d hidden><p><b id=x>text</b></p></div>": 'display: none on its ancestor <div id="d">text</div>',
    "<p id=x style='visibility:hidden'>text</p>": "visibility: hidden",
    "<div style='visibility:hidden'><p id=x>text</p></div>": "visibility: hidden",
    "<p id=x></p>": "its box is empty (984 x 0)",
    "<p id=x style='width:0;height:0;overflow:hidden'>text</p>": "its box is empty (0 x 0)",
    "<div id=x style='display:contents'></div>": "its box is empty (0 x 0)",
    "<div id=x style='display:contents'><p hidden>text</p></div>": "its box is empty (0 x 0)",
    "<details id=d><p id=x>t</p></details>": 'it is inside <details id="d">t</details>, which is',
    "<div id=d style='content-visibility:hidden'><p id=x>text</p></div>": "content-visibility: hidden on its ancestor",
    "<x-y><p id=x>t</p><template shadowrootmode=open><b>b</b></template></x-y>": "it is in no slot of its shadow host",
}

DESCRIBED = {
    "<button id=x class='a  b'>Buy \n now</button>": '<button id="x" class="a b">Buy now</button>',
    "<input id=x type=password value=secret placeholder=Key>": '<input id="x" type="password" placeholder="Key">',
    "<input id=x value=typed>": '<input id="x">',
    "<textarea id=x>typed</textarea>": '<textarea id="x">',
    "<form id=x><input name=id><input name=title></form>": '<form id="x">',
    f"<p id=x>{'long ' * 50}</p>": '<p id="x">long long long long long long long long long long long long long…</p>',
    f"<p id=x class={'c' * 99}>t</p>": f'<p id="x" class="{"c" * 29}…">t</p>',
}

DISABLED = {
    "<button id=x>b</button>": None,
    "<button id=x disabled>b</button>": "it has the disabled attribute",
    "<fieldset disabled><input id=x></fieldset>": "it is inside a disabled <fieldset>",
    "<fieldset disabled><legend><input id=x></legend></fieldset>": None,
    "<select><optgroup disabled><option id=x>o</optgroup></select>": "it is inside a disabled <optgroup>",
    "<div role=button id=x aria-disabled=true>b</div>": "aria-disabled is true",
    "<div id=d aria-disabled=true><button id=x>b</button></div>": 'aria-disabled is true on <div id="d">b</div>',
    "<button disabled id=b><i id=x>b</i></button>": 'it is inside <button id="b">b</button>, which is disabled',
    "<p id=x disabled>p</p>": None,
}

NOT_EDITABLE = {
    "<input id=x>": None,
    "<input id=x type=number>": None,
    "<input id=x type=date>": None,
    "<textarea id=x></textarea>": None,
    "<div id=x contenteditable>d</div>": None,
    "<div contenteditable><p id=x>d</p></div>": None,
    "<label id=x>Name <input></label>": None,
    "<label><b id=x>Name</b> <input readonly></label>": "it is read-only",
    "<input id=x readonly>": "it is read-only",
    "<input id=x disabled>": "it has the disabled attribute",
    "<input id=x aria-readonly=true>": "aria-readonly is true",
    "<input id=x type=checkbox>": 'an <input type="checkbox"> takes no text',
    "<input id=x type=file>": 'an <input type="file"> takes no text',
    "<select id=x></select>": "a <select> takes no text, only one of its options",
    "<p id=x>p</p>": '<p id="x">p</p> is not an input, a textarea or an editable region',
}


def ask(lab: Lab, function: str, markup: str) -> JsonValue:
    lab.show(markup)
    return lab.js(f"bykiltVisibility.{function}(document.getElementById('x'))")


@pytest.mark.parametrize("markup", HIDDEN)
def test_whether_an_element_can_be_seen_and_why_not(lab: Lab, markup: str) -> None:
    reason = ask(lab, "whyHidden", markup)

    assert lab.js("bykiltVisibility.isVisible(document.getElementById('x'))") is (HIDDEN[markup] is None)
    if HIDDEN[markup] is None:
        assert reason is None
    else:
        assert str(reason).startswith(str(HIDDEN[markup]))


def test_a_detached_element_is_not_visible(lab: Lab) -> None:
    assert lab.js("bykiltVisibility.isVisible(document.createElement('p'))") is False
    assert lab.js("bykiltVisibility.whyHidden(document.createElement('p'))") == "it is not attached to the document"


@pytest.mark.parametrize("markup", DESCRIBED)
def test_a_description_is_short_and_tells_no_typed_value(lab: Lab, markup: str) -> None:
    assert ask(lab, "describe", markup) == DESCRIBED[markup]


@pytest.mark.parametrize("markup", DISABLED)
def test_why_an_element_is_disabled(lab: Lab, markup: str) -> None:
    assert ask(lab, "isDisabled", markup) == DISABLED[markup]


@pytest.mark.parametrize("markup", NOT_EDITABLE)
def test_why_an_element_takes_no_text(lab: Lab, markup: str) -> None:
    assert ask(lab, "isEditable", markup) == NOT_EDITABLE[markup]


def test_the_hit_target_is_the_deepest_element_in_open_shadow_trees(lab: Lab) -> None:
    lab.show(
        "<style>* {margin:0} x-z {display:block}</style>"
        "<x-y id=host><template shadowrootmode=open><button id=b style='width:99px;height:50px'><slot></slot></button>"
        "</template><i id=light>text</i></x-y><x-z id=closed><template shadowrootmode=closed><p>p</p></template></x-z>"
    )
    hit = "(at) => bykiltVisibility.hitTarget(at[0], at[1])?.id ?? null"
    # The text lies in the middle of the button.
    assert lab.js(hit, [5, 5]) == "b"
    assert lab.js(hit, [49, 25]) == "light"
    box = lab.js("bykiltVisibility.boxOf(document.getElementById('closed'))")
    assert isinstance(box, dict)
    assert lab.js(hit, [box["x"] + 1, box["y"] + 1]) == "closed"
    assert lab.js(hit, [5000, 5]) is None
    inside = "(ids) => bykiltVisibility.isInside(pick(ids[0]), pick(ids[1]))"
    inside = inside.replace("pick(", "bykiltSelectors.pick(document, ")
    assert lab.js(inside, ["#light", "#b"]) is True
    assert lab.js(inside, ["#light", "#host"]) is True
    assert lab.js(inside, ["#b", "#light"]) is False


def test_a_label_stands_for_its_control(lab: Lab) -> None:
    lab.show(
        "<label id=l><b id=t>Text</b> <input id=i type=checkbox> <a id=a href=#>terms</a></label>"
        "<label id=f for=i>other</label><label id=n>nothing</label>"
    )
    target = "(css) => bykiltVisibility.labelTarget(document.querySelector(css)).id"
    wanted = {"#l": "i", "#t": "i", "#i": "i", "#a": "a", "#f": "i", "#n": "n"}

    assert {css: lab.js(target, css) for css in wanted} == wanted
    receives = "(ids) => bykiltVisibility.receives(...ids.map((css) => document.querySelector(css)))"
    assert lab.js(receives, ["#i", "#t"]) is True
    assert lab.js(receives, ["#i", "#f"]) is True
    assert lab.js(receives, ["#i", "#n"]) is False
    assert lab.js(receives, ["#l", "#t"]) is True
