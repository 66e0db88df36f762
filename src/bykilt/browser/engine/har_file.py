"""`network.har` of an engine: written when it has ended. What is in the file is in `trace/har`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread

from bykilt.browser.engine.launch_context import HarMode, LaunchContext
from bykilt.events.model import Warned
from bykilt.events.redactor import Redactor
from bykilt.storage.atomic_file import write_atomic
from bykilt.storage.errors import StorageError
from bykilt.trace.har import HarRecorder

HAR_NAME = "network.har"


def har_recorder(context: LaunchContext, redactor: Redactor) -> HarRecorder:
    """Return what keeps the requests of a launch."""
    return HarRecorder(
        with_bodies=context.record_har == HarMode.BODIES,
        max_body=context.har_max_body_bytes,
        max_total=context.har_max_total_bytes,
        redactor=redactor,
    )


async def write_har(recorder: HarRecorder, folder: Path, warn: Callable[[Warned], None]) -> None:
    """Write the file; that it could not be written is a warning, no failure."""
    try:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: write_atomic(folder / HAR_NAME, recorder.document()))
    except (StorageError, OSError) as error:
        warn(Warned("har_failed", f"{HAR_NAME} could not be written: {error}", "free some space on the disk"))
