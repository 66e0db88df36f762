"""Reading PNG and JPEG: their size, and a pixel of a PNG. Knows just enough of the formats; no library needed.

Sources: https://www.w3.org/TR/png-3/ and ITU-T T.81, annex B
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {2: 3, 6: 4}


def png_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels."""
    width, height, *_ = _header(data)
    return width, height


class Png:
    """A PNG with 8 bits per channel, read line by line as far as it is looked at."""

    def __init__(self, data: bytes) -> None:
        self.width, self.height, depth, colour_type, *_ = _header(data)
        assert depth == 8
        assert colour_type in _CHANNELS
        self._size = _CHANNELS[colour_type]
        self._packed = zlib.decompress(b"".join(body for kind, body in _chunks(data) if kind == b"IDAT"))
        self._lines: list[bytes] = []

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        """Return red, green and blue of one pixel."""
        assert 0 <= x < self.width
        assert 0 <= y < self.height
        while len(self._lines) <= y:
            self._lines.append(self._next_line())
        red, green, blue = self._lines[y][x * self._size : x * self._size + 3]
        return red, green, blue

    def _next_line(self) -> bytes:
        length = self.width * self._size
        start = len(self._lines) * (length + 1)
        line = self._packed[start + 1 : start + 1 + length]
        above = self._lines[-1] if self._lines else bytes(length)
        return _unfiltered(self._packed[start], line, above, self._size)


def read_picture(path: str) -> bytes:
    """Return the bytes of a picture's file."""
    return Path(path).read_bytes()


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels."""
    assert data.startswith(b"\xff\xd8"), "not a JPEG"
    at = 2
    while at < len(data):
        marker = data[at + 1]
        (length,) = struct.unpack_from(">H", data, at + 2)
        # The frame headers, which are those from C0 to CF but for three tables.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length
    raise AssertionError("the JPEG has no frame")


def _header(data: bytes) -> tuple[int, ...]:
    assert data.startswith(_SIGNATURE), "not a PNG"
    kind, body = next(_chunks(data))
    assert kind == b"IHDR"
    return struct.unpack(">IIBBBBB", body)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def _unfiltered(kind: int, line: bytes, above: bytes, size: int) -> bytes:
    """Undo a line's filter, by the line above it (clause 9 of the specification)."""
    if kind == 0:
        return line
    if kind == 2 and not any(line):
        return above
    result = bytearray(line)
    for at in range(len(line)):
        left = result[at - size] if at >= size else 0
        up = above[at]
        corner = above[at - size] if at >= size else 0
        guess = (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
        result[at] = (line[at] + guess) & 0xFF
    return bytes(result)


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    by_distance = (abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner)
    return min(by_distance)[2]
