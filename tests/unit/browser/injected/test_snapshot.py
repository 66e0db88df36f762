"""The accessibility tree: what is in it, what is left out, and that Chromium's own tree says the same."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from bykilt.browser.engine.accessibility_tree import as_text
from tests.support.site_pages import FOLDER
from tests.unit.browser.injected.conftest import Lab


def lines(lab: Lab, html: str, limit: int = 1000) -> list[str]:
    """Show a page and return its tree as text, without the line of the document and the references."""
    lab.show(html)
    answer: Any = lab.js("(limit) => bykiltSnapshot.take(document, null, {start: 1, limit})", limit)
    text = re.sub(r" \[ref=e\d+\]", "", as_text(answer["tree"]))
    return [line.strip() for line in text.split("\n")][1:]


TREES = {
    "<h2>Title</h2><p>One <b>two</b> three</p>": ['- heading "Title" [level=2]', "- One two three"],
    "<div><div><button>Go</button></div></div>": ['- button "Go"'],
    "<p>one</p><p>two</p>three<br>four": ["- one", "- two", "- three", "- four"],
    "<a href=#>A <img alt=''> link</a>": ['- link "A link"'],
    "<a href=#><img alt=Logo></a>": ['- link "Logo"'],
    "<h1><a href=#>Home</a></h1>": ['- heading "Home" [level=1]', '- link "Home"'],
    "<ul><li>Tea<li>Milk <button>x</button></ul>": [
        "- list",
        "- listitem: Tea",
        "- listitem",
        "- Milk",
        '- button "x"',
    ],
    "<label>Name <input value=Ann></label>": ['- textbox "Name": Ann'],
    "<label>Name <input required></label>": ['- textbox "Name" [required]'],
    "<label>Pin <input type=password value=s3cret></label>": ['- textbox "Pin": •••'],
    "<label>Pin <input type=password></label>": ['- textbox "Pin"'],
    "<label><input type=checkbox checked> I agree</label>": ['- checkbox "I agree" [checked]'],
    "<input type=checkbox aria-label=x>": ['- checkbox "x" [checked=false]'],
    "<span role=checkbox aria-checked=mixed aria-label=x></span>": ['- checkbox "x" [checked=mixed]'],
    "<button aria-pressed=true disabled>B</button>": ['- button "B" [disabled] [pressed]'],
    "<details><summary>More</summary>hidden</details>": [
        "- group [expanded=false]",
        '- button "More" [expanded=false]',
    ],
    "<select aria-label=c><option>a<option selected>b</select>": [
        '- combobox "c": b',
        '- option "a"',
        '- option "b" [selected]',
    ],
    "<textarea aria-label=t>two\nlines</textarea>": ['- textbox "t": two lines'],
    "<div contenteditable>Some <i>text</i></div>": ["- generic: Some text"],
    "<progress aria-label=p max=10 value=4></progress>": ['- progressbar "p": 4'],
    "<input type=range aria-label=r value=7>": ['- slider "r": 7'],
    "<input aria-label=i aria-invalid=true readonly>": ['- textbox "i" [invalid] [readonly]'],
    "<div onclick=1>Click</div>": ["- generic: Click"],
    "<div style=cursor:pointer><span>Open</span></div>": ["- generic: Open"],
    "<div tabindex=0>Focus</div>": ["- generic: Focus"],
    "<table><tr><th>H<tr><td>c</table>": ["- table", "- row", "- columnheader: H", "- row", "- cell: c"],
    "<fieldset><legend>Who</legend><input aria-label=a></fieldset>": ['- group "Who"', '- textbox "a"'],
    "<nav aria-label=Main><a href=#>x</a></nav>": ['- navigation "Main"', '- link "x"'],
    "<iframe title=Inner></iframe>": ['- iframe "Inner"'],
    # Left out: what is hidden and what is decoration.
    "<div hidden><button>no</button></div><p>yes</p>": ["- yes"],
    "<div aria-hidden=true><button>no</button></div>": [],
    "<div inert><button>no</button></div>": [],
    "<div style=visibility:hidden>no <b style=visibility:visible>yes</b></div>": ["- yes"],
    "<div style=display:contents><button>yes</button></div>": ['- button "yes"'],
    "<img src=x.png><hr><svg></svg><img alt=''>": [],
    "<script>no</script><style>p{}</style><template>no</template><noscript>no</noscript>": [],
    "<input type=hidden value=no>": [],
    # Shadow trees, and what is slotted into them.
    "<div><template shadowrootmode=open><b>in</b> <slot></slot></template><button>out</button></div>": [
        "- in",
        '- button "out"',
    ],
}


@pytest.mark.parametrize("html", TREES)
def test_the_tree_of(lab: Lab, html: str) -> None:
    assert lines(lab, html) == TREES[html]


def test_a_reference_stays_with_its_element(lab: Lab) -> None:
    """Also when the element moves; a new element gets a new number."""
    lab.show("<button id=a>A</button><button id=b>B</button>")
    take = "() => bykiltSnapshot.take(document, null, {start, limit: 100})"
    first: Any = lab.js(take.replace("start,", "start: 5,"))
    assert [child["ref"] for child in first["tree"]["children"]] == ["e5", "e6"]
    assert first["next"] == 7

    # Not by insertAdjacentHTML: after it, the document takes in no declarative shadow roots any more.
    lab.js("() => { document.body.prepend(b); a.before(document.createElement('textarea')); }")
    second: Any = lab.js(take.replace("start,", "start: 7,"))
    assert [child["ref"] for child in second["tree"]["children"]] == ["e6", "e7", "e5"]
    assert lab.ids("ref=e5") == ["a"]
    assert lab.ids("ref=e6 >> css=#b") == []


def test_a_reference_to_nothing_matches_nothing(lab: Lab) -> None:
    lab.show("<button id=a>A</button>")
    lab.js("() => bykiltSnapshot.take(document, null, {start: 900, limit: 100})")
    assert lab.ids("ref=e900") == ["a"]

    lab.js("() => a.remove()")

    assert lab.ids("ref=e900") == []
    assert lab.ids("ref=e99999") == []
    with pytest.raises(RuntimeError, match="ref= takes a reference such as e12"):
        lab.ids("ref=12")


def test_references_are_part_of_chains(lab: Lab) -> None:
    lab.show("<ul id=u><li id=x>one<li id=y>two</ul><p id=z>two</p>")
    lab.js("() => bykiltSnapshot.take(document, null, {start: 950, limit: 100})")

    assert lab.ids("ref=e950 >> text=two") == ["y"]
    assert lab.ids("#u >> ref=e952") == ["y"]
    assert lab.ids("#z >> ref=e952") == []


def test_a_limit_keeps_the_first_nodes_and_counts_the_rest(lab: Lab) -> None:
    lab.show("<ul>" + "<li>x" * 10 + "</ul><button>end</button>")

    answer: Any = lab.js("() => bykiltSnapshot.take(document, null, {start: 1, limit: 5})")

    assert len(as_text(answer["tree"]).split("\n")) == answer["shown"] == 5
    assert answer["more"] == 8
    assert "(8 more nodes not shown; raise limit, or give a selector)" in as_text(answer["tree"], answer["more"])


def test_a_part_of_the_page(lab: Lab) -> None:
    lab.show("<form aria-label=f><button>in</button></form><button>out</button><div id=d><p>text</p></div>")

    part: Any = lab.js("() => bykiltSnapshot.take(document, ['form'], {start: 1, limit: 50})")
    assert as_text(part["tree"]) == '- form "f" [ref=e1]\n  - button "in" [ref=e2]'.replace(
        "e1", part["tree"]["ref"]
    ).replace("e2", part["tree"]["children"][0]["ref"])
    plain: Any = lab.js("() => bykiltSnapshot.take(document, ['#d'], {start: 1, limit: 50})")
    assert plain["tree"]["children"] == [{"role": "text", "text": "text"}]
    assert lab.js("() => bykiltSnapshot.take(document, ['#none'], {start: 1, limit: 50})") is None


# Roles that Chromium's tree and ours have in common, and by which people act.
COMPARED = {
    "button", "checkbox", "combobox", "heading", "img", "link", "listbox", "option", "radio", "searchbox", "slider",
    "spinbutton", "switch", "tab", "table", "textbox",
}  # fmt: skip
CHROMIUM_WORDS = {"image": "img", "DisclosureTriangle": "button"}
# What Chromium shows otherwise: the parts of a picker, a closed shadow tree, a file input without a label.
PICKERS = {"Date", "Time", "Moment", "Month", "Colour"}
SEALED = {"Sealed"}
UNLABELLED = {"Choose File": ""}


@pytest.mark.parametrize("page", ["forms", "selectors", "shadow", "visibility", "upload", "hover", "dialogs", "spa"])
def test_chromium_has_the_same_nodes(lab: Lab, page: str) -> None:
    """Names and roles as in `Accessibility.getFullAXTree`, for what people act on."""
    html = (FOLDER / f"{page}.html").read_text()
    # A page's scripts may define elements, which would outlive the test.
    lab.show(re.sub(r"<script\b.*?</script>", "", html, flags=re.DOTALL))
    answer: Any = lab.js("() => bykiltSnapshot.take(document, null, {start: 1, limit: 5000})")

    assert sorted(_compared(answer["tree"])) == sorted(_compared_of_chromium(lab.accessibility_nodes()))


def _compared_of_chromium(nodes: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    by_id = {node["nodeId"]: node for node in nodes}
    for node in nodes:
        role = CHROMIUM_WORDS.get(node["role"]["value"], node["role"]["value"])
        name = node.get("name", {}).get("value", "").strip()
        above = [node]
        while above[-1].get("parentId") in by_id:
            above.append(by_id[above[-1]["parentId"]])
        is_in_picker = any(each.get("name", {}).get("value", "") in PICKERS for each in above)
        if role in COMPARED and not node["ignored"] and not is_in_picker and name not in SEALED:
            yield role, UNLABELLED.get(name, name)


def _compared(node: dict[str, Any]) -> list[tuple[str, str]]:
    name = node.get("name", "")
    own = [(node["role"], name)] if node["role"] in COMPARED and name not in PICKERS else []
    return own + [pair for child in node.get("children", []) for pair in _compared(child)]
