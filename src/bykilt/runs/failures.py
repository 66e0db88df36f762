"""How errors become the failure of a run, and where the traceback of a bug goes.

Knows expected errors from bugs. A bug in one run ends that run and no other; it is written to `error.log` in
the run's folder, since nobody may be looking when it happens. Does not know how runs are carried out.
"""

from __future__ import annotations

import os
import traceback

from bykilt.errors import BykiltError
from bykilt.events.codec import format_time
from bykilt.events.model import Failure, Warned
from bykilt.runs.model import TraceWriter
from bykilt.storage.atomic_file import PRIVATE_FILE
from bykilt.storage.run_folder import RunFolder

INTERNAL_ERROR = "internal_error"


def failure_of(error: Exception, folder: RunFolder, wall_s: float) -> Failure:
    """Return what is said of a run that ended with this error; a bug's traceback goes to `error.log`."""
    error = _sole(error)
    if isinstance(error, BykiltError):
        return Failure(error.code, error.message, error.hint)
    where = "; the traceback is in error.log in the run folder" if _log(error, folder, wall_s) else ""
    return Failure(
        INTERNAL_ERROR,
        f"a bug in bykilt ended this run: {type(error).__name__}: {error}",
        f"please report it{where}",
    )


def write_trace(traces: TraceWriter, folder: RunFolder, wall_s: float) -> Warned | None:
    """Write the trace, or return why there is none: a run never fails for that. Waits for the disk."""
    try:
        traces(folder.path)
    except Exception as error:  # noqa: BLE001 - the run is over and must be told; a bug goes to error.log
        failure = failure_of(error, folder, wall_s)
        return Warned("trace_failed", f"this run has no trace: {failure.message}", failure.hint)
    return None


def _sole(error: Exception) -> Exception:
    """Return the one error inside groups of one: task groups wrap what their only failing task raised."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _log(error: Exception, folder: RunFolder, wall_s: float) -> bool:
    text = f"{format_time(wall_s)}\n{''.join(traceback.format_exception(error))}\n"
    try:
        log = os.open(folder.error_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        with os.fdopen(log, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:
        return False
    return True
