"""Choosing options, setting values, making fields ready for typing."""

import pytest

from bykilt.json_types import JsonValue
from tests.unit.browser.injected.conftest import Lab

SELECTS = """
<label id=l>City <select id=one>
  <option value="">Choose</option><option value=kyoto>Kyoto</option><option value=osaka> Osaka
  city </option><option value=n label="Sapporo (north)">Sapporo</option><option value=shut disabled>Shut</option>
</select></label>
<select id=many multiple><option selected>red<option>green<option value=b>blue</select>
<select id=off disabled><option>a</select><p id=p>p</p>
<script>
  window.seen = [];
  for (const type of ["input", "change"]) document.addEventListener(type, (e) => seen.push(`${type} ${e.target.id}`));
</script>
"""

CHOSEN: list[tuple[str, JsonValue, JsonValue]] = [
    ("one", {"value": ["osaka"]}, ["osaka"]),
    ("one", {"value": [""]}, [""]),
    ("one", {"label": ["Osaka city"]}, ["osaka"]),
    ("one", {"label": ["Sapporo (north)"]}, ["n"]),
    ("one", {"label": ["Sapporo"]}, ["n"]),
    ("one", {"index": [1]}, ["kyoto"]),
    ("l", {"value": ["kyoto"]}, ["kyoto"]),
    ("many", {"label": ["blue", "green"]}, ["green", "b"]),
    ("many", {"value": []}, []),
    ("many", {"index": [0, 2]}, ["red", "b"]),
]

REFUSED: list[tuple[str, JsonValue, str, str]] = [
    ("one", {"value": ["tokyo"]}, "option_not_found", 'it has no option with value "tokyo"'),
    ("one", {"index": [9]}, "option_not_found", "it has no option with index 9"),
    ("many", {"label": ["red", "x", "y"]}, "option_not_found", 'it has no option with label "x", "y"'),
    ("one", {"value": ["shut"]}, "option_disabled", 'the option with value "shut" is disabled'),
    ("one", {"value": ["kyoto", "osaka"]}, "not_multiple", "it takes exactly one option"),
    ("one", {"value": []}, "not_multiple", "it takes exactly one option"),
    ("off", {"index": [0]}, "disabled", "it has the disabled attribute"),
    ("p", {"index": [0]}, "not_a_select", '<p id="p">p</p> is not a <select>'),
]

SET: list[tuple[str, str, str | None]] = [
    ("date", "2026-01-31", "2026-01-31"),
    ("date", "31.1.2026", None),
    ("date", "2026-02-30", None),
    ("date", "", ""),
    ("time", "18:30", "18:30"),
    ("time", "25:00", None),
    ("datetime-local", "2026-01-31T18:30", "2026-01-31T18:30"),
    ("datetime-local", "2026-01-31 18:30", "2026-01-31T18:30"),
    ("month", "2026-01", "2026-01"),
    ("week", "2026-W05", "2026-W05"),
    ("color", "#FF8800", "#ff8800"),
    ("color", "orange", None),
    ("range", "40", "40"),
    ("range", "101", None),
    ("range", "40.5", None),
    ("range", "much", None),
]


@pytest.mark.parametrize(("where", "wanted", "values"), CHOSEN)
def test_options_are_chosen_and_the_page_is_told(lab: Lab, where: str, wanted: JsonValue, values: JsonValue) -> None:
    lab.show(SELECTS)

    answer = lab.js(
        "(given) => bykiltForms.selectOptions(document.getElementById(given[0]), given[1])", [where, wanted]
    )

    select = "one" if where == "l" else where
    assert answer == {"values": values}
    assert lab.in_page("window.seen") == [f"input {select}", f"change {select}"]
    assert lab.in_page(f"[...document.getElementById('{select}').selectedOptions].map((o) => o.value)") == values


@pytest.mark.parametrize(("where", "wanted", "reason", "seen"), REFUSED)
def test_an_option_that_cannot_be_chosen_changes_nothing(
    lab: Lab, where: str, wanted: JsonValue, reason: str, seen: str
) -> None:
    lab.show(SELECTS)

    answer = lab.js(
        "(given) => bykiltForms.selectOptions(document.getElementById(given[0]), given[1])", [where, wanted]
    )

    assert isinstance(answer, dict)
    assert (answer["reason"], answer["seen"]) == (reason, seen)
    assert lab.in_page("window.seen") == []
    assert lab.in_page("[document.getElementById('one').value, document.getElementById('many').value]") == ["", "red"]


