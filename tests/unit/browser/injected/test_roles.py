"""Roles, their states, and which elements assistive technology cannot reach."""

import pytest

from bykilt.json_types import JsonValue
from tests.unit.browser.injected.conftest import Lab

# Markup in which the element with the id "x" has the role.
ROLES = {
    "<a id=x href=#>a</a>": "link",
    "<a id=x>a</a>": "generic",
    "<article id=x></article>": "article",
    "<aside id=x></aside>": "complementary",
    "<article><aside id=x></aside></article>": "generic",
    "<blockquote id=x></blockquote>": "blockquote",
    "<button id=x>b</button>": "button",
    "<table><caption id=x>c</caption></table>": "caption",
    "<code id=x></code>": "code",
    "<datalist id=x></datalist>": "listbox",
    "<dialog id=x open></dialog>": "dialog",
    "<details id=x></details>": "group",
    "<details><summary id=x>s</summary></details>": "button",
    "<div id=x></div>": "generic",
    "<fieldset id=x></fieldset>": "group",
    "<figure id=x></figure>": "figure",
    "<footer id=x></footer>": "contentinfo",
    "<main><footer id=x></footer></main>": "generic",
    "<form id=x></form>": None,
    "<form id=x aria-label=f></form>": "form",
    "<h3 id=x>h</h3>": "heading",
    "<header id=x></header>": "banner",
    "<section><header id=x></header></section>": "generic",
    "<hr id=x>": "separator",
    "<img id=x alt=a>": "img",
    "<img id=x>": "img",
    "<img id=x alt=''>": "none",
    "<img id=x alt='' aria-label=a>": "img",
    "<input id=x>": "textbox",
    "<input id=x type=EMAIL>": "textbox",
    "<input id=x type=password>": "textbox",
    "<input id=x type=search>": "searchbox",
    "<input id=x list=l><datalist id=l></datalist>": "combobox",
    "<input id=x type=checkbox>": "checkbox",
    "<input id=x type=radio>": "radio",
    "<input id=x type=number>": "spinbutton",
    "<input id=x type=range>": "slider",
    "<input id=x type=submit>": "button",
    "<input id=x type=image>": "button",
    "<input id=x type=file>": "button",
    "<input id=x type=hidden>": None,
    "<input id=x type=checkbox role=switch>": "switch",
    "<ul><li id=x>l</li></ul>": "listitem",
    "<li id=x>l</li>": "generic",
    "<ul role=none><li id=x>l</li></ul>": "none",
    "<main id=x></main>": "main",
    "<menu id=x></menu>": "list",
    "<meter id=x></meter>": "meter",
    "<nav id=x></nav>": "navigation",
    "<ol id=x></ol>": "list",
    "<select><option id=x>o</option></select>": "option",
    "<output id=x></output>": "status",
    "<p id=x></p>": "paragraph",
    "<progress id=x></progress>": "progressbar",
    "<search id=x></search>": "search",
    "<section id=x></section>": "generic",
    "<section id=x aria-label=s></section>": "region",
    "<select id=x></select>": "combobox",
    "<select id=x multiple></select>": "listbox",
    "<select id=x size=3></select>": "listbox",
    "<span id=x></span>": "generic",
    "<svg id=x></svg>": "img",
    "<table id=x></table>": "table",
    "<table><tr id=x><td></table>": "row",
    "<table role=presentation><tr><td id=x></table>": "none",
    "<table><tr><td id=x></table>": "cell",
    "<table role=grid><tr><td id=x></table>": "gridcell",
    "<table><tr><th id=x>h<th></table>": "columnheader",
    "<table><tr><th id=x>h<td>1</table>": "rowheader",
    "<table><thead><tr><th>a<th id=x>b<td></thead></table>": "columnheader",
    "<table><tr><th id=x scope=row>h<th></table>": "rowheader",
    "<textarea id=x></textarea>": "textbox",
    "<div id=x role=tab></div>": "tab",
    "<div id=x role='  Unheard  BUTTON link'></div>": "button",
    "<div id=x role=unheard></div>": "generic",
    "<h1 id=x role=presentation>h</h1>": "none",
    "<button id=x role=none>b</button>": "button",
    "<h1 id=x role=none aria-label=h>h</h1>": "heading",
    "<div id=x role=image></div>": "img",
    "<label id=x>l</label>": None,
}

STATES: dict[str, dict[str, JsonValue]] = {
    "<input id=x type=checkbox checked>": {"checked": True},
    "<input id=x type=checkbox>": {"checked": False},
    "<div id=x role=checkbox aria-checked=mixed></div>": {"checked": "mixed"},
    "<div id=x role=switch aria-checked=true></div>": {"checked": True},
    "<button id=x aria-checked=true>b</button>": {"checked": None},
    "<button id=x disabled>b</button>": {"disabled": True},
    "<fieldset disabled><button id=x>b</button></fieldset>": {"disabled": True},
    "<fieldset disabled><legend><button id=x>b</button></legend></fieldset>": {"disabled": False},
    "<div aria-disabled=true><button id=x>b</button></div>": {"disabled": True},
    "<button id=x aria-expanded=false>b</button>": {"expanded": False},
    "<details open><summary id=x>s</summary></details>": {"expanded": True},
    "<button id=x>b</button>": {"expanded": None, "pressed": None, "selected": None, "level": None},
    "<h4 id=x>h</h4>": {"level": 4},
    "<h4 id=x aria-level=7>h</h4>": {"level": 7},
    "<div id=x role=heading aria-level=2>h</div>": {"level": 2},
    "<button id=x aria-pressed=true>b</button>": {"pressed": True},
    "<select><option>a<option id=x selected>b</select>": {"selected": True},
    "<div id=x role=tab aria-selected=false></div>": {"selected": False},
}

