"""The made-up orders: always the same, and found, sorted and paged as asked."""

from __future__ import annotations

import csv
import hashlib
import io

import pytest

from bykilt.practice.orders import (
    ORDER_COUNT,
    SORT_KEYS,
    Language,
    OrderQuery,
    Status,
    all_orders,
    find_orders,
    order_by_number,
    orders_as_csv,
)

ENGLISH = Language.ENGLISH


def test_the_orders_are_the_same_in_every_process() -> None:
    table = orders_as_csv(None, ENGLISH)

    assert len(all_orders()) == ORDER_COUNT >= 120
    assert len({order.number for order in all_orders()}) == ORDER_COUNT
    assert table.splitlines()[1] == "KT-1001,2026-04-01,Aozora Books,Sapporo,980,Shipped"
    # A change here changes what users see in tutorials and compare runs with.
    assert hashlib.sha256(table.encode()).hexdigest().startswith("370c3ea7b760ca34")


def test_every_status_occurs_on_more_than_one_page_or_close_to_it() -> None:
    assert all(find_orders(OrderQuery(status=status), ENGLISH).total >= 15 for status in Status)


def test_pages_together_hold_every_order_once() -> None:
    pages = find_orders(OrderQuery(), ENGLISH).pages
    numbers = [
        order.number for page in range(1, pages + 1) for order in find_orders(OrderQuery(page=page), ENGLISH).rows
    ]

    assert numbers == [order.number for order in all_orders()]


@pytest.mark.parametrize(("asked", "shown"), [(0, 1), (1, 1), (9, 9), (1000, 9)])
def test_a_page_out_of_range_is_the_nearest_one(asked: int, shown: int) -> None:
    found = find_orders(OrderQuery(page=asked), ENGLISH)

    assert (found.page, found.pages) == (shown, 9)
    assert found.rows


def test_nothing_found_is_one_empty_page() -> None:
    found = find_orders(OrderQuery(text="no such customer"), ENGLISH)

    assert (found.rows, found.total, found.page, found.pages) == ((), 0, 1, 1)


def test_status_and_text_narrow_down_together_whatever_the_case() -> None:
    found = find_orders(OrderQuery(status=Status.SHIPPED, text="  KYOTO ", size=60), ENGLISH)

    assert found.total > 0
    assert {(order.city.english, order.status) for order in found.rows} == {("Kyoto", Status.SHIPPED)}
    assert (
        find_orders(OrderQuery(text="京都"), Language.JAPANESE).total
        == find_orders(OrderQuery(text="kyoto"), ENGLISH).total
    )


@pytest.mark.parametrize("sort", SORT_KEYS)
def test_descending_is_ascending_turned_round(sort: str) -> None:
    up = find_orders(OrderQuery(sort=sort, size=60, status=Status.SHIPPED), ENGLISH).rows
    down = find_orders(OrderQuery(sort=sort, size=60, status=Status.SHIPPED, descending=True), ENGLISH).rows

    assert up == down[::-1]


def test_amounts_sort_as_numbers_and_are_the_sum_of_the_lines() -> None:
    amounts = [order.amount_yen for order in find_orders(OrderQuery(sort="amount", size=60), ENGLISH).rows]

    assert amounts == sorted(amounts)
    assert all(order.amount_yen == sum(line.total_yen for line in order.lines) > 0 for order in all_orders())


def test_an_order_is_found_by_its_number_only() -> None:
    order = order_by_number("KT-1007")

    assert order is not None
    assert order.number == "KT-1007"
    assert order_by_number("KT-1") is None


def test_the_csv_holds_the_orders_of_one_status_in_the_language() -> None:
    rows = list(csv.DictReader(io.StringIO(orders_as_csv(Status.NEW, Language.JAPANESE))))

    assert {row["status"] for row in rows} == {"新規"}
    assert len(rows) == find_orders(OrderQuery(status=Status.NEW), ENGLISH).total
