"""Writes `trace.zip` of a run from its `events.jsonl` and the files beside it.

Knows the zip: which entries there are and that it appears whole or not at all. What stands in the entries
is decided by `translation`. Reads the events one by one and copies files, so that memory does not grow
with the run.

Source of the entries' names: `trace.trace` and `trace.network` as written by playwright 1.65.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import orjson

from bykilt.errors import BykiltError
from bykilt.events.event_file import read_events
from bykilt.events.redactor import KEEP_ALL, Redactor, masked, masked_bytes
from bykilt.ids import RunId
from bykilt.json_types import JsonObject, JsonValue
from bykilt.trace.lines import Line
from bykilt.trace.translation import trace_lines

TRACE_FILE = "trace.zip"
EVENTS_FILE = "events.jsonl"

_SPOOL_BYTES = 4 * 1024 * 1024
# Pictures are compressed already; squeezing them again costs time and saves nothing.
_PACKED_SUFFIXES = {".jpeg", ".jpg", ".png", ".webp", ".gif", ".woff2", ".woff", ".zip", ".gz", ".pdf"}
_TEXT_SUFFIXES = {".css", ".svg", ".csv", ".json", ".txt", ".html", ".xml"}
# Words of the format; the content of pages is masked where it is read.
_OF_THE_FORMAT = {"type", "callId", "parentId", "class", "method", "phase", "pageId", "frameId", "file", "html"}


class TraceNotWritten(BykiltError):
    """There is nothing to make a trace of, or no room for it."""

    code = "trace_not_written"


def write_trace(run_dir: Path, redactor: Redactor = KEEP_ALL) -> Path:
    """Write the trace of a run and return its path; an older one is replaced.

    A torn or unknown line is left out, and so is a picture whose file is missing. Every text is masked.

    Raises:
        TraceNotWritten: The run has no events, or the file could not be written; no half file is left.
    """
    target = run_dir / TRACE_FILE
    try:
        handle, name = tempfile.mkstemp(prefix=f".{TRACE_FILE}.", dir=run_dir)
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as out:
                _write_zip(out, run_dir, redactor)
                out.flush()
                os.fsync(out.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise TraceNotWritten(
            f"{target} could not be written: {error.strerror or error}",
            hint="is there room on the disk, and may this user write to the run folder?",
        ) from error
    return target


def _write_zip(out: IO[bytes], run_dir: Path, redactor: Redactor) -> None:
    files: dict[str, None] = {}
    blobs: set[str] = set()
    count = 0
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
        tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as network,
        tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spooled,
    ):
        with archive.open("trace.trace", "w", force_zip64=True) as trace:
            for line in _lines(run_dir, redactor):
                count += 1
                if line.file:
                    files[line.file] = None
                if line.body is not None:
                    body = _masked_line(line.body, redactor)
                    (network if line.is_network else trace).write(orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE))
                for name, data in line.blobs.items():
                    if name not in blobs:
                        blobs.add(name)
                        spooled.write(b"%d %s\n" % (len(data), name.encode()) + data)
        if not count:
            raise TraceNotWritten(f"{run_dir} has no events", hint="the run never began; there is nothing to show")
        network.seek(0)
        with archive.open("trace.network", "w", force_zip64=True) as entry:
            shutil.copyfileobj(network, entry)
        spooled.seek(0)
        while head := spooled.readline():
            size, _, name = head.decode().rstrip("\n").partition(" ")
            archive.writestr(name, spooled.read(int(size)))
        for name in files:
            _add_file(archive, run_dir, name, redactor)


def _lines(run_dir: Path, redactor: Redactor) -> Iterator[Line]:
    def read(name: str) -> bytes | None:
        path = _inside(run_dir, name)
        return path.read_bytes() if path is not None else None

    return trace_lines(read_events(run_dir / EVENTS_FILE, RunId(run_dir.name)), read, redactor)


def _masked_line(body: JsonObject, redactor: Redactor) -> JsonObject:
    if redactor is KEEP_ALL:
        return body
    line: dict[str, JsonValue] = {}
    for name, value in body.items():
        if name == "snapshot" and isinstance(value, Mapping):
            line[name] = _masked_line(value, redactor)
        else:
            line[name] = value if name in _OF_THE_FORMAT else masked(value, redactor)
    return line


def _add_file(archive: zipfile.ZipFile, run_dir: Path, name: str, redactor: Redactor) -> None:
    path = _inside(run_dir, name)
    if path is None:
        return
    suffix = path.suffix.lower()
    if redactor is not KEEP_ALL and suffix in _TEXT_SUFFIXES:
        archive.writestr(name, masked_bytes(path.read_bytes(), redactor))
    else:
        archive.write(path, name, zipfile.ZIP_STORED if suffix in _PACKED_SUFFIXES else zipfile.ZIP_DEFLATED)


def _inside(run_dir: Path, name: str) -> Path | None:
    """Return a regular file of the run folder, or None: a name in a damaged event must not lead out of it."""
    root = run_dir.resolve()
    path = (root / name).resolve()
    return path if path.is_relative_to(root) and path.is_file() else None
