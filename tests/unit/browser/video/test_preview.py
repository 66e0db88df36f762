"""The preview: which pictures it is made of, and how small it stays."""

from __future__ import annotations

import random
import struct
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.browser.video.imaging import PillowMissing
from bykilt.browser.video.preview import MAX_BYTES, MAX_FRAMES, MAX_SIDE, Thumbnails, make_preview, spread
from tests.support.made_run import png


def noise(seed: int, width: int = 320, height: int = 320) -> bytes:
    """Return a picture that hardly any format makes smaller."""
    dice = random.Random(seed)
    rows = b"".join(b"\0" + dice.randbytes(width * 3) for _ in range(height))
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 0)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def frames_in(webp: bytes) -> int:
    """Return how many frames an animated WebP has (RFC 9649: one ANMF chunk each)."""
    at, found = 12, 0
    while at + 8 <= len(webp):
        (length,) = struct.unpack_from("<I", webp, at + 4)
        found += webp[at : at + 4] == b"ANMF"
        at += 8 + length + length % 2
    return found


def test_a_preview_is_small() -> None:
    preview = make_preview([png(shade, 0, 0, 1280, 720) for shade in range(0, 250, 5)])

    assert preview is not None
    assert preview.frames == MAX_FRAMES == frames_in(preview.data)
    assert (preview.width, preview.height) == (MAX_SIDE, 180)
    assert len(preview.data) <= MAX_BYTES


def test_pictures_that_say_little_new_cost_frames_not_bytes() -> None:
    """However much is on the pages, the file keeps its limit."""
    preview = make_preview([noise(seed) for seed in range(MAX_FRAMES)])

    assert preview is not None
    assert len(preview.data) <= MAX_BYTES
    assert preview.frames > 1


def test_a_picture_is_shown_once_in_a_row() -> None:
    red, blue = png(255, 0, 0), png(0, 0, 255)
    preview = make_preview([red, red, blue, blue, red])

    assert preview is not None
    assert preview.frames == 3


def test_what_cannot_be_read_is_left_out() -> None:
    preview = make_preview([b"nothing", png(255, 0, 0)])

    assert preview is not None
    assert preview.frames == 1
    assert make_preview([b"nothing"]) is None
    assert make_preview([]) is None


def test_thumbnails_cover_a_long_time_evenly() -> None:
    """Their number has a bound; the first and the late ones are there."""
    thumbnails = Thumbnails()
    for shade in range(200):
        thumbnails.see(png(shade, 0, 0, 32, 18))

    assert MAX_FRAMES <= len(thumbnails.pictures) <= 2 * MAX_FRAMES


@given(st.integers(0, 500), st.integers(2, 40))
def test_spread_takes_the_first_and_the_last(count: int, at_most: int) -> None:
    taken = spread(count, at_most)

    assert len(taken) == min(count, at_most)
    assert taken == sorted(set(taken))
    if count:
        assert (taken[0], taken[-1]) == (0, count - 1)


def test_without_pillow_there_is_a_reason_instead_of_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)

    with pytest.raises(PillowMissing) as caught:
        make_preview([png(255, 0, 0)])

    assert "Pillow" in caught.value.message
