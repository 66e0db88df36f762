"""A video that grows picture by picture: its limit, its times, its size."""

from __future__ import annotations

import io

import pytest

from bykilt.browser.video.imaging import BadPicture, vp8_key_frame
from bykilt.browser.video.video_file import VideoFile, VideoSize
from tests.support.made_run import png

SIZE = VideoSize(320, 180)


def test_a_large_viewport_is_recorded_smaller() -> None:
    assert VideoSize.of_viewport(1280, 720, 1280) == VideoSize(1280, 720)
    assert VideoSize.of_viewport(2560, 1440, 1280) == VideoSize(1280, 720)
    assert VideoSize.of_viewport(1001, 701, 1280) == VideoSize(1000, 700)
    assert VideoSize.of_viewport(10_000, 1, 1280) == VideoSize(1280, 2)


def test_a_picture_that_is_shown_already_takes_no_room() -> None:
    file = io.BytesIO()
    video = VideoFile(file, SIZE, 1 << 20)

    video.show(png(255, 0, 0), 10.0)
    size = file.tell()
    video.show(png(255, 0, 0), 11.0)

    assert (file.tell(), video.frames) == (size, 1)


def test_the_last_picture_is_shown_until_the_end() -> None:
    video = VideoFile(io.BytesIO(), SIZE, 1 << 20)

    video.show(png(255, 0, 0), 10.0)
    video.show(png(0, 0, 255), 12.5)
    video.finish(20.0)

    assert video.frames == 3
    assert video.duration_ms == 10_100


def test_the_file_is_never_larger_than_its_limit() -> None:
    """The index, which is written last, has its room too."""
    file = io.BytesIO()
    video = VideoFile(file, SIZE, 5000)

    for count in range(100):
        video.show(png(count, 0, 255), 10.0 + count)
    video.finish(200.0)

    assert video.full
    assert 3000 < len(file.getvalue()) <= 5000
    assert video.duration_ms < 100_000


def test_the_sizes_in_the_file_are_true() -> None:
    """The segment ends where the file ends, so that no player looks for more."""
    file = io.BytesIO()
    video = VideoFile(file, SIZE, 1 << 20)
    video.show(png(255, 0, 0), 0.0)
    video.finish(1.0)

    data = file.getvalue()
    at = data.index(bytes.fromhex("18538067")) + 4
    assert int.from_bytes(data[at + 1 : at + 8], "big") == len(data) - at - 8
    cues_at = int.from_bytes(data[data.index(bytes.fromhex("53ac")) + 10 :][:8], "big")
    assert data[at + 8 + cues_at :].startswith(bytes.fromhex("1c53bb6b"))


def test_a_frame_is_a_key_frame_of_the_wanted_size() -> None:
    """Source: RFC 6386, 9.1: bit 0 is clear in a key frame, and a start code and the size follow."""
    frame = vp8_key_frame(png(0, 255, 0, 100, 100), 320, 180)

    assert frame[0] & 1 == 0
    assert frame[3:6] == b"\x9d\x01\x2a"
    assert int.from_bytes(frame[6:8], "little") & 0x3FFF == 320
    assert int.from_bytes(frame[8:10], "little") & 0x3FFF == 180


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xd8\xff", b"GIF89a" + bytes(40), png(1, 2, 3)[:60], png(1, 2, 3, 20_000, 20_000)[:80]],
    ids=["nothing", "torn JPEG", "GIF", "torn PNG", "far too large"],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    """A browser that has been taken over may give anything."""
    with pytest.raises(BadPicture):
        vp8_key_frame(data, 320, 180)
