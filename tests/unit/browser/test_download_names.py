"""Names for downloads: whatever is suggested, a plain file name comes out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.browser.engine.download_names import numbered, safe_name


@pytest.mark.parametrize(
    ("suggested", "name"),
    [
        ("report.csv", "report.csv"),
        ("注文 一覧.csv", "注文 一覧.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\x.txt", "x.txt"),
        (".bashrc", "bashrc"),
        ("...", "download"),
        ("", "download"),
        ("a\x00b\n.txt", "ab.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("CON.txt", "_CON.txt"),
        ("com1", "_com1"),
        ("console.txt", "console.txt"),
        ("-rf", "_-rf"),
        ('a<b>:"c|?*.txt', "a_b___c___.txt"),
        ("trailing. . ", "trailing"),
    ],
)
def test_a_safe_name(suggested: str, name: str) -> None:
    assert safe_name(suggested) == name


def test_a_long_name_keeps_its_suffix() -> None:
    name = safe_name("あ" * 300 + ".csv")

    assert name.endswith(".csv")
    assert len(name.encode()) <= 180


def test_numbers_go_before_the_suffix() -> None:
    assert [numbered("a.tar.gz", number) for number in (1, 2)] == ["a.tar.gz", "a.tar (2).gz"]
    assert numbered("README", 3) == "README (3)"


@given(st.text())
def test_any_text_becomes_a_plain_name(suggested: str) -> None:
    name = safe_name(suggested)

    assert name
    assert name.isprintable() or all(character.isprintable() or character.isspace() for character in name)
    assert not set(name) & set('/\\<>:"|?*\0\n')
    assert name[0] not in ".- "
    assert len(name.encode()) <= 210
    assert safe_name(name) == name
