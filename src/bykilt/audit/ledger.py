"""The ledger on the disk: several processes append to it, one line at a time, each linked to the one before.

    audit/ledger-000001.jsonl, …    segments; one that is full ends with a line that names the next
    audit/lock                      locked while a line is written

A line is in the kernel's hands when `append` returns, so it outlives this process whatever happens to it; with
`sync` it is on the disk, too. A crash leaves at most a torn last line, which the next writer closes and marks.
Knows files and links. Does not know what records mean.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from bykilt.audit.chain import GENESIS, Line, Link, read_line, write_line
from bykilt.audit.errors import AuditUnavailable, LedgerDamaged
from bykilt.audit.record import Action, AuditOutcome, AuditRecord, Who
from bykilt.clock import Clock, SystemClock
from bykilt.json_types import JsonScalar
from bykilt.storage.atomic_file import PRIVATE_FILE, make_private_dir, sync_dir
from bykilt.storage.errors import StorageError

SEGMENT_BYTES = 4 * 1024 * 1024
_MAX_LINE_BYTES = 64 * 1024
_NO_LINE = Link(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The end of the ledger at some moment: segment, offset in bytes behind the last line, and that line's place."""

    segment: int
    offset: int
    seq: int
    hash: str


class Courier(Protocol):
    """Carries lines out of this machine's ledger, to where this machine cannot change them.

    Raises:
        OSError: A line could not be handed over.
    """

    name: str

    def carry(self, line: bytes) -> None: ...

    def close(self) -> None:
        """Let go of what is open; `carry` opens it again."""
        ...


