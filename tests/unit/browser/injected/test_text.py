"""Selectors by text."""

import pytest

from tests.unit.browser.injected.conftest import Lab

PAGE = """
<title>Save title</title>
<style>.save {}</style>
<script>/* save */</script>
<noscript>save</noscript>
<div id=box>
  <button id=b1>Save</button>
  <button id=b2><span id=s2>Save</span> all</button>
  <p id=p1>  Many
     spaces\u00a0here </p>
  <p id=p2>She said "hello" and it's fine</p>
  <p id=p3>re\u00adport\u200b</p>
  <p id=p4>注文を確認する</p>
  <input id=i1 type=submit value="Send order">
  <input id=i2 value="Send secretly">
  <input id=i3 type=reset>
  <p id=p5>first <b id=x5>second</b> third<script>fourth</script></p>
  <p id=p6>a/b >> c</p>
  <div id=d7><p id=p7>Ends with</p><p id=p8>this.</p></div>
</div>
<x-y id=host><template shadowrootmode=open><p id=inside>Shadow text</p></template><i id=light>Light text</i></x-y>
"""

CASES = {
    "text=save": ["b1", "s2"],
    "text=SAVE ALL": ["b2"],
    'text="Save"': ["b1", "s2"],
    "text='Save all'": ["b2"],
    'text="save"': [],
    "text=many spaces here": ["p1"],
    'text="Many spaces here"': ["p1"],
    'text=said "hello"': ["p2"],
    "text=it's fine": ["p2"],
    r'text="She said \"hello\" and it\'s fine"': ["p2"],
    "text=report": ["p3"],
    "text=注文": ["p4"],
    "text=send": ["i1"],
    "text=reset": ["i3"],
    'text="first second third"': ["p5"],
    "text=second third": ["p5"],
    "text=fourth": [],
    'text="a/b >> c"': ["p6"],
    "text=/^save$/i": ["b1", "s2"],
    "text=/sp\\w+s here/": ["p1"],
    "text=/a\\/b >> c/": ["p6"],
    "text=/^Save/": ["b1", "s2"],
    "text=ends withthis": ["d7"],
    "text=shadow text": ["inside"],
    "text=text": ["inside", "light"],
    "text=/[ab]\\/b/": ["p6"],
    "text=title": [],
    "text=  save  ": ["b1", "s2"],
}


@pytest.mark.parametrize("selector", CASES)
def test_text_finds_the_smallest_elements_that_have_it(lab: Lab, selector: str) -> None:
    lab.show(PAGE)

    assert lab.ids(selector) == CASES[selector]


def test_text_is_searched_inside_an_element_too(lab: Lab) -> None:
    lab.show(PAGE)

    assert lab.ids("text=save", root="document.getElementById('b2')") == ["s2"]
    assert lab.ids("text=shadow", root="document.getElementById('host')") == ["inside"]
