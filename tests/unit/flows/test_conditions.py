"""Conditions: the small language of `when`, `if` and `while`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.errors import BykiltError
from bykilt.flows.conditions import ConditionFailed, compile_condition
from bykilt.flows.references import NotationError, Reference, UnresolvedReference, follow
from bykilt.json_types import JsonValue

VALUES: dict[str, JsonValue] = {
    "n": 10,
    "text": "Order 10",
    "price": "9.5",
    "flag": True,
    "off": False,
    "none": None,
    "empty": "",
    "list": ["a", 2, "3"],
    "nothing": [],
    "object": {"key": 0},
    "date": "2026-03-01",
}


def resolve(reference: Reference) -> JsonValue:
    if reference.root not in VALUES:
        raise UnresolvedReference(f"no {reference.root}")
    return follow(VALUES[reference.root], reference, reference.parts, reference.root)


def holds(source: str | bool) -> bool:
    return compile_condition(source).holds(resolve)


@pytest.mark.parametrize(
    "source",
    [
        True,
        "true",
        "${flag}",
        "not ${off}",
        "not not ${flag}",
        "${n} == 10",
        "${n} == '10'",
        "'10' == 10.0",
        "${n} != 11",
        "${n} > 9 and ${n} < 11",
        "${n} >= 10 and ${n} <= 10",
        "${price} < ${n}",
        "${price} < '10'",
        "'b' > 'a'",
        "${date} > '2026-02-28'",
        "${text} contains 'der'",
        "${text} contains 10",
        "${list} contains 'a'",
        "${list} contains 3",
        "${object} contains 'key'",
        "'a' in ${list}",
        "'x' not in ${list}",
        "${text} not contains 'x'",
        "${text} matches 'Order *'",
        "${text} matches '*1?'",
        "${text} not matches 'Order'",
        "${flag} == true",
        "${none} == null",
        "${flag} != 1",
        "${flag} != 'true'",
        "empty ${empty}",
        "empty ${nothing}",
        "empty ${none}",
        "empty(${nothing})",
        "not empty ${list}",
        "exists ${n}",
        "exists(${object.key})",
        "not exists ${absent}",
        "not exists ${none}",
        "not exists ${list[7]}",
        "exists ${absent} and ${absent} > 1 or ${flag}",
        "false or false or true",
        "true or ${absent}",
        "not false and true",
        "not (true and false)",
        "(((true)))",
        "\"${n} of ${text}\" == '10 of Order 10'",
        "'it\\'s' == \"it's\"",
        "'$${n}' == '$' and true or true",
        "-1 < 0 and +1 > .5 and 1e3 == 1000",
        "${list} == ${list}",
        "${list.length} == 3",
    ],
)
def test_it_holds(source: str | bool) -> None:
    assert holds(source)


@pytest.mark.parametrize(
    "source",
    [
        False,
        "false",
        "null",
        "0",
        "''",
        "${nothing}",
        "${n} == 'ten'",
        "'10' == '10.0'",
        "${n} == true",
        "${none} == false",
        "false and ${absent}",
        "true and false or false",
        "not true or false",
        "exists ${absent}",
        "${text} matches 'order *'",
        "'' matches '?'",
        "'abc' matches '*b'",
    ],
)
def test_it_does_not_hold(source: str | bool) -> None:
    assert not holds(source)


@pytest.mark.parametrize(
    ("source", "position", "reason"),
    [
        ("", 0, "expected a value, but the condition ends here"),
        ("${n} = 1", 5, "unexpected '='"),
        ("${n} == ", 8, "expected a value, but the condition ends here"),
        ("${n} == yes", 8, "unknown word 'yes'"),
        ("n > 1", 0, "unknown word 'n'"),
        ("(true", 5, "expected ')'"),
        ("true)", 4, "expected 'and', 'or' or a comparison, found ')'"),
        ("1 < 2 < 3", 6, "comparisons cannot be chained"),
        ("'open", 0, "the text is never closed"),
        ("'a ${' == 1", 0, "expected a name"),
        ("${n} not 3", 9, "expected 'in', 'contains' or 'matches' after 'not'"),
        ("exists 3", 7, "'exists' asks for a reference"),
        ("true && false", 5, "unexpected '&'"),
        ("__import__('os')", 0, "unknown word '__import__'"),
        ("1" * 61, 0, "a number may have 60 characters at most"),
        ("not " * 50 + "true", 41 * 4, "nested 40 levels deep at most"),
        ("(" * 50 + "true" + ")" * 50, 41, "nested 40 levels deep at most"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(source: str, position: int, reason: str) -> None:
    with pytest.raises(NotationError) as caught:
        compile_condition(source)

    assert reason in caught.value.reason
    assert caught.value.position == position


def test_the_value_behind_a_bare_word_is_offered() -> None:
    with pytest.raises(NotationError) as caught:
        compile_condition("n > 1")

    assert caught.value.suggestion == "write 'n' for the text, ${n} for the value"


@pytest.mark.parametrize("source", ["${n} < 'ten'", "${list} > 1", "${flag} < 1", "1 contains 1", "'a' in 5"])
def test_values_that_cannot_be_compared_are_told(source: str) -> None:
    with pytest.raises(ConditionFailed):
        holds(source)


def test_a_pattern_made_to_hang_ends_at_once() -> None:
    pattern = "*a" * 99
    assert not compile_condition(f"'{'a' * 9_000}b' matches '{pattern}c'").holds(resolve)


PIECES = """
    ${n} ${list} ${absent} ${ } ( ) and or not in contains matches exists empty == != < <= =
    'a' '*' ' "${n}" 1 -2.5 1e9 true null x \\
"""
pieces = st.sampled_from(PIECES.split())


@given(st.lists(pieces, max_size=14).map(" ".join) | st.text())
def test_no_text_breaks_the_language(source: str) -> None:
    position = 0
    try:
        assert isinstance(holds(source), bool)
    except NotationError as error:
        position = error.position
    except BykiltError:
        pass
    assert 0 <= position <= len(source)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False), st.integers())
def test_exactly_one_order_holds_between_numbers(left: float, right: int) -> None:
    def compare(reference: Reference) -> JsonValue:
        return left if reference.root == "left" else right

    orders = [compile_condition(f"${{left}} {sign} ${{right}}").holds(compare) for sign in ("<", "==", ">")]
    assert orders.count(True) == 1


@given(st.text(alphabet="ab*?", max_size=8), st.text(alphabet="ab", max_size=8))
def test_matching_is_what_the_shell_does(pattern: str, text: str) -> None:
    from fnmatch import fnmatchcase

    values = {"text": text, "pattern": pattern}
    condition = compile_condition("${text} matches ${pattern}")
    assert condition.holds(lambda reference: values[reference.root]) == fnmatchcase(text, pattern)
