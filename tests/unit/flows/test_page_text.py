"""A page as a model is given it."""

from __future__ import annotations

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
        {**tree(), "children": [{"role": "link", "name": "Home", "ref": "e2", "url": "https://a.example/"}]}, 0, 1000
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


def test_one_line_that_is_too_long_is_cut_in_the_middle() -> None:
    page = page_text({"role": "text", "text": "x" * 500}, 0, 200)

    assert page.text.startswith("- " + "x" * 198 + "\n(the page goes on")
    assert page.cut_chars == 302


def test_nodes_that_were_never_read_are_told_of() -> None:
    page = page_text(tree("a"), 7, 1000)

    assert page.text.endswith("(the page goes on: the rest was cut off)")
    assert (page.cut_nodes, page.is_whole) == (7, False)
