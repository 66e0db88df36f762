"""What the trace keeps of each moment: a picture and the content of the frames, taken at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import anyio

from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.engine.trace_dom import NO_ANSWER, DomFrame, DomLimits, TraceDom
from bykilt.browser.engine.trace_pictures import Picture, TracePictures
from bykilt.clock import Clock
from bykilt.events.model import DomCaptured, FactSink, SnapshotPhase
from bykilt.events.redactor import Redactor
from bykilt.ids import CallId, PageId


class Witness(Protocol):
    """What is needed of an engine."""

    @property
    def current_page(self) -> PageId | None: ...

    async def take_picture(self) -> Picture | None: ...

    async def dom_frames(self) -> Sequence[DomFrame]: ...


class TraceEvidence:
    """Takes both. Neither makes an action fail, and together they take no longer than one of them."""

    def __init__(self, folder: Path, facts: FactSink, clock: Clock, redactor: Redactor, context: LaunchContext) -> None:
        self.pictures = TracePictures(folder, facts, clock)
        hidden = tuple(context.hidden_elements)
        limits = DomLimits(context.trace_dom_max_nodes, context.trace_dom_max_chars, hidden)
        self._dom = TraceDom(folder, facts, clock, redactor, limits) if context.trace_dom else None

    async def take(
        self,
        witness: Witness,
        call_id: CallId,
        phase: SnapshotPhase,
        *,
        is_telling: bool = False,
        may_differ: bool = False,
    ) -> None:
        """Announce the current page as it is now, under this call and phase.

        Beside the content of the page, a picture is taken now and then, and where there is no content or the moment
        is a telling one. Unless the page `may_differ` from a moment ago, what was seen then serves again.
        """
        page_id = witness.current_page
        dom = self._dom
        if dom is None:
            await self.pictures.take(witness.take_picture, call_id, phase, page_id, may_differ)
            return
        captured: list[DomCaptured] = []

        async def read() -> None:
            captured.extend(await dom.read(witness.dom_frames, call_id, phase, page_id, may_differ))

        if is_telling or self.pictures.is_due(phase, page_id, may_differ):
            async with anyio.create_task_group() as group:
                group.start_soon(self.pictures.take, witness.take_picture, call_id, phase, page_id, may_differ)
                group.start_soon(read)
        else:
            await read()
            if any(fact.left_out and fact.left_out != NO_ANSWER for fact in captured):
                await self.pictures.take(witness.take_picture, call_id, phase, page_id, may_differ)
        dom.announce(captured)
