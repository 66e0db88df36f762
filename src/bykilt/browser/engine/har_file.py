"""`network.har` of an engine: kept while it runs, written when it has ended.

Knows the file and the waiting for the last bodies. What is in the file is in `trace/har`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread

from bykilt.browser.engine.launch_context import HarMode, LaunchContext
from bykilt.events.model import Warned
from bykilt.storage.atomic_file import write_atomic
from bykilt.storage.errors import StorageError
from bykilt.trace.har import HarRecorder

HAR_NAME = "network.har"
_PATIENCE_S = 2.0


class HarFile:
    """One archive. `asked` and `came` count the bodies that are on their way."""

    def __init__(self, context: LaunchContext) -> None:
        self.recorder = HarRecorder(
            with_bodies=context.record_har == HarMode.BODIES,
            max_body=context.har_max_body_bytes,
            max_total=context.har_max_total_bytes,
        )
        self._under_way = 0
        self._quiet = anyio.Event()

    def ask(self, request_id: str) -> bool:
        """Whether the body of a finished request is wanted; if so, `came` must follow."""
        wanted = self.recorder.wants_body(request_id)
        if wanted:
            self._under_way += 1
        return wanted

    def came(self, request_id: str, body: bytes | None, *, is_text: bool = False) -> None:
        """Take a body that was asked for; None when it could not be had."""
        self._under_way -= 1
        if body is not None:
            self.recorder.add_body(request_id, body, is_text=is_text)
        if not self._under_way:
            self._quiet.set()
            self._quiet = anyio.Event()

    async def settle(self) -> None:
        """Return when no body is on its way any more, or after a while."""
        with anyio.move_on_after(_PATIENCE_S, shield=True):
            while self._under_way:
                await self._quiet.wait()

    async def write(self, folder: Path, warn: Callable[[Warned], None]) -> None:
        """Write the file; that it could not be written is a warning, no failure."""
        try:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(lambda: write_atomic(folder / HAR_NAME, self.recorder.document()))
        except (StorageError, OSError) as error:
            warn(Warned("har_failed", f"{HAR_NAME} could not be written: {error}", "free some space on the disk"))
