"""The events of a run in a file, `events.jsonl`: written as they happen, read while a run goes on or after a crash.

Knows how to append so that a killed process or a full disk leaves a readable file, and how to mend a torn
end. Does not know the line format (`codec`) nor where the file is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from bykilt.events.codec import UnknownEvent, UnreadableEvent, decode, encode
from bykilt.events.model import Event
from bykilt.ids import RunId

_BLOCK_BYTES = 65_536


class EventFile:
    """A listener that appends each event at once, so that what happened before a kill is in the file.

    One `write` per event goes to the page cache (microseconds); the disk is waited for in `close` alone.
    When the disk is full, the file is cut back to its last whole line and `on_event` raises `OSError`.
    """

    def __init__(self, path: Path) -> None:
        """Take the path; the first event opens the file, or makes it with mode 0600. Mend an old one first (`mend`)."""
        self._path = path
        self._file: int | None = None
        self._size = 0

    def on_event(self, event: Event) -> None:
        """Append one event.

        Raises:
            OSError: The disk is full or gone; the file ends with the last event that fitted.
        """
        file = self._open() if self._file is None else self._file
        line = encode(event)
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(file, rest) :]
        except OSError:
            os.ftruncate(file, self._size)
            raise
        self._size += len(line)

    def close(self) -> None:
        """Wait until the disk has it all, and keep no descriptor; a later event opens the file again.

        Raises:
            OSError: The disk could not take it.
        """
        if self._file is None:
            return
        try:
            os.fsync(self._file)
        finally:
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._file).st_size
        return self._file


def read_events(path: Path, run_id: RunId, after_seq: int = 0) -> Iterator[Event]:
    """Yield the events numbered above `after_seq`, oldest first, without loading the file whole.

    A torn last line is left out, as are damaged lines and kinds that this version does not know.

    Raises:
        OSError: The file is not there or cannot be read.
    """
    for event in read_lines(path, run_id):
        if isinstance(event, Event) and event.seq > after_seq:
            yield event


def read_lines(path: Path, run_id: RunId) -> Iterator[Event | UnknownEvent]:
    """Yield every readable line, also those of kinds that this version does not know."""
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            try:
                yield decode(line, run_id)
            except UnreadableEvent:
                continue


def mend(path: Path) -> int:
    """Cut off a torn last line, so that more can be appended; return how many bytes went. No file is fine."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        size = os.fstat(file).st_size
        whole = _end_of_last_line(file, size)
        if whole < size:
            os.ftruncate(file, whole)
            os.fsync(file)
        return size - whole
    finally:
        os.close(file)


def _end_of_last_line(file: int, size: int) -> int:
    end = size
    while end > 0:
        start = max(0, end - _BLOCK_BYTES)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
