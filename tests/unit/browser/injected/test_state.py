"""What stands in the way of an action."""

import pytest

from bykilt.json_types import JsonValue
from tests.unit.browser.injected.conftest import Lab

ALL = ["visible", "enabled", "editable", "uncovered"]
COVER = "<div id=cover style='position:fixed;inset:0;background:#fff8'></div>"

CASES: list[tuple[str, list[str], str | None, str]] = [
    ("<input id=x>", ALL, None, ""),
    ("<p>other</p>", ALL, "not_found", ""),
    ("<input id=x hidden>", ALL, "not_visible", "display: none"),
    ("<input id=x hidden>", ["enabled"], None, ""),
    ("<input id=x disabled>", ALL, "disabled", "it has the disabled attribute"),
    ("<input id=x readonly>", ALL, "not_editable", "it is read-only"),
    ("<input id=x readonly>", ["visible", "enabled", "uncovered"], None, ""),
    ("<button id=x>b</button>", ALL, "not_editable", '<button id="x">b</button> is not an input, a textarea or'),
    (f"<input id=x>{COVER}", ALL, "covered", '<div id="cover"> at '),
    ("<div style='height:3000px'></div><input id=x>", ALL, None, ""),
    ("<input id=x style='position:fixed;top:-100px'>", ALL, "outside_viewport", "its point "),
    ("<button id=x>a <b>b</b></button>", ["visible", "uncovered"], None, ""),
    ("<label>ab <input id=x type=checkbox style='opacity:0'></label>", ["visible", "uncovered"], None, ""),
    ("<button id=x style='pointer-events:none'>b</button>", ["uncovered"], "covered", "<"),
]


@pytest.mark.parametrize(("markup", "needs", "blocked", "seen"), CASES)
def test_the_first_reason_in_the_way_is_named(
    lab: Lab, markup: str, needs: list[str], blocked: str | None, seen: str
) -> None:
    lab.show(markup)

    answer = lab.js("(needs) => bykiltState.diagnose(document, ['#x'], {needs})", list[JsonValue](needs))

    assert isinstance(answer, dict)
    assert answer["blocked"] == blocked
    assert str(answer["seen"]).startswith(seen)
    assert answer["found"] == (0 if blocked == "not_found" else 1)


def test_the_diagnosis_names_the_element_that_would_be_picked(lab: Lab) -> None:
    lab.show("<p hidden id=a>t</p><p id=b>t</p>")

    answer = lab.js("bykiltState.diagnose(document, ['p'], {needs: ['visible']})")

    assert answer == {"found": 2, "picked": '<p id="b">t</p>', "blocked": None, "seen": ""}


def test_a_position_may_be_free_where_the_middle_is_covered(lab: Lab) -> None:
    lab.show(
        "<div id=x style='width:200px;height:100px'>free</div>"
        "<i style='position:absolute;left:60px;top:10px;width:100px;height:90px;background:red'></i>"
    )
    diagnose = "(position) => bykiltState.diagnose(document, ['#x'], {needs: ['uncovered'], position}).blocked"

    assert lab.js(diagnose) == "covered"
    assert lab.js(diagnose, {"x": 5, "y": 5}) is None


def test_an_element_that_moves_says_so(lab: Lab) -> None:
    lab.show("<p id=x style='position:relative'>t</p><p id=y>t</p>")
    step = "() => { x.style.left = `${x.offsetLeft + 5}px`; requestAnimationFrame(step); }"
    lab.in_page(f"(() => {{ const step = {step}; step(); }})()")

    assert str(lab.js("bykiltState.moves(document.getElementById('x'))")).startswith("it moved by ")
    assert lab.js("bykiltState.moves(document.getElementById('y'))") is None
