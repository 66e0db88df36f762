"""A video that grows picture by picture, up to a size.

Knows times, the limit and what is left out. Does not know who takes the pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from bykilt.browser.video.imaging import vp8_key_frame
from bykilt.browser.video.webm import WebmWriter

_LAST_FRAME_MS = 100
_CUE_BYTES = 64
"""More than a frame takes in the index, which is written last."""


@dataclass(frozen=True, slots=True)
class VideoSize:
    """Width and height in pixels."""

    width: int
    height: int

    @classmethod
    def of_viewport(cls, width: int, height: int, longest: int) -> VideoSize:
        """Return the size of a viewport, made smaller so that no side is above `longest`; sides are even."""
        scale = min(1.0, longest / max(width, height))
        return cls(max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))


class VideoFile:
    """Frames into an open file. Not for several threads."""

    def __init__(self, file: BinaryIO, size: VideoSize, max_bytes: int) -> None:
        self._webm = WebmWriter(file, size.width, size.height)
        self._size = size
        self._max_bytes = max_bytes
        self._picture = b""
        self._frame = b""
        self._begun_s = 0.0
        self._last_ms = 0
        self.frames = 0
        self.full = False
        self.duration_ms = 0

    def show(self, picture: bytes, at_s: float) -> None:
        """Show a JPEG or PNG from this moment on, unless it is shown already or the file is full.

        `full` says afterwards whether it, or one before, found no room.

        Raises:
            BadPicture: It cannot be read.
            OSError: The disk did not take it.
        """
        if picture != self._picture and not self.full:
            frame = vp8_key_frame(picture, self._size.width, self._size.height)
            self._add(frame, at_s)
            self._picture, self._frame = picture, frame

    def finish(self, at_s: float) -> None:
        """Let the last picture be shown until this moment; one frame at least must have come.

        Raises:
            OSError: The disk did not take it.
        """
        if not self.full:
            # Without a frame at the end, players would stop at the last change.
            self._add(self._frame, at_s)
        self.duration_ms = self._last_ms + _LAST_FRAME_MS
        self._webm.finish(self.duration_ms)

    def _add(self, frame: bytes, at_s: float) -> None:
        if self._webm.size_bytes + len(frame) + _CUE_BYTES * (self.frames + 2) > self._max_bytes:
            self.full = True
            return
        if not self.frames:
            self._begun_s = at_s
        self._last_ms = max(round((at_s - self._begun_s) * 1000), self._last_ms + (1 if self.frames else 0))
        self._webm.add(self._last_ms, frame)
        self.frames += 1
