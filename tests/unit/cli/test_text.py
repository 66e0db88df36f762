"""Tables, times and sizes as they are written on a terminal."""

from __future__ import annotations

import time
from datetime import datetime

import click
import pytest

from bykilt.cli.amounts import Since, Span, duration, local_time, size
from bykilt.cli.text_table import columns, one_line, shortened, width


def test_columns_line_up() -> None:
    assert columns(("A", "B"), [("x", "1"), ("long", "2")]) == ["A     B", "x     1", "long  2"]


def test_japanese_text_takes_two_cells() -> None:
    lines = columns(("A", "B"), [("注文", "1"), ("abcd", "2")])
    assert [width(line) for line in lines[1:]] == [7, 7]


def test_control_characters_cannot_move_the_cursor() -> None:
    assert one_line("a\x1b[2Jb\nc\rd") == "a [2Jb c d"


@pytest.mark.parametrize(
    ("text", "cells", "expected"),
    [
        ("short", 10, "short"),
        ("a longer text", 8, "a longe…"),
        ("注文一覧表", 7, "注文一…"),
        ("注文一覧", 8, "注文一覧"),
    ],
)
def test_a_long_text_is_cut_with_an_ellipsis(text: str, cells: int, expected: str) -> None:
    assert shortened(text, cells) == expected
    assert width(shortened(text, cells)) <= cells


@pytest.mark.parametrize(
    ("ms", "expected"),
    [(None, "-"), (0, "0 ms"), (999, "999 ms"), (1500, "1.5 s"), (61_000, "1 m 01 s"), (3_660_000, "1 h 01 m")],
)
def test_durations_are_short(ms: float | None, expected: str) -> None:
    assert duration(ms) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(None, "-"), (12, "12 B"), (2048, "2.0 KiB"), (3 * 1024**2, "3.0 MiB"), (5 * 1024**4, "5120.0 GiB")],
)
def test_sizes_are_short(count: int | None, expected: str) -> None:
    assert size(count) == expected


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43_200), ("1.5d", 129_600), ("2w", 1_209_600)]
)
def test_spans_are_read(text: str, seconds: float) -> None:
    assert Span().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "7 days", "１d x"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no span"):
        Span().convert(text, None, None)


def test_a_moment_is_a_span_ago_or_a_local_date() -> None:
    assert Since().convert("2h", None, None) == pytest.approx(time.time() - 7200, abs=5)
    assert Since().convert("2026-11-24", None, None) == datetime(2026, 11, 24).astimezone().timestamp()
    with pytest.raises(click.BadParameter, match="is no moment"):
        Since().convert("yesterday", None, None)


def test_a_time_is_shown_in_the_local_zone() -> None:
    moment = datetime(2026, 11, 24, 9, 30).astimezone()
    assert local_time(moment.timestamp()) == "2026-11-24 09:30:00"
    assert local_time(None) == "-"
