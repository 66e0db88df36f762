"""An engine without a browser that plays a script: for tests of what stands above the engines.

It is a fake, for what no real browser does on demand: hang at a chosen step, fail to start, break with a bug.
It fulfils `BrowserEngine`, whose own code (deadlines, facts, results) runs unchanged; only the methods
that each engine provides are made up. Tests of what a browser really does use the real engines.

A script says what happens at an action by what the action is aimed at: its selector, address, expression or
type. What no line speaks of succeeds with nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from bykilt.browser.engine.actions import Action, to_json
from bykilt.browser.engine.browser_engine import ActionOutput, BrowserEngine, EngineType
from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.request_record import RequestRecord
from bykilt.browser.engine.trace_dom import DomFrame
from bykilt.browser.engine.trace_pictures import Picture
from bykilt.browser.engine.video_recorder import Screencast, VideoRecorder
from bykilt.events.model import BrowserClosed, BrowserStarted, FactSink
from bykilt.ids import PageId
from bykilt.json_types import JsonValue

Line = Callable[[], Awaitable[JsonValue]]
"""What happens at an action; what it returns is the action's result."""


def gives(value: JsonValue) -> Line:
    """Succeed with a result."""

    async def play() -> JsonValue:
        return value

    return play


class NoScreencast:
    """Gives no pictures."""

    async def renew(self) -> None:
        return

    async def acknowledge(self, number: int) -> None:
        return


async def nothing() -> JsonValue:
    """Succeed at once, with nothing."""
    return None


def raises(error: BaseException) -> Line:
    """Fail with an `ActionError`, or break with a bug."""

    async def play() -> JsonValue:
        raise error

    return play


async def hangs() -> JsonValue:
    """Never come to an end by itself."""
    await anyio.sleep_forever()
    raise AssertionError("for ever has passed")


def waits(until: anyio.Event, *, begun: anyio.Event | None = None) -> Line:
    """Say that it has begun, then succeed once the test says so."""

    async def play() -> JsonValue:
        if begun is not None:
            begun.set()
        await until.wait()
        return None

    return play


@dataclass
class Script:
    """What happens, and when."""

    actions: Mapping[str, Line] = field(default_factory=dict)
    launch: Line = nothing
    shutdown: Line = nothing


class ScriptedEngine(BrowserEngine):
    """Plays its script instead of driving a browser."""

    engine_type = EngineType.CDP

    def __init__(self, script: Script, *, facts: FactSink, artifact_dir: Path) -> None:
        super().__init__(facts=facts, artifact_dir=artifact_dir)
        self.is_open = False
        self.launched_with: LaunchContext | None = None
        self.shutdowns = 0
        self._script = script

    async def open_browser(self, context: LaunchContext) -> None:
        self.launched_with = context
        self.is_open = True
        await self._script.launch()
        self.publish(BrowserStarted("cdp", "Scripted/1", 1280, 720, None, None, True))

    async def close_browser(self) -> None:
        if not self.is_open:
            return
        self.shutdowns += 1
        await self._script.shutdown()
        self.is_open = False
        self.publish(BrowserClosed("shut down", expected=True))

    async def perform(self, action: Action, progress: Progress) -> ActionOutput:
        fields = to_json(action)
        for name in ("selector", "url", "expression"):
            line = self._script.actions.get(str(fields.get(name)))
            if line is not None:
                return ActionOutput({"result": await line()})
        line = self._script.actions.get(action.type, nothing)
        return ActionOutput({"result": await line()})

    async def dom_frames(self) -> Sequence[DomFrame]:
        return ()

    async def take_picture(self) -> Picture | None:
        return None

    def screencast(self, recorder: VideoRecorder) -> Screencast:
        return NoScreencast()

    def has_browser(self) -> bool:
        return self.is_open

    @property
    def request_record(self) -> RequestRecord:
        return RequestRecord()

    @property
    def current_page(self) -> PageId | None:
        return PageId("page@1") if self.is_open else None

    @property
    def current_url(self) -> str:
        return "about:blank" if self.is_open else ""


@dataclass
class ScriptedEngines:
    """Makes engines that all play one script, and remembers them. Is an `EngineFactory`."""

    script: Script = field(default_factory=Script)
    made: list[ScriptedEngine] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def __call__(self, name: str, facts: FactSink, artifact_dir: Path) -> BrowserEngine:
        engine = ScriptedEngine(self.script, facts=facts, artifact_dir=artifact_dir)
        self.made.append(engine)
        self.names.append(name)
        return engine

    @property
    def open(self) -> int:
        """How many browsers are open now."""
        return sum(engine.is_open for engine in self.made)
