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
from pathlib import Path
from typing import IO

import orjson

from bykilt.errors import BykiltError
from bykilt.events.event_file import read_events
from bykilt.ids import RunId
from bykilt.trace.translation import trace_lines

TRACE_FILE = "trace.zip"
EVENTS_FILE = "events.jsonl"

_SPOOL_BYTES = 4 * 1024 * 1024
# Pictures are compressed already; squeezing them again costs time and saves nothing.
_PACKED_SUFFIXES = {".jpeg", ".jpg", ".png", ".webp", ".zip", ".gz", ".pdf"}


class TraceNotWritten(BykiltError):
    """There is nothing to make a trace of, or no room for it."""

    code = "trace_not_written"


def write_trace(run_dir: Path) -> Path:
    """Write the trace of a run and return its path; an older one is replaced.

    A torn or unknown line is left out, and so is a picture whose file is missing.

    Raises:
        TraceNotWritten: The run has no events, or the file could not be written; no half file is left.
    """
    target = run_dir / TRACE_FILE
    try:
        handle, name = tempfile.mkstemp(prefix=f".{TRACE_FILE}.", dir=run_dir)
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as out:
                _write_zip(out, run_dir)
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


def _write_zip(out: IO[bytes], run_dir: Path) -> None:
    files: dict[str, None] = {}
    lines = trace_lines(read_events(run_dir / EVENTS_FILE, RunId(run_dir.name)))
    count = 0
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
        tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as network,
    ):
        with archive.open("trace.trace", "w", force_zip64=True) as trace:
            for line in lines:
                count += 1
                if line.file:
                    files[line.file] = None
                if line.body is not None:
                    (network if line.is_network else trace).write(
                        orjson.dumps(line.body, option=orjson.OPT_APPEND_NEWLINE)
                    )
        if not count:
            raise TraceNotWritten(f"{run_dir} has no events", hint="the run never began; there is nothing to show")
        network.seek(0)
        with archive.open("trace.network", "w", force_zip64=True) as entry:
            shutil.copyfileobj(network, entry)
        for name in files:
            path = _inside(run_dir, name)
            if path is not None:
                packed = path.suffix.lower() in _PACKED_SUFFIXES
                archive.write(path, name, zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED)


def _inside(run_dir: Path, name: str) -> Path | None:
    """Return a regular file of the run folder, or None: a name in a damaged event must not lead out of it."""
    root = run_dir.resolve()
    path = (root / name).resolve()
    return path if path.is_relative_to(root) and path.is_file() else None
