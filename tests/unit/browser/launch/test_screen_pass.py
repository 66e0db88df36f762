"""Which passes of a person the browser gets, and how they are written."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from bykilt.browser.launch.screen_pass import passes_for


def entry(family: int, host: bytes, number: bytes, secret: bytes) -> bytes:
    parts = (host, number, b"MIT-MAGIC-COOKIE-1", secret)
    return struct.pack(">H", family) + b"".join(struct.pack(">H", len(part)) + part for part in parts)


HELD = entry(256, b"desk", b"0", b"zero") + entry(256, b"desk", b"1", b"one") + entry(0, b"\x0a\0\0\1", b"", b"any")


def test_only_the_passes_for_the_screen_go_along_and_hold_under_another_name_of_the_machine() -> None:
    expected = entry(0xFFFF, b"desk", b"1", b"one") + entry(0xFFFF, b"\x0a\0\0\1", b"", b"any")

    assert passes_for(":1.0", HELD) == expected
    assert passes_for("desk:1", HELD) == expected
    assert b"one" not in passes_for(":0", HELD)


def test_of_a_file_that_is_cut_off_the_whole_passes_are_taken() -> None:
    assert passes_for(":0", HELD[:-1]) == entry(0xFFFF, b"desk", b"0", b"zero")


@given(st.binary(max_size=200))
def test_no_file_makes_it_fail(held: bytes) -> None:
    assert isinstance(passes_for(":0", held), bytes)
