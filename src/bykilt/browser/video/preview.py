"""A small animated picture of what happened, made from pictures that are there already.

Knows which pictures are chosen and how small the file is kept. Does not know where they come from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from bykilt.browser.video.imaging import BadPicture, animation, small_picture

MAX_FRAMES = 20
MAX_SIDE = 320
MAX_BYTES = 500_000
MEDIA_TYPE = "image/webp"
_FRAME_MS = 600
_QUALITIES = (70, 40, 10)


@dataclass(frozen=True, slots=True)
class Preview:
    """An animated WebP."""

    data: bytes
    frames: int
    width: int
    height: int


class Thumbnails:
    """Small pictures of a time of any length: about as many at each part of it, `2 * MAX_FRAMES` at most."""

    def __init__(self) -> None:
        self.pictures: list[bytes] = []
        self._every = 1
        self._seen = 0

    def see(self, picture: bytes) -> None:
        """Keep the picture, small, if its turn has come.

        Raises:
            BadPicture: It cannot be read.
        """
        if self._seen % self._every == 0:
            if len(self.pictures) == 2 * MAX_FRAMES:
                del self.pictures[1::2]
                self._every *= 2
            self.pictures.append(small_picture(picture, MAX_SIDE, MAX_SIDE))
        self._seen += 1


def spread(count: int, at_most: int) -> list[int]:
    """Return which of `count` things to take so that there are `at_most`: the first, the last, evenly between."""
    if count <= at_most:
        return list(range(count))
    return sorted({round(number * (count - 1) / (at_most - 1)) for number in range(at_most)})


def make_preview(pictures: Iterable[bytes]) -> Preview | None:
    """Return the preview of JPEGs or PNGs in their order; None if there is no picture.

    Of pictures that are equal one after the other, one is taken; one that cannot be read is left out.

    Raises:
        PillowMissing: None can be read.
    """
    small: list[bytes] = []
    for picture in pictures:
        try:
            small.append(small_picture(picture, MAX_SIDE, MAX_SIDE))
        except BadPicture:
            continue
    distinct = small[:1] + [after for before, after in pairwise(small) if after != before]
    chosen = [distinct[index] for index in spread(len(distinct), MAX_FRAMES)]
    while chosen:
        for quality in _QUALITIES:
            data, width, height = animation(chosen, _FRAME_MS, quality)
            if len(data) <= MAX_BYTES:
                return Preview(data, len(chosen), width, height)
        chosen = chosen[::2] if len(chosen) > 1 else []
    return None
