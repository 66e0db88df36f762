"""The engine contract: what every engine does, and the one edge at which an action becomes a result.

Knows deadlines, facts, metrics and pictures for the trace, which are the same for both engines.
Does not know how a page is driven: that is each engine's `perform`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import anyio

from bykilt.browser.engine.action_facts import action_finished, action_started
from bykilt.browser.engine.action_methods import ActionMethods
from bykilt.browser.engine.action_result import ActionOutput, ActionResult
from bykilt.browser.engine.actions import Action, parse_action
from bykilt.browser.engine.actions_state import DialogPolicy
from bykilt.browser.engine.artifact_folder import ArtifactFolder
from bykilt.browser.engine.dialogs import Answering, Dialogs
from bykilt.browser.engine.downloads import BrowserFiles, Downloads
from bykilt.browser.engine.engine_metrics import EngineMetrics
from bykilt.browser.engine.errors import (
    ActionError,
    BrowserGone,
    BrowserNotFound,
    EngineError,
    EngineNotRunning,
    InvalidAction,
    LaunchFailed,
    PageClosed,
    UnknownEngine,
)
from bykilt.browser.engine.har_file import write_har
from bykilt.browser.engine.hidden_elements import check_hidden
from bykilt.browser.engine.launch_context import LaunchContext, Viewport
from bykilt.browser.engine.page_record import PageRecord
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.records import records_of
from bykilt.browser.engine.response_bodies import ResponseBodies
from bykilt.browser.engine.secret_painting import SecretPainting
from bykilt.browser.engine.secret_text import NoSecrets, Secrets
from bykilt.browser.engine.trace_dom import DomFrame
from bykilt.browser.engine.trace_evidence import TraceEvidence
from bykilt.browser.engine.trace_pictures import Picture
from bykilt.browser.engine.video_preview import moving_pictures
from bykilt.browser.engine.video_recorder import Screencast, VideoRecorder
from bykilt.browser.engine.walls import Walls
from bykilt.browser.sandbox.profile import NetworkMode
from bykilt.clock import Clock, SystemClock
from bykilt.events.model import (
    Fact,
    FactSink,
    SnapshotPhase,
    Unheard,
    Warned,
)
from bykilt.events.redactor import KEEP_ALL, Redactor, masked_items
from bykilt.ids import CallId, PageId
from bykilt.json_types import JsonObject, JsonValue
from bykilt.trace.har import HarRecorder

SHUTDOWN_S = 15.0
"""How long a browser may take to end; after that it is left alone."""


class EngineType(StrEnum):
    """The engines there are, by the names used in settings."""

    CDP = "cdp"
    PLAYWRIGHT = "playwright"


class BrowserEngine(ActionMethods, ABC):
    """Carries out actions on a browser of its own.

    `launch`, then `dispatch` as often as needed, one action at a time, then `shutdown`; or `async with`.
    Facts go to `facts`; files go to `artifact_dir`, or to a new temporary folder when none is given.
    """

    engine_type: ClassVar[EngineType]

    def __init__(
        self,
        *,
        facts: FactSink | None = None,
        artifact_dir: Path | None = None,
        clock: Clock | None = None,
        redactor: Redactor = KEEP_ALL,
        secrets: Secrets | None = None,
    ) -> None:
        self.metrics = EngineMetrics(engine_type=str(self.engine_type))
        self.clock: Clock = clock or SystemClock()
        self.secrets: Secrets = secrets or NoSecrets()
        self.painting = SecretPainting()
        self._facts: FactSink = facts or Unheard()
        # What nobody hears need not be put into words: that is a good part of a short action's cost.
        self._heard = not isinstance(self._facts, Unheard)
        self._artifacts = ArtifactFolder(artifact_dir)
        self._context: LaunchContext | None = None
        self._said = PageRecord()
        self._calls = 0
        self._redactor = redactor
        self._evidence: TraceEvidence | None = None
        self._har: HarRecorder | None = None
        self._bodies = ResponseBodies(())
        self._video: VideoRecorder | None = None
        self._downloads: Downloads | None = None
        self.dialogs = Dialogs(Answering(), self, self.clock)
        self.walls = Walls(self, self.clock)

    # ---- what each engine provides

    @abstractmethod
    async def open_browser(self, context: LaunchContext) -> None:
        """Start or attach to the browser and open the first page; leave nothing behind on failure."""

    @abstractmethod
    async def close_browser(self) -> None:
        """End the browser and remove what it left; safe to call in any state, more than once."""

    @abstractmethod
    async def perform(self, action: Action, progress: Progress) -> ActionOutput:
        """Carry out one action.

        Raises:
            ActionError: With the exact reason. Deadlines are set by the caller.
        """

    @abstractmethod
    async def take_picture(self) -> Picture | None:
        """Return the current page's viewport as a picture for the trace, or None if it has none to give."""

    @abstractmethod
    def screencast(self, recorder: VideoRecorder) -> Screencast:
        """Return what takes pictures of the current page for the recorder, not begun yet."""

    @abstractmethod
    async def dom_frames(self) -> Sequence[DomFrame]:
        """Return the frames of the current page that can be read for the trace, the main one first."""

    @abstractmethod
    def has_browser(self) -> bool:
        """Return true, or raise `BrowserGone` when the browser has ended."""

    @property
    @abstractmethod
    def current_page(self) -> PageId | None:
        """The page that actions go to when they name none."""

    @property
    @abstractmethod
    def current_url(self) -> str:
        """The address of the current page; empty when there is none."""

    # ---- life

    async def launch(self, context: LaunchContext | None = None) -> None:
        """Start the browser.

        Raises:
            EngineError: It could not start; nothing is left behind.
            InvalidInput: A setting is impossible or cannot be enforced.
        """
        if self._context is not None:
            raise EngineError("the engine is launched already", hint="shut it down first, or use a second engine")
        context = context or LaunchContext()
        context.check()
        self.dialogs = Dialogs(Answering(DialogPolicy(context.dialog_policy), context.dialog_text), self, self.clock)
        self._har, self._bodies = records_of(context, lambda: self.artifact_dir, self._facts, self._redactor)
        started_s = self.clock.monotonic_s()
        try:
            with anyio.fail_after(max(context.timeout_ms / 1000, 1)):
                await self.open_browser(context)
                await check_hidden(self, context.hidden_elements)
        except TimeoutError:
            await self._close_bounded()
            raise LaunchFailed(
                f"the browser did not start within {context.timeout_ms / 1000:.0f} s",
                hint="run `bykilt doctor`; a loaded machine may need a higher timeout",
            ) from None
        except BaseException:
            await self._close_bounded()
            raise
        self._context = context
        if context.trace_enabled:
            self._evidence = TraceEvidence(self.artifact_dir, self._facts, self.clock, self._redactor, context)
        if context.record_video:
            self._video = VideoRecorder(self.artifact_dir, context, self.clock)
            self._video.start(self.screencast(self._video))
        self.metrics.launch_duration_ms = (self.clock.monotonic_s() - started_s) * 1000

    async def shutdown(self) -> None:
        """End the browser. No process and no profile folder is left; calling it twice is fine."""
        self._context = None
        evidence, self._evidence = self._evidence, None
        har, self._har = self._har, None
        video, self._video = self._video, None
        if video is not None:
            await video.stop(self.take_picture)
        await self._bodies.settle()
        # Its folders in memory can be looked at only as long as it is there.
        self.walls.tell_limits()
        await self._close_bounded()
        if har is not None:
            await write_har(har, self.artifact_dir, self.publish)
        if video is not None or evidence is not None:
            for fact in await moving_pictures(self.artifact_dir, video, evidence.pictures if evidence else None):
                self.publish(fact)

    async def _close_bounded(self) -> None:
        with anyio.move_on_after(SHUTDOWN_S, shield=True) as patience:
            if self._downloads is not None:
                await self._downloads.give_up()
            await self.close_browser()
        if patience.cancelled_caught:
            self.publish(
                Warned(
                    "shutdown_slow",
                    f"the browser did not end within {SHUTDOWN_S:g} s and was left alone",
                    "what is left of it is removed when the next browser starts",
                )
            )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shutdown()

    @property
    def running(self) -> bool:
        """Whether `launch` has succeeded and `shutdown` has not been called."""
        return self._context is not None

    @property
    def context(self) -> LaunchContext:
        """The settings of the launch.

        Raises:
            EngineNotRunning: There is no browser.
        """
        if self._context is None:
            raise EngineNotRunning()
        return self._context

    @property
    def artifact_dir(self) -> Path:
        """Where files go; made on first use."""
        return self._artifacts.made()

    def get_metrics(self) -> EngineMetrics:
        """Return the counts since launch."""
        return self.metrics

    # ---- actions

    async def dispatch(self, action: Action | Mapping[str, JsonValue]) -> ActionResult:
        """Carry out one action within its deadline and say how it ended.

        Raises:
            EngineNotRunning: There is no browser. Everything else is in the result.
        """
        context = self.context
        started_s = self.clock.monotonic_s()
        try:
            parsed = action if isinstance(action, Action) else parse_action(action)
        except InvalidAction as invalid:
            name = str(action.get("type", "")) if isinstance(action, Mapping) else ""
            return self._finish(name, started_s, ActionOutput(), invalid)
        timeout_s = (context.timeout_ms if parsed.timeout_ms is None else parsed.timeout_ms) / 1000
        self._calls += 1
        call_id = CallId(f"call@{self._calls}")
        if self._heard:
            self.publish(action_started(call_id, parsed, self.current_page, started_s))
        await self._keep(call_id, SnapshotPhase.BEFORE)
        progress = Progress(call_id, parsed.type, timeout_s, self.clock, self._facts)
        output, error = await self._attempt(parsed, progress, timeout_s)
        if error is not None:
            error = self.walls.explain(error, started_s)
        if self._downloads is not None:
            await self._downloads.settle()
        failed = error is not None
        await self._keep(call_id, SnapshotPhase.AFTER, is_telling=failed, may_differ=failed or not parsed.only_looks)
        if self._video is not None:
            self._video.look_again(self.current_page)
        result = self._finish(parsed.type, started_s, output, error)
        if self._heard:
            now_s = self.clock.monotonic_s()
            self.publish(action_finished(call_id, result, error, self.current_page, self.current_url, now_s))
        return result

    async def _attempt(
        self, action: Action, progress: Progress, timeout_s: float
    ) -> tuple[ActionOutput, ActionError | None]:
        try:
            self.walls.admit(action)
            with anyio.move_on_after(timeout_s) as scope:
                output = await self.perform(action, progress)
                unwelcome = self.dialogs.take_unwelcome()
                return (output, None) if unwelcome is None else (ActionOutput(), unwelcome)
        except ActionError as error:
            return ActionOutput(), self.dialogs.take_unwelcome() or self._deeper_cause(error)
        assert scope.cancelled_caught
        return ActionOutput(), self.dialogs.take_unwelcome() or progress.explain()

    def _deeper_cause(self, error: ActionError) -> ActionError:
        """Return why the page is closed when the browser has ended: that closes the pages, too."""
        if isinstance(error, PageClosed):
            try:
                self.has_browser()
            except BrowserGone as gone:
                return gone
        return error

    async def perform_inside(self, outer: Action, inner: Action, progress: Progress) -> ActionOutput:
        """Carry out an action that another one holds, on the outer one's page and frame unless it names its own.

        Raises:
            ActionError: It failed, or its own deadline or the outer one's came.
        """
        inner = replace(inner, page=inner.page or outer.page, frame=inner.frame or outer.frame)
        timeout_s = progress.remaining_s if inner.timeout_ms is None else inner.timeout_ms / 1000
        inside = progress.inside(inner.type, timeout_s)
        self.walls.admit(inner)
        with anyio.move_on_after(timeout_s):
            return await self.perform(inner, inside)
        raise inside.explain()

    def _finish(
        self, action_type: str, started_s: float, output: ActionOutput, error: ActionError | None
    ) -> ActionResult:
        # Whatever a page says of a secret goes no further: neither into a flow nor to whoever asked.
        metadata: dict[str, Any] = dict(masked_items(output.metadata, self._redactor))
        if error is not None:
            metadata["error_code"] = error.code
            if error.hint:
                metadata["hint"] = error.hint
            if isinstance(error, InvalidAction) and error.field:
                metadata["field"] = error.field
        result = ActionResult(
            success=error is None,
            action_type=action_type,
            duration_ms=(self.clock.monotonic_s() - started_s) * 1000,
            error=self._redactor.mask(error.message) if error else None,
            artifacts=dict(output.artifacts),
            metadata=metadata,
        )
        self.metrics.count(result)
        return result

    async def _keep(
        self, call_id: CallId, phase: SnapshotPhase, *, is_telling: bool = False, may_differ: bool = False
    ) -> None:
        await self.painting.paint(self)
        if self._evidence is not None:
            await self._evidence.take(self, call_id, phase, is_telling=is_telling, may_differ=may_differ)

    # ---- facts

    def publish(self, fact: Fact) -> None:
        """Give a fact to the stream; console messages and errors are also kept, to be asked for."""
        self._said.hear(fact)
        self._facts.publish(fact)
        self._bodies.hear(fact, self.clock.wall_s())

    async def get_console_messages(self) -> list[dict[str, Any]]:
        """Return the latest console messages (1,000 at most), oldest first: level, text, args, location, time."""
        return self._said.console_messages()

    async def get_page_errors(self) -> list[dict[str, Any]]:
        """Return the latest errors that no script caught (200 at most), oldest first; from workers too."""
        return self._said.errors()

    @property
    def downloads(self) -> Downloads:
        """What the browser that runs has downloaded."""
        assert self._downloads is not None
        return self._downloads

    def expect_downloads(self, context: LaunchContext, files: BrowserFiles) -> Downloads:
        """Begin to keep what the browser puts there; the browser's events are for what is returned."""
        self._downloads = Downloads(
            context.download_limits, files, lambda: self.artifact_dir / "downloads", self._facts, self.clock
        )
        return self._downloads

    async def get_downloads(self) -> list[JsonObject]:
        """Return every download since launch, once they have ended (or the time of an action is up)."""
        with anyio.move_on_after(self.context.timeout_ms / 1000):
            await self.downloads.wait_for_all()
        return self.downloads.listed()

    def artifact_path(self, wanted: str | None, folder: str, default_stem: str, suffix: str) -> Path:
        """Return where a file of an action goes, its folder made: into `folder` if it wants no place of its own.

        Raises:
            InvalidAction: The path leaves the artifact folder; see `ArtifactFolder`.
        """
        return self._artifacts.place(wanted, folder, f"{self._calls:04d}-{default_stem}{suffix}")


__all__ = [
    "Action",
    "ActionError",
    "ActionOutput",
    "ActionResult",
    "BrowserEngine",
    "BrowserGone",
    "BrowserNotFound",
    "EngineError",
    "EngineMetrics",
    "EngineNotRunning",
    "EngineType",
    "InvalidAction",
    "LaunchContext",
    "LaunchFailed",
    "NetworkMode",
    "Picture",
    "Progress",
    "UnknownEngine",
    "Viewport",
]
