"""Pictures of the page before and after each action, for the trace.

Knows when a picture can be shared between two actions and what to do when none can be had.
Does not know how an engine takes one, nor the trace format.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import anyio

from bykilt.browser.engine.errors import ActionError
from bykilt.clock import Clock
from bykilt.events.model import FactSink, ScreenshotTaken, SnapshotPhase, Warned
from bykilt.ids import CallId, PageId

PATIENCE_S = 2.0
FRESH_S = 0.05
_SHARE = 40
_FIRST = 20


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded image with its size in CSS pixels."""

    data: bytes
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Taken:
    fact: ScreenshotTaken
    at_s: float


class TracePictures:
    """Takes, stores and announces them. A picture that cannot be had is left out; the action goes on."""

    def __init__(self, folder: Path, facts: FactSink, clock: Clock) -> None:
        self._root = folder
        self._folder = folder / "trace"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._facts = facts
        self._clock = clock
        self._count = 0
        self._last: _Taken | None = None
        self.files: list[Path] = []
        """Those that were stored, oldest first."""
        self._due_s = 0.0
        self._has_warned = False

    def is_due(self, phase: SnapshotPhase, page_id: PageId | None, may_differ: bool) -> bool:
        """Whether a picture costs nothing now, or enough time has passed since the last one was taken.

        A picture holds the action up for as long as the page takes to be drawn. Where the content of the page is kept
        anyway, pictures may take a fortieth of the time; but the first ones are taken after every action, so that
        a short run can be looked at, and has a preview that moves.
        """
        if self._shared(page_id, may_differ) is not None or self._clock.monotonic_s() >= self._due_s:
            return True
        return phase is SnapshotPhase.AFTER and self._count < _FIRST

    def _shared(self, page_id: PageId | None, may_differ: bool) -> ScreenshotTaken | None:
        last = self._last
        if may_differ or last is None or last.fact.page_id != page_id:
            return None
        return last.fact if self._clock.monotonic_s() - last.at_s < FRESH_S else None

    async def take(
        self,
        shutter: Callable[[], Awaitable[Picture | None]],
        call_id: CallId,
        phase: SnapshotPhase,
        page_id: PageId | None,
        may_differ: bool,
    ) -> None:
        """Announce the page as it is now, under this call and phase.

        Unless it `may_differ`, the picture of a moment ago serves again.
        """
        last = self._shared(page_id, may_differ)
        if last is not None:
            self._announce(last.file, last.media_type, last.width, last.height, call_id, phase, page_id)
            return
        started_s = self._clock.monotonic_s()
        picture = None
        try:
            with anyio.move_on_after(PATIENCE_S):
                picture = await shutter()
        except ActionError:
            return
        finally:
            now_s = self._clock.monotonic_s()
            self._due_s = now_s + (now_s - started_s) * _SHARE
        if picture is None:
            return
        self._count += 1
        suffix = "jpeg" if picture.media_type == "image/jpeg" else "png"
        path = self._folder / f"{self._count:05d}.{suffix}"
        try:
            path.write_bytes(picture.data)
        except OSError as error:
            self._warn(error)
            return
        self.files.append(path)
        name = str(path.relative_to(self._root))
        self._announce(name, picture.media_type, picture.width, picture.height, call_id, phase, page_id)

    def _warn(self, error: OSError) -> None:
        """Say once that pictures are missing: the action goes on without."""
        if not self._has_warned:
            self._has_warned = True
            self._facts.publish(
                Warned(
                    "trace_incomplete",
                    f"pictures for the trace could not be written: {error.strerror or error}",
                    "free some space on the disk",
                )
            )

    def _announce(
        self,
        file: str,
        media_type: str,
        width: int,
        height: int,
        call_id: CallId,
        phase: SnapshotPhase,
        page_id: PageId | None,
    ) -> None:
        now_s = self._clock.monotonic_s()
        fact = ScreenshotTaken(file, media_type, width, height, now_s * 1000, page_id, call_id, phase)
        self._facts.publish(fact)
        self._last = _Taken(fact, now_s)