HIDDEN = {
    "<p id=x>p</p>": False,
    "<p id=x hidden>p</p>": True,
    "<div hidden><p id=x>p</p></div>": True,
    "<p id=x style='visibility:hidden'>p</p>": True,
    "<div style='visibility:hidden'><p id=x style='visibility:visible'>p</p></div>": False,
    "<p id=x aria-hidden=true>p</p>": True,
    "<div aria-hidden=TRUE><p><b id=x>p</b></p></div>": True,
    "<p id=x aria-hidden=false>p</p>": False,
    "<div inert><p id=x>p</p></div>": True,
    "<p id=x style='display:contents'>p</p>": False,
    "<div hidden><p id=x style='display:contents'>p</p></div>": True,
    "<p id=x style='opacity:0'>p</p>": False,
    "<p id=x style='width:0;height:0;overflow:hidden'>p</p>": False,
    "<details><summary>s</summary><p id=x>p</p></details>": True,
    "<select><option id=x>o</option></select>": False,
    "<select hidden><option id=x>o</option></select>": True,
    "<x-y><p id=x>not slotted</p><template shadowrootmode=open><b>b</b></template></x-y>": True,
    "<x-y><p id=x>slotted</p><template shadowrootmode=open><slot></slot></template></x-y>": False,
    "<x-y><p id=x>slotted</p><template shadowrootmode=open><i aria-hidden=true><slot></i></template></x-y>": True,
}

PAGE = """
<h1 id=h1>Orders</h1><h2 id=h2>Open</h2>
<button id=save>Save</button> <button id=all>Save all</button> <button id=gone hidden>Save</button>
<button id=quoted>Say "hi" [now] >> go</button>
<div role=button id=fake tabindex=0>Fake</div>
<button id=menu aria-expanded=true disabled>Menu</button>
<input type=checkbox id=yes checked aria-label=Yes><input type=checkbox id=no aria-label=No>
<x-y><template shadowrootmode=open><button id=deep>Deep save</button></template></x-y>
"""

QUERIES = {
    "role=button": ["save", "all", "quoted", "fake", "menu", "deep"],
    "role=BUTTON": ["save", "all", "quoted", "fake", "menu", "deep"],
    'role=button[name="Save"]': ["save"],
    "role=button[name='Save']": ["save"],
    'role=button[name="save"]': [],
    'role=button[name="save" i]': ["save"],
    'role=button[ name = "  Save  all " ]': ["all"],
    'role=button[name*="Save"]': ["save", "all"],
    'role=button[name*="save"i]': ["save", "all", "deep"],
    'role=button[name^="Deep"]': ["deep"],
    'role=button[name$="all"]': ["all"],
    "role=button[name=/^save/i]": ["save", "all"],
    "role=button[name=/[/]|fake/i]": ["fake"],
    r'role=button[name="Say \"hi\" [now] >> go"]': ["quoted"],
    'role=button[name="Save"][include-hidden]': ["save", "gone"],
    "role=button[disabled]": ["menu"],
    "role=button[disabled=false]": ["save", "all", "quoted", "fake", "deep"],
    "role=button[expanded]": ["menu"],
    "role=checkbox[checked]": ["yes"],
    "role=checkbox[checked=false]": ["no"],
    "role=checkbox [checked=true] [name='Yes']": ["yes"],
    "role=heading[level=2]": ["h2"],
    "role=slider": [],
}


@pytest.mark.parametrize("markup", ROLES)
def test_an_element_has_the_role_that_html_gives_it(lab: Lab, markup: str) -> None:
    lab.show(markup)

    assert lab.js("bykiltRoles.role(document.getElementById('x'))") == ROLES[markup]


@pytest.mark.parametrize("markup", STATES)
def test_an_element_has_the_states_of_its_role(lab: Lab, markup: str) -> None:
    lab.show(markup)

    states = lab.js("bykiltRoles.states(document.getElementById('x'))")

    assert isinstance(states, dict)
    assert {key: states[key] for key in STATES[markup]} == STATES[markup]


@pytest.mark.parametrize("markup", HIDDEN)
def test_what_is_hidden_from_assistive_technology(lab: Lab, markup: str) -> None:
    lab.show(markup)

    assert lab.js("bykiltRoles.isHiddenForAria(document.getElementById('x'))") is HIDDEN[markup]


@pytest.mark.parametrize("selector", QUERIES)
def test_role_selectors_find(lab: Lab, selector: str) -> None:
    lab.show(PAGE)

    assert lab.ids(selector) == QUERIES[selector]
