"""What the frames of the page hold before and after each action, for the trace.

Knows the script that reads a frame, its limits, and when what was read can be shared between two actions.
Does not know how an engine runs a script in a frame, nor the trace format.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import anyio

from bykilt.browser import injected
from bykilt.browser.engine.trace_pictures import FRESH_S, PATIENCE_S
from bykilt.clock import Clock
from bykilt.events.model import DomCaptured, FactSink, SnapshotPhase
from bykilt.events.redactor import KEEP_ALL, Redactor, masked
from bykilt.ids import CallId, PageId
from bykilt.json_types import JsonObject, JsonValue

MAX_FRAMES = 30
"""How many frames of a page are read, the main one first."""

# The reader of the trace and its viewer follow the nesting by recursion.
_MAX_DEPTH = 200
_REMEMBERED_FRAMES = 500
# References and brackets are not counted by the script.
_OVERHEAD = 2_000_000
_TAKE = "(number, limits) => bykiltDom.take(number, limits)"
NO_ANSWER = "the page did not answer in time"


@cache
def _installing(function: str) -> str:
    """Return a function that brings the script along. Always the same text: what Chromium compiled of it, it keeps."""
    return f"(...given) => {{ {injected.source(injected.SNAPSHOT)}; return ({function})(...given); }}"


@dataclass(frozen=True, slots=True)
class DomLimits:
    """How much of one frame is kept."""

    nodes: int
    chars: int
    hidden: tuple[str, ...] = ()
    """Selectors of elements of which only the place is kept."""

    def for_script(self) -> JsonObject:
        """Return them as the script wants them."""
        return {"nodes": self.nodes, "length": self.chars, "depth": _MAX_DEPTH, "hidden": ", ".join(self.hidden)}


class DomFrame(Protocol):
    """One frame as it is now. `world` changes with its document: nothing is installed in a new one."""

    @property
    def id(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def world(self) -> Hashable: ...

    @property
    def children(self) -> Sequence[str]:
        """The ids of the frames right below it."""

    async def call(self, function: str, *arguments: JsonValue) -> Any:
        """Return what a JavaScript function returns in a world of our own; None when there was no answer."""

    async def mark(self, child: str) -> None:
        """Call `bykiltDom.mark` with the element that shows a child, and the child's id."""


@dataclass(slots=True)
class _Known:
    """What is known of one frame's document."""

    world: Hashable = None
    number: int = 0
    marked: set[str] = field(default_factory=set)


class TraceDom:
    """Reads, stores and announces them. What cannot be had is left out; the action goes on."""

    def __init__(self, folder: Path, facts: FactSink, clock: Clock, redactor: Redactor, limits: DomLimits) -> None:
        self._root = folder
        self._folder = folder / "trace"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._facts = facts
        self._clock = clock
        self._redactor = redactor
        self._limits = limits
        self._count = 0
        self._known: dict[str, _Known] = {}
        self._last: list[DomCaptured] = []
        self._last_s = 0.0
        self._is_open = False

    async def read(
        self,
        frames: Callable[[], Awaitable[Sequence[DomFrame]]],
        call_id: CallId,
        phase: SnapshotPhase,
        page_id: PageId | None,
        may_differ: bool,
    ) -> list[DomCaptured]:
        """Return what is to be announced of the page as it is now. Takes two seconds at most.

        Unless it `may_differ`, what was read a moment ago serves again: after an action that only looks, and before
        one that follows another at once.
        """
        if page_id is None:
            return []
        last = self._last
        if not may_differ and last and last[0].page_id == page_id and self._is_fresh():
            return [replace(fact, call_id=call_id, phase=phase) for fact in last]
        if self._is_open:
            # What was read last was never told: nothing may refer to it.
            for known in self._known.values():
                known.number += 1
        self._is_open = True
        place = DomCaptured("", call_id, phase, page_id, "", "", True, self._now_ms())
        found: dict[int, DomCaptured] = {}
        with anyio.move_on_after(PATIENCE_S):
            given = (await frames())[:MAX_FRAMES]
            if given:
                found[0] = replace(place, frame_id=given[0].id, url=self._mask(given[0].url), left_out=NO_ANSWER)
            await self._read_all(given, place, found)
        return [found[number] for number in sorted(found)]

    def announce(self, captured: list[DomCaptured]) -> None:
        """Tell of what was read."""
        for fact in captured:
            self._facts.publish(fact)
        self._is_open = False
        self._last, self._last_s = captured, self._clock.monotonic_s()

    def _is_fresh(self) -> bool:
        return self._clock.monotonic_s() - self._last_s < FRESH_S

    async def _read_all(self, frames: Sequence[DomFrame], place: DomCaptured, found: dict[int, DomCaptured]) -> None:
        async def read(number: int, frame: DomFrame) -> None:
            fact = await self._read_frame(frame, replace(place, is_main=number == 0))
            if fact is not None:
                found[number] = fact

        if len(frames) == 1:
            await read(0, frames[0])
            return
        async with anyio.create_task_group() as group:
            for number, frame in enumerate(frames):
                group.start_soon(read, number, frame)

    async def _read_frame(self, frame: DomFrame, place: DomCaptured) -> DomCaptured | None:
        known = self._known.pop(frame.id, None) or _Known()
        self._known[frame.id] = known
        if len(self._known) > _REMEMBERED_FRAMES:
            self._known.pop(next(iter(self._known)))
        unmarked = [child for child in frame.children if child not in known.marked]
        is_new = known.world != frame.world
        if is_new:
            known.world, known.marked, unmarked = frame.world, set(), list(frame.children)
        if unmarked:
            if is_new and await frame.call(_installing("() => true")) is None:
                known.world = None
                return None
            for child in unmarked:
                await frame.mark(child)
                known.marked.add(child)
            is_new = False
        answer = await frame.call(_installing(_TAKE) if is_new else _TAKE, known.number, self._limits.for_script())
        here = replace(place, frame_id=frame.id, url=self._mask(frame.url))
        if not isinstance(answer, dict):
            known.world = None
            return replace(here, left_out="the page changed while it was read") if place.is_main else None
        reason = answer.get("reason")
        if reason is not None:
            return replace(here, left_out=self._mask(str(reason)[:200]))
        number, text = answer.get("number"), answer.get("text")
        # What a renderer says that was taken over is not what our script says.
        if type(number) is not int or not isinstance(text, str) or len(text) > 2 * self._limits.chars + _OVERHEAD:
            return replace(here, left_out="the page could not be read")
        known.number = number
        try:
            return replace(here, file=self._keep(text), time_ms=self._now_ms())
        except OSError as error:
            known.number += 1
            return replace(here, left_out=f"it could not be written: {error.strerror}")

    def _keep(self, text: str) -> str:
        if self._redactor is not KEEP_ALL:
            try:
                document = json.loads(text)
                document["html"] = masked(document["html"], self._redactor, keys_too=True)
                document["overrides"] = masked(document["overrides"], self._redactor)
                text = json.dumps(document, ensure_ascii=False)
            except (ValueError, KeyError, TypeError, RecursionError):
                text = "{}"
        self._count += 1
        path = self._folder / f"{self._count:05d}.dom.json"
        path.write_bytes(text.encode(errors="replace"))
        return str(path.relative_to(self._root))

    def _mask(self, text: str) -> str:
        return self._redactor.mask(text)

    def _now_ms(self) -> float:
        return self._clock.monotonic_s() * 1000