def test_a_missing_option_names_those_there_are(lab: Lab) -> None:
    lab.show(SELECTS)

    answer = lab.js("bykiltForms.selectOptions(document.getElementById('many'), {value: ['x', 'red']})")

    assert isinstance(answer, dict)
    assert answer["missing"] == ["x"]
    assert answer["available"] == [
        {"value": "red", "label": "red", "index": 0, "disabled": False},
        {"value": "green", "label": "green", "index": 1, "disabled": False},
        {"value": "b", "label": "blue", "index": 2, "disabled": False},
    ]


@pytest.mark.parametrize(("kind", "text", "value"), SET)
def test_a_value_that_cannot_be_typed_is_set_if_it_fits(lab: Lab, kind: str, text: str, value: str | None) -> None:
    lab.show(
        f"<input id=x type={kind}><script>window.seen = []; x.oninput = x.onchange = (e) => seen.push(e.type)</script>"
    )
    before = lab.in_page("x.value")

    answer = lab.js("(text) => bykiltForms.setTypedValue(document.getElementById('x'), text)", text)

    assert isinstance(answer, dict)
    assert answer["handled"] is True
    assert answer["ok"] is (value is not None)
    assert lab.in_page("x.value") == (before if value is None else value)
    assert lab.in_page("seen") == ([] if value is None else ["input", "change"])
    if value is None:
        assert str(answer["reason"]).startswith(f'"{text}" does not fit an <input type="{kind}">: write ')


@pytest.mark.parametrize(
    "markup", ["<input id=x>", "<input id=x type=number>", "<textarea id=x></textarea>", "<p id=x>"]
)
def test_what_takes_text_is_left_to_the_keyboard(lab: Lab, markup: str) -> None:
    lab.show(markup)

    assert lab.js("bykiltForms.setTypedValue(document.getElementById('x'), '1')") == {"handled": False}


@pytest.mark.parametrize(
    "markup",
    [
        "<input id=x value=old>",
        "<input id=x type=email value=old>",
        "<input id=x type=number value=12>",
        "<textarea id=x>old</textarea>",
        "<label id=x>Name <input value=old></label>",
        "<div id=x contenteditable>old <b>text</b></div>",
        "<x-y><template shadowrootmode=open><input id=x value=old></template></x-y>",
        "<x-y><template shadowrootmode=open><div id=x contenteditable>old</div></template></x-y>",
    ],
)
def test_what_is_typed_after_preparing_replaces_all(lab: Lab, markup: str) -> None:
    lab.show(markup)

    assert lab.js("bykiltForms.prepareFill(bykiltSelectors.pick(document, ['#x']))") == {"ok": True}

    lab.insert_text("7")
    value = "bykiltVisibility.labelTarget(bykiltSelectors.pick(document, ['#x']))"
    assert lab.js(f"(({value}).value ?? ({value}).textContent)") == "7"


def test_a_field_that_cannot_be_filled_says_why(lab: Lab) -> None:
    lab.show("<input id=x readonly><input id=y onfocus='this.blur()'>")
    prepare = "(id) => bykiltForms.prepareFill(document.getElementById(id))"

    assert lab.js(prepare, "x") == {"ok": False, "reason": "it is read-only"}
    assert lab.js(prepare, "y") == {"ok": False, "reason": "it does not take the focus"}


@pytest.mark.parametrize(
    ("markup", "checked"),
    [
        ("<input id=x type=checkbox checked>", True),
        ("<input id=x type=radio>", False),
        ("<label id=x><input type=checkbox checked>label</label>", True),
        ("<div id=x role=switch aria-checked=true></div>", True),
        ("<div id=x role=checkbox aria-checked=mixed></div>", "mixed"),
        ("<div id=x role=checkbox></div>", None),
        ("<input id=x>", None),
        ("<button id=x>b</button>", None),
    ],
)
def test_whether_something_is_ticked(lab: Lab, markup: str, checked: JsonValue) -> None:
    lab.show(markup)

    assert lab.js("bykiltForms.isChecked(document.getElementById('x'))") == checked


def test_a_half_ticked_box_is_mixed(lab: Lab) -> None:
    lab.show("<input id=x type=checkbox>")
    lab.in_page("x.indeterminate = true")

    assert lab.js("bykiltForms.isChecked(document.getElementById('x'))") == "mixed"
