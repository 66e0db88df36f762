"""Data files: their form, their names, and what a spreadsheet makes of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.flows.conditions import number_in
from bykilt.flows.data_files import cell, csv_rows, save_data
from bykilt.flows.model import DataFormat
from bykilt.json_types import JsonValue
from bykilt.storage.errors import UnsafePath


def test_csv_is_what_the_standard_says(tmp_path: Path) -> None:
    rows: JsonValue = [{"name": "緑茶, 100 g", "price": 5.0}, {"name": 'a "b"\nc', "note": None, "tags": ["x", 1]}]

    saved = save_data(tmp_path, "rows.csv", rows)

    content = (tmp_path / "rows.csv").read_bytes()
    assert content.decode("utf-8") == ('name,price,note,tags\r\n"緑茶, 100 g",5,,\r\n"a ""b""\nc",,,"[""x"",1]"\r\n')
    assert (saved.name, saved.format, saved.records, saved.size_bytes) == ("rows.csv", DataFormat.CSV, 2, len(content))


@pytest.mark.parametrize(
    ("value", "columns", "expected"),
    [
        ([{"b": 1, "a": 2}, {"c": 3}], (), [["b", "a", "c"], [1, 2, None], [None, None, 3]]),
        ([{"b": 1, "a": 2}], ("a", "x"), [["a", "x"], [2, None]]),
        ([[1, 2], [3]], (), [[1, 2], [3]]),
        ([[1, 2]], ("a", "b"), [["a", "b"], [1, 2]]),
        (["x", "y"], (), [["value"], ["x"], ["y"]]),
        ("x", (), [["value"], ["x"]]),
        ({"a": 1}, (), [["a"], [1]]),
        ([{"a": 1}, "x"], (), [["a", "value"], [1, None], [None, "x"]]),
        ([], (), []),
        ([], ("a",), [["a"]]),
    ],
)
def test_rows_and_columns(value: JsonValue, columns: tuple[str, ...], expected: list[list[JsonValue]]) -> None:
    assert [list(row) for row in csv_rows(value, columns)] == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+81-3-1234", "'+81-3-1234"),
        ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
        (" =1+1", "' =1+1"),
        ("\t=1", "'\t=1"),
        ("\r\n=1", "'\r\n=1"),
        ("＝1+1", "'＝1+1"),
        ("-12.50", "-12.50"),
        ("+5", "+5"),
        ("-", "-"),
        ("a=b", "a=b"),
        (-12.5, "-12.5"),
        (True, "true"),
        (None, ""),
        ("", ""),
    ],
)
def test_a_text_never_runs_as_a_formula(value: JsonValue, expected: str) -> None:
    assert cell(value) == expected


@given(st.text())
def test_whatever_a_page_says_no_cell_starts_like_a_formula(text: str) -> None:
    written = cell(text).strip()

    assert written[:1] not in ("=", "+", "-", "@") or number_in(written) is not None or len(written) == 1


def test_a_column_named_like_a_formula_is_harmless_too(tmp_path: Path) -> None:
    save_data(tmp_path, "a.csv", [{"=1+1": 1}])

    assert list(csv.reader((tmp_path / "a.csv").read_text().splitlines())) == [["'=1+1"], ["1"]]


def test_json_is_readable_and_utf8(tmp_path: Path) -> None:
    save_data(tmp_path, "deep/er/a.json", [{"名": "緑茶"}])

    text = (tmp_path / "deep/er/a.json").read_text(encoding="utf-8")
    assert "緑茶" in text
    assert json.loads(text) == [{"名": "緑茶"}]


@pytest.mark.parametrize(
    ("name", "format_", "expected"),
    [
        ("a.csv", None, DataFormat.CSV),
        ("a.CSV", None, DataFormat.CSV),
        ("a.json", None, DataFormat.JSON),
        ("a", None, DataFormat.JSON),
        ("a.txt", DataFormat.CSV, DataFormat.CSV),
        ("a.csv", DataFormat.JSON, DataFormat.JSON),
    ],
)
def test_the_format_is_the_one_asked_for_else_the_names(
    tmp_path: Path, name: str, format_: DataFormat | None, expected: DataFormat
) -> None:
    assert save_data(tmp_path, name, [1], format_).format is expected


def test_half_of_a_surrogate_pair_does_not_spoil_a_file(tmp_path: Path) -> None:
    save_data(tmp_path, "a.csv", ["a\ud800b"])
    save_data(tmp_path, "a.json", ["a\ud800b"])

    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "value\na?b\n"
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))[0].startswith("a")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    save_data(tmp_path, "a.json", ["long" * 100])
    save_data(tmp_path, "a.json", [])

    assert json.loads((tmp_path / "a.json").read_text()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


BAD_NAMES = ("../a.json", "/etc/a.json", "a/../../b.json", "..", ".", "", "  ", "a\0b", "a\nb", "a\\b", ".hidden")


@pytest.mark.parametrize("name", [*BAD_NAMES, "a/.b/c", "x" * 300, "a/" * 20 + "b"])
def test_names_that_lead_astray_are_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "runs" / "data"

    with pytest.raises(UnsafePath):
        save_data(folder, name, 1)
    assert list(tmp_path.rglob("*")) == []


def test_a_link_inside_the_folder_leads_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UnsafePath):
        save_data(tmp_path / "data", "link/a.json", 1)
    assert list((tmp_path / "elsewhere").iterdir()) == []
