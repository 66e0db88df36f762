"""Templates: how `${…}` is read and filled in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.errors import BykiltError
from bykilt.flows.references import NotationError, Reference, UnresolvedReference, follow
from bykilt.flows.templates import (
    MAX_DEPTH,
    TemplateProblem,
    ValueTooLarge,
    as_text,
    compile_template,
    measure,
    scan_text,
)
from bykilt.json_types import JsonValue

VALUES: dict[str, JsonValue] = {
    "text": "緑茶",
    "number": 3,
    "half": 2.5,
    "whole": 4.0,
    "yes": True,
    "nothing": None,
    "rows": [{"name": "a", "unit price": 5}, {"name": "b"}],
    "longest": {"length": 9},
    "商品": {"名": "本"},
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
template_like = st.lists(
    st.sampled_from(["$", "{", "}", "${", "$${", "text", ".", "[0]", "['", "']", '["a"]', " ", "rows", "-1", "é"]),
    max_size=12,
).map("".join)


def resolve(reference: Reference) -> JsonValue:
    if reference.root not in VALUES:
        raise UnresolvedReference(f"no {reference.root}")
    return follow(VALUES[reference.root], reference, reference.parts, reference.root)


def render(source: JsonValue) -> JsonValue:
    return compile_template(source).render(resolve)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("plain", "plain"),
        ("${number}", 3),
        ("${ number }", 3),
        ("n=${number}", "n=3"),
        ("${half} and ${whole}", "2.5 and 4"),
        ("${yes}${nothing}!", "true!"),
        ("${rows[0].name}", "a"),
        ("${rows[-1].name}", "b"),
        ('${rows[0]["unit price"]}', 5),
        ("${rows[0]['unit price']}", 5),
        ("${rows.length}", 2),
        ("${text.length}", 2),
        ("${longest.length}", 9),
        ("${商品.名}", "本"),
        ("${rows[1]}", {"name": "b"}),
        ("first: ${rows[1]}", 'first: {"name":"b"}'),
        ("$${number}", "${number}"),
        ("$$${number}", "$${number}"),
        ("costs $5 {or so}", "costs $5 {or so}"),
        ({"${key}": ["${number}", {"a": "x${number}"}]}, {"${key}": [3, {"a": "x3"}]}),
        (7, 7),
        (None, None),
    ],
)
def test_a_template_is_filled_in(source: JsonValue, expected: JsonValue) -> None:
    found = render(source)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("${", "expected a name, found the end (at character 3)"),
        ("a ${number", "'${' is never closed with '}' (at character 3)"),
        ("${}", "expected a name, found '}'"),
        ("${1}", "expected a name, found '1'"),
        ("${a b}", "unexpected 'b'"),
        ("${a + 1}", "unexpected '+'"),
        ("${rows[x]}", "expected a whole number or a quoted key"),
        ("${rows['x]}", "expected a whole number or a quoted key"),
        ("${a." + "b." * 50 + "c}", "40 parts at most"),
    ],
)
def test_what_is_no_template_is_refused_with_its_place(source: str, reason: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        compile_template({"deep": [source]})

    assert reason in caught.value.reason
    assert caught.value.pointer == "/deep/0"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("${rows[2]}", "${rows[2]}: rows has 2 items, so there is no item [2]"),
        ("${rows[0].nam}", "${rows[0].nam}: rows[0] has no key 'nam'"),
        ("${number.x}", "${number.x}: number is a number and has no 'x'"),
        ("${text[0]}", "${text[0]}: text is text and has no 0"),
        ("${nothing.x}", "nothing is null"),
    ],
)
def test_a_place_that_is_not_there_is_told_with_what_is(source: str, message: str) -> None:
    with pytest.raises(UnresolvedReference) as caught:
        render(source)

    assert message in caught.value.message


def test_the_nearest_key_is_offered() -> None:
    with pytest.raises(UnresolvedReference) as caught:
        render("${rows[0].nam}")

    assert caught.value.hint == "did you mean 'name'?"


@given(json_values)
def test_a_value_without_a_dollar_renders_to_itself(value: JsonValue) -> None:
    if "$" not in str(value):
        template = compile_template(value)
        assert template.is_static
        assert template.render(resolve) == value


@given(st.text() | template_like)
def test_no_text_breaks_the_reader(text: str) -> None:
    position = 0
    try:
        assert all(isinstance(part, str | Reference) for part in scan_text(text))
    except NotationError as error:
        position = error.position
    assert 0 <= position <= len(text)


@given(st.text() | template_like)
def test_no_template_breaks_while_it_is_filled_in(text: str) -> None:
    try:
        compile_template(text).render(resolve)
    except (TemplateProblem, BykiltError):
        pass


@given(st.text())
def test_an_escaped_text_comes_out_as_it_was(text: str) -> None:
    assert render(text.replace("${", "$${")) == text


@given(json_values)
def test_every_value_can_be_part_of_a_text(value: JsonValue) -> None:
    assert isinstance(as_text(value), str)


def test_a_text_that_doubles_in_a_loop_is_stopped() -> None:
    def doubled(reference: Reference) -> JsonValue:
        return "x" * 6_000_000

    with pytest.raises(ValueTooLarge):
        compile_template("${a}${a}").render(doubled)


def test_a_value_that_contains_itself_many_times_is_measured_only_up_to_the_limit() -> None:
    value: JsonValue = ["x"]
    for _ in range(60):
        value = [value, value]

    with pytest.raises(ValueTooLarge):
        measure(value)


def test_a_value_is_nested_only_so_deep() -> None:
    value: JsonValue = None
    for _ in range(MAX_DEPTH + 1):
        value = {"a": value}

    with pytest.raises(ValueTooLarge):
        as_text(value)