class Ledger:
    """One folder of segments. Used by several threads; opened when it is first needed."""

    def __init__(
        self,
        folder: Path,
        who: Who,
        *,
        clock: Clock | None = None,
        couriers: Sequence[Courier] = (),
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.folder = folder
        self._who = who
        self._clock = clock or SystemClock()
        self._couriers = list(couriers)
        self._segment_bytes = segment_bytes
        self._thread_lock = threading.Lock()
        self._lock_file = -1
        self._file = -1
        self._segment = 0
        self._size = 0
        self._last = _NO_LINE
        self._pid = os.getpid()

    def append(self, record: AuditRecord, *, sync: bool = False) -> Anchor:
        """Write a line behind the last one, and return where the ledger ends then. Waits for other writers.

        Raises:
            AuditUnavailable: It could not be written; nothing of it is in the ledger.
            LedgerDamaged: The last line is none.
        """
        with self._thread_lock, self._locked(fcntl.LOCK_EX):
            return self._append(record, sync=sync)

    def try_append(self, record: AuditRecord) -> bool:
        """Do the same if nobody has to be waited for; return whether it was done."""
        if not self._thread_lock.acquire(blocking=False):
            return False
        try:
            if self._file < 0 or self._pid != os.getpid():
                return False
            with self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB):
                if not self._is_at_end() or self._size >= self._segment_bytes:
                    return False
                self._append(record, sync=False)
                return True
        except BlockingIOError:
            return False
        finally:
            self._thread_lock.release()

    def head(self) -> Anchor:
        """Return where the ledger ends.

        Raises:
            AuditUnavailable: It cannot be opened.
            LedgerDamaged: The last line is none.
        """
        with self._thread_lock, self._locked(fcntl.LOCK_EX):
            self._catch_up()
            return self._anchor()

    def since(self, anchor: Anchor | None) -> Iterator[Line]:
        """Yield the lines behind an anchor, or all; what is no line is passed over.

        Raises:
            AuditUnavailable: A segment cannot be read.
        """
        first, offset = (anchor.segment, anchor.offset) if anchor else (1, 0)
        for path in segments(self.folder):
            number = segment_number(path)
            if number < first:
                continue
            for raw in self._raw_lines(path, offset if number == first else 0):
                line = read_line(raw)
                if line is not None:
                    yield line

    def holds(self, anchor: Anchor) -> bool:
        """Whether the line that an anchor stands behind is still where it was.

        Raises:
            AuditUnavailable: The segment cannot be read.
        """
        if anchor.seq == 0:
            return True
        path = segment_path(self.folder, anchor.segment)
        start = max(0, anchor.offset - _MAX_LINE_BYTES)
        try:
            with path.open("rb") as file:
                file.seek(start)
                before = file.read(anchor.offset - start)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise AuditUnavailable(path, error.strerror or str(error)) from error
        if len(before) != anchor.offset - start or not before.endswith(b"\n"):
            return False
        line = read_line(before[:-1].rpartition(b"\n")[2])
        return line is not None and line.is_intact and (line.seq, line.hash) == (anchor.seq, anchor.hash)

    def close(self) -> None:
        """Close the files; what was appended stays. The ledger opens itself again when it is needed."""
        with self._thread_lock:
            self._close()

    def _close(self) -> None:
        for courier in self._couriers:
            courier.close()
        for file in (self._file, self._lock_file):
            if file >= 0:
                os.close(file)
        self._file = self._lock_file = -1

    # ---- under the lock

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        try:
            if self._pid != os.getpid():  # a lock is shared across fork, so it would keep nobody out
                self._close()
                self._pid, self._who = os.getpid(), replace(self._who, pid=os.getpid())
            if self._lock_file < 0:
                make_private_dir(self.folder)
                self._lock_file = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
            fcntl.flock(self._lock_file, how)
            try:
                yield
            finally:
                fcntl.flock(self._lock_file, fcntl.LOCK_UN)
        except BlockingIOError:
            raise
        except StorageError as error:
            raise AuditUnavailable(self.folder, error.message) from error
        except OSError as error:
            raise AuditUnavailable(self.folder, error.strerror or str(error)) from error

    def _append(self, record: AuditRecord, *, sync: bool) -> Anchor:
        self._catch_up()
        if self._size >= self._segment_bytes:
            self._begin_segment()
        self._write(record)
        if sync:
            os.fsync(self._file)
        return self._anchor()

    def _write(self, record: AuditRecord) -> None:
        line, link = write_line(record, self._who, self._clock.wall_s(), self._last)
        if len(line) > _MAX_LINE_BYTES:
            raise AuditUnavailable(self.folder, f"the record of {record.action} is too long")
        self._write_bytes(line)
        self._last = link
        self._ship(line)

    def _write_bytes(self, content: bytes) -> None:
        try:
            written = os.write(self._file, content)
            if written != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            # The beginning of a line that nobody was told of; it is ours to take back, as long as we hold the lock.
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(content)

    def _ship(self, line: bytes) -> None:
        for courier in tuple(self._couriers):
            try:
                courier.carry(line)
            except OSError as error:
                self._couriers.remove(courier)  # said once per process, not with every line
                courier.close()
                failed = AuditRecord(
                    Action.LEDGER_NOT_SHIPPED,
                    courier.name,
                    AuditOutcome.FAILED,
                    detail={"reason": error.strerror or str(error)},
                )
                self._write(failed)

    def _begin_segment(self) -> None:
        following = segment_path(self.folder, self._segment + 1)
        self._write(AuditRecord(Action.LEDGER_CONTINUED, following.name, AuditOutcome.SUCCEEDED))
        os.fsync(self._file)
        self._open(self._segment + 1)

    def _is_at_end(self) -> bool:
        status = os.fstat(self._file)
        return status.st_size == self._size and status.st_nlink > 0

    def _catch_up(self) -> None:
        """Be at the end of the last segment, whoever has written meanwhile."""
        if self._file >= 0 and self._is_at_end():
            return
        paths = segments(self.folder)
        self._open(segment_number(paths[-1]) if paths else 1)
        self._read_end(paths)

    def _open(self, number: int) -> None:
        path = segment_path(self.folder, number)
        is_fresh = not path.exists()
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE)
        if is_fresh:
            sync_dir(self.folder)
        if self._file >= 0:
            os.close(self._file)
        self._file, self._segment, self._size = file, number, os.fstat(file).st_size

    def _read_end(self, paths: Sequence[Path]) -> None:
        start = max(0, self._size - 2 * _MAX_LINE_BYTES)
        end = os.pread(self._file, self._size - start, start)
        whole, newline, torn = end.rpartition(b"\n")
        self._last = self._last_link(whole.split(b"\n") if newline else [])
        if self._last.seq == 0 and len(paths) > 1:
            self._last = self._link_before(paths[-2])
        if torn:
            self._mend(torn)

    def _link_before(self, path: Path) -> Link:
        content = path.read_bytes()[-2 * _MAX_LINE_BYTES :]
        return self._last_link(content.split(b"\n")[:-1])

    def _last_link(self, lines: Sequence[bytes]) -> Link:
        for raw in reversed(lines):
            line = read_line(raw)
            if line is not None:
                return Link(line.seq, line.hash)
        if any(lines):
            raise LedgerDamaged(segment_path(self.folder, self._segment), "its last lines are no records")
        return _NO_LINE

    def _mend(self, torn: bytes) -> None:
        """Close a line that a crash has torn, and say so; its bytes stay where they are."""
        self._write_bytes(b"\n")
        detail: dict[str, JsonScalar] = {"bytes": len(torn), "sha256": hashlib.sha256(torn).hexdigest()}
        self._write(AuditRecord(Action.LEDGER_MENDED, "a torn line", AuditOutcome.SUCCEEDED, detail=detail))

    def _anchor(self) -> Anchor:
        return Anchor(self._segment, self._size, self._last.seq, self._last.hash)

    def _raw_lines(self, path: Path, offset: int) -> Iterator[bytes]:
        try:
            with path.open("rb") as file:
                file.seek(offset)
                for raw in file:
                    if raw.endswith(b"\n"):
                        yield raw[:-1]
        except OSError as error:
            raise AuditUnavailable(path, error.strerror or str(error)) from error


def whole_sizes(folder: Path) -> list[tuple[Path, int]]:
    """Return the segments, each with its size in bytes at a moment when nobody was writing a line.

    Raises:
        OSError: The folder or its lock cannot be used.
    """
    try:
        lock = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # a copy of a ledger: nobody writes to it
        return [(path, path.stat().st_size) for path in segments(folder)]
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        return [(path, path.stat().st_size) for path in segments(folder)]
    finally:
        os.close(lock)


def segments(folder: Path) -> list[Path]:
    """Return the segments of a ledger, in order; none if there is no ledger."""
    return sorted(folder.glob("ledger-[0-9][0-9][0-9][0-9][0-9][0-9].jsonl"))


def segment_path(folder: Path, number: int) -> Path:
    """Return where a segment is; the first has the number 1."""
    return folder / f"ledger-{number:06}.jsonl"


def segment_number(path: Path) -> int:
    """Return the number of a segment."""
    return int(path.stem.removeprefix("ledger-"))
