"""A WebM file of VP8 key frames, written as the pictures come.

Knows the container. Does not know where pictures come from or how they are encoded.
Each frame is a key frame in a cluster of its own: every frame can be sought, and may last as long as it likes.

Sources: RFC 8794 (EBML), RFC 9559 (Matroska), https://www.webmproject.org/docs/container/
"""

from __future__ import annotations

import struct
from typing import BinaryIO

_UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
_TRACK = 1
_KEY_FRAME = 0x80
_APP = b"bykilt"


class WebmWriter:
    """Writes into a file that can seek; what has been written plays only after `finish`."""

    def __init__(self, file: BinaryIO, width: int, height: int) -> None:
        self._file = file
        self._cues: list[tuple[int, int]] = []
        self.size_bytes = 0
        self._write(_ebml_header())
        self._write(bytes.fromhex("18538067"))
        self._segment_size_at = self.size_bytes
        self._write(_UNKNOWN_SIZE)
        self._segment_at = self.size_bytes
        seek_head = _seek_head()
        self._cue_position_at = self.size_bytes + len(seek_head) - 8
        self._write(seek_head)
        info = _info()
        self._duration_at = self.size_bytes + len(info) - 8
        self._write(info)
        self._write(_tracks(width, height))

    def add(self, at_ms: int, key_frame: bytes) -> None:
        """Append a frame that is shown from `at_ms` on; times must not go back.

        It is in the file when this returns: who reads along while the file grows finds whole frames.

        Raises:
            OSError: The disk did not take it.
        """
        self._cues.append((at_ms, self.size_bytes - self._segment_at))
        block = struct.pack(">BhB", 0x80 | _TRACK, 0, _KEY_FRAME) + key_frame
        self._write(_element("1f43b675", _element("e7", _number(at_ms)) + _element("a3", block)))
        self._file.flush()

    def finish(self, duration_ms: int) -> None:
        """Write the index and fill in what was not known before.

        Raises:
            OSError: The disk did not take it.
        """
        cues_at = self.size_bytes - self._segment_at
        self._write(_element("1c53bb6b", b"".join(_cue_point(*cue) for cue in self._cues)))
        self._patch(self._segment_size_at, _size(self.size_bytes - self._segment_at))
        self._patch(self._cue_position_at, struct.pack(">Q", cues_at))
        self._patch(self._duration_at, struct.pack(">d", float(duration_ms)))

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self.size_bytes += len(data)

    def _patch(self, at: int, data: bytes) -> None:
        self._file.seek(at)
        self._file.write(data)
        self._file.seek(self.size_bytes)


def _element(hex_id: str, payload: bytes) -> bytes:
    return bytes.fromhex(hex_id) + _size(len(payload)) + payload


def _size(length: int) -> bytes:
    return struct.pack(">Q", (1 << 56) | length)


def _number(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def _ebml_header() -> bytes:
    return _element(
        "1a45dfa3",
        _element("4286", _number(1))  # EBMLVersion
        + _element("42f7", _number(1))  # EBMLReadVersion
        + _element("42f2", _number(4))  # EBMLMaxIDLength
        + _element("42f3", _number(8))  # EBMLMaxSizeLength
        + _element("4282", b"webm")  # DocType
        + _element("4287", _number(2))  # DocTypeVersion
        + _element("4285", _number(2)),  # DocTypeReadVersion
    )


def _seek_head() -> bytes:
    seek = _element("53ab", bytes.fromhex("1c53bb6b")) + _element("53ac", bytes(8))
    return _element("114d9b74", _element("4dbb", seek))


def _info() -> bytes:
    return _element(
        "1549a966",
        _element("2ad7b1", _number(1_000_000))  # TimestampScale: milliseconds
        + _element("4d80", _APP)
        + _element("5741", _APP)
        + _element("4489", bytes(8)),  # Duration
    )


def _tracks(width: int, height: int) -> bytes:
    video = _element("b0", _number(width)) + _element("ba", _number(height))
    entry = (
        _element("d7", _number(_TRACK))
        + _element("73c5", _number(_TRACK))  # TrackUID
        + _element("9c", _number(0))  # FlagLacing
        + _element("86", b"V_VP8")
        + _element("83", _number(1))  # TrackType: video
        + _element("e0", video)
    )
    return _element("1654ae6b", _element("ae", entry))


def _cue_point(at_ms: int, cluster_at: int) -> bytes:
    position = _element("f7", _number(_TRACK)) + _element("f1", _number(cluster_at))
    return _element("bb", _element("b3", _number(at_ms)) + _element("b7", position))
