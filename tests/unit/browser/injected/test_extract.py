"""Reading values and records."""

import pytest

from bykilt.json_types import JsonValue
from tests.unit.browser.injected.conftest import Lab

PAGE = """
<base href="https://shop.example/list/">
<p id=p hidden>Not <b>seen</b></p>
<p id=q class=t data-n=7>Two
   <b>words</b> <span hidden>hidden</span></p>
<a id=a href="../b?x=1#y">link</a> <a id=bad href="http://[">bad</a> <source id=i src=pic.png>
<input id=n value=start><textarea id=t> kept
 as typed </textarea><select id=s><option value=1>one<option value=2 selected>two</select>
<form id=f><input type=password id=k value=secret><input name=children></form>
<svg id=v><text>vector</text></svg>
"""

SINGLE: dict[str, tuple[dict[str, JsonValue], JsonValue]] = {
    "text": ({"alternatives": ["p"], "kind": "text"}, "Two words hidden"),
    "default kind": ({"alternatives": ["#a"]}, "link"),
    "inner text": ({"alternatives": [".t"], "kind": "inner_text"}, "Two words"),
    "inner text of what is no HTML": ({"alternatives": ["#v"], "kind": "inner_text"}, "vector"),
    "html": ({"alternatives": ["#p"], "kind": "html"}, "Not <b>seen</b>"),
    "attribute": ({"alternatives": ["#q"], "kind": "attribute", "attribute": "data-N"}, "7"),
    "no attribute": ({"alternatives": ["#q"], "kind": "attribute", "attribute": "title"}, None),
    "address": (
        {"alternatives": ["#a"], "kind": "attribute", "attribute": "href"},
        "https://shop.example/b?x=1#y",
    ),
    "picture": ({"alternatives": ["#i"], "kind": "attribute", "attribute": "src"}, "https://shop.example/list/pic.png"),
    "no address": ({"alternatives": ["#bad"], "kind": "attribute", "attribute": "href"}, "http://["),
    "input": ({"alternatives": ["#n"], "kind": "text"}, "start"),
    "textarea": ({"alternatives": ["#t"], "kind": "text"}, " kept\n as typed "),
    "select": ({"alternatives": ["#s"], "kind": "inner_text"}, "2"),
    "password": ({"alternatives": ["#k"], "kind": "text"}, ""),
    "password's attribute": ({"alternatives": ["#k"], "kind": "attribute", "attribute": "value"}, ""),
    "html with a password": (
        {"alternatives": ["#f"], "kind": "html"},
        '<input type="password" id="k"><input name="children">',
    ),
    "count": ({"alternatives": ["a"], "kind": "count"}, 2),
    "count of none": ({"alternatives": ["em"], "kind": "count"}, 0),
    "none": ({"alternatives": ["em"], "kind": "text"}, None),
    "all": ({"alternatives": ["p"], "all": True}, ["Not seen", "Two words hidden"]),
    "all with a limit": ({"alternatives": ["p"], "all": True, "limit": 1}, ["Not seen"]),
    "all of none": ({"alternatives": ["em"], "all": True}, []),
    "all attributes": ({"alternatives": ["p"], "all": True, "kind": "attribute", "attribute": "class"}, [None, "t"]),
}


def read(lab: Lab, spec: JsonValue) -> JsonValue:
    return lab.js("(spec) => bykiltExtract.read(document, spec)", spec)


@pytest.mark.parametrize("case", SINGLE)
def test_values_are_read(lab: Lab, case: str) -> None:
    lab.show(PAGE)
    spec, value = SINGLE[case]

    answer = read(lab, spec)

    assert isinstance(answer, dict)
    assert answer["value"] == value


def test_a_typed_value_is_read_and_a_typed_password_is_not(lab: Lab) -> None:
    lab.show(PAGE)
    lab.in_page("document.getElementById('n').value = document.getElementById('k').value = 'typed'")

    assert read(lab, {"alternatives": ["#n", "x"]}) == {"found": 1, "value": "typed"}
    assert read(lab, {"alternatives": ["#k"]}) == {"found": 1, "value": ""}


def test_records_hold_one_object_per_match(lab: Lab) -> None:
    lab.show(
        "<table><tr><th>Tea<td data-price=5>5 <a href='https://a.example/'>yen</a>"
        "<tr data-k=v><th>Rice<td>7<td>8</table>"
    )
    fields: JsonValue = {
        "name": {"selector": ["th"], "kind": "text"},
        "price": {"selector": [".price", "td"], "kind": "text"},
        "link": {"selector": ["text=yen"], "kind": "attribute", "attribute": "href"},
        "cells": {"selector": [":scope > td"], "kind": "count"},
        "self": {"selector": [], "kind": "attribute", "attribute": "data-k"},
        "one": {"selector": [], "kind": "count"},
    }

    first: JsonValue = {
        "name": "Tea", "price": "5 yen", "link": "https://a.example/", "cells": 1, "self": None, "one": 1,
    }  # fmt: skip
    second: JsonValue = {"name": "Rice", "price": "7", "link": None, "cells": 2, "self": "v", "one": 1}
    spec: JsonValue = {"alternatives": ["tr"], "records": {"fields": fields}}
    assert read(lab, spec) == {"found": 2, "value": [first, second]}
    limited: JsonValue = {"alternatives": ["tr"], "records": {"fields": fields, "limit": 1}}
    assert read(lab, limited) == {"found": 2, "value": [first]}
    none: JsonValue = {"alternatives": ["em"], "records": {"fields": fields}}
    assert read(lab, none) == {"found": 0, "value": []}


def test_records_are_read_out_of_shadow_trees(lab: Lab) -> None:
    card = "<x-y><template shadowrootmode=open><b>{}</b><slot></slot></template><i>{}</i></x-y>"
    lab.show(card.format("A", 1) + card.format("B", 2))
    fields = {"name": {"selector": ["b"]}, "number": {"selector": ["i"]}}

    answer = read(lab, {"alternatives": ["x-y"], "records": {"fields": fields}})

    assert answer == {"found": 2, "value": [{"name": "A", "number": "1"}, {"name": "B", "number": "2"}]}


def test_elements_may_be_given_instead_of_a_place_to_look(lab: Lab) -> None:
    lab.show(PAGE)

    value = lab.js("bykiltExtract.read([...document.querySelectorAll('p')], {kind: 'text', all: true}).value")

    assert value == ["Not seen", "Two words hidden"]


def test_five_thousand_records_are_read_in_no_time(lab: Lab) -> None:
    """The aim is well under 100 ms; the bound leaves room for a busy machine."""
    row = "<tr><td class=a>{0}<td class=b>b<td><a href=/x>l</a><td>1<td class=e>2<td class=f>3"
    lab.show(f"<table>{''.join(row.format(at) for at in range(5000))}</table>")
    fields: JsonValue = {
        "a": {"selector": [".a"]}, "b": {"selector": ["td.b"]}, "d": {"selector": ["td:nth-child(4)"]},
        "c": {"selector": ["a"], "kind": "attribute", "attribute": "href"},
        "e": {"selector": [":scope > .e"]}, "f": {"selector": [".none", ".f"], "kind": "html"},
    }  # fmt: skip
    measure = """(spec) => Math.min(...[1, 2, 3, 4, 5].map(() => {
      const start = performance.now();
      const rows = bykiltExtract.read(document, spec).value;
      if (rows.length !== 5000 || rows[4999].a !== "4999") throw new Error("wrong");
      return performance.now() - start;
    }))"""

    taken = lab.js(measure, {"alternatives": ["tr"], "records": {"fields": fields}})

    assert isinstance(taken, float | int)
    assert taken < 250
