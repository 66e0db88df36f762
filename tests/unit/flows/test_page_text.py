"""A page as a model is given it."""

from __future__ import annotations

import pytest

from bykilt.flows.page_text import page_text
from bykilt.json_types import JsonObject, JsonValue


def tree(*texts: str) -> JsonObject:
    children: list[JsonValue] = [{"role": "text", "text": text} for text in texts]
    return {
        "role": "document",
        "name": "Shop",
        "url": "https://shop.example/?token=1",
        "ref": "e1",
        "children": children,
    }


def test_references_and_addresses_are_left_out() -> None:
    page = page_text(
        {
            **tree(),
            "children": [{"role": "link", "name": "Home", "ref": "e2", "url": "https://a.example/", "focused": True}],
        },
        0,
        1000,
    )

    assert page.text == '- document "Shop"\n  - link "Home"'
    assert page.is_whole


def test_a_page_that_is_too_long_is_cut_at_a_line_and_says_so() -> None:
    page = page_text(tree(*(f"line {number}" for number in range(100))), 0, 200)

    *lines, last = page.text.splitlines()
    assert last == "(the page goes on: the rest was cut off)"
    assert lines[1:] == [f"  - line {number}" for number in range(len(lines) - 1)]
    assert len("\n".join(lines)) <= 200
    assert page.cut_chars > 0
    assert not page.is_whole


def test_a_page_that_just_fits_is_whole() -> None:
    whole = page_text(tree("a", "b"), 0, 1000).text

    assert page_text(tree("a", "b"), 0, len(whole)).is_whole
    assert not page_text(tree("a", "b"), 0, len(whole) - 1).is_whole


def test_a_line_that_does_not_fit_is_left_out_whole() -> None:
    """Contract: half of a secret would not be known as one."""
    page = page_text({"role": "text", "text": "x" * 300}, 0, 200)

    assert page.text == "\n(the page goes on: the rest was cut off)"
    assert page.cut_chars == 302


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("word " * 99 + "hunter2-of…", "word " * 99 + "…"),
        ("x" * 499 + "…", "…"),
        ("short…", "short…"),
        ("x" * 500, "x" * 500),
    ],
)
def test_a_word_that_the_snapshot_has_cut_in_two_is_left_out(text: str, told: str) -> None:
    assert page_text({"role": "text", "text": text}, 0, 1000).text == f"- {told}"


def test_nodes_that_were_never_read_are_told_of() -> None:
    page = page_text(tree("a"), 7, 1000)

    assert page.text.endswith("(the page goes on: the rest was cut off)")
    assert (page.cut_nodes, page.is_whole) == (7, False)
