"""One page: its frames, its input devices, and the facts it gives off.

Composes what the other modules know; decides nothing about actions. Its methods raise protocol errors.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import anyio

from bykilt.browser.cdp.commands import (
    EMULATION_SET_DEVICE_METRICS_OVERRIDE,
    EMULATION_SET_FOCUS_EMULATION_ENABLED,
    EMULATION_SET_USER_AGENT_OVERRIDE,
    LOG_ENABLE,
    NETWORK_ENABLE,
    PAGE_ADD_SCRIPT_TO_EVALUATE_ON_NEW_DOCUMENT,
    PAGE_CAPTURE_SCREENSHOT,
    PAGE_ENABLE,
    PAGE_GET_FRAME_TREE,
    PAGE_HANDLE_JAVASCRIPT_DIALOG,
    PAGE_SET_LIFECYCLE_EVENTS_ENABLED,
    RUNTIME_ADD_BINDING,
    RUNTIME_ENABLE,
    RUNTIME_RUN_IF_WAITING_FOR_DEBUGGER,
    TARGET_CLOSE_TARGET,
    TARGET_SET_AUTO_ATTACH,
)
from bykilt.browser.cdp.connection import Call, Session
from bykilt.browser.cdp.console import console_message, log_entry, page_error
from bykilt.browser.cdp.dialogs import DialogAnswer, DialogOpening, dismiss
from bykilt.browser.cdp.errors import CdpError, SessionClosed, TargetCrashed
from bykilt.browser.cdp.frame_manager import FrameManager
from bykilt.browser.cdp.frames import Frame
from bykilt.browser.cdp.input import Keyboard, Mouse
from bykilt.browser.cdp.network_events import NetworkTracker
from bykilt.browser.cdp.protocol_events import (
    INSPECTOR_TARGET_CRASHED,
    LOG_ENTRY_ADDED,
    NETWORK_LOADING_FAILED,
    NETWORK_LOADING_FINISHED,
    NETWORK_REQUEST_SERVED_FROM_CACHE,
    NETWORK_REQUEST_WILL_BE_SENT,
    NETWORK_RESPONSE_RECEIVED,
    PAGE_JAVASCRIPT_DIALOG_CLOSED,
    PAGE_JAVASCRIPT_DIALOG_OPENING,
    RUNTIME_BINDING_CALLED,
    RUNTIME_CONSOLE_API_CALLED,
    RUNTIME_EXCEPTION_THROWN,
    TARGET_ATTACHED_TO_TARGET,
)
from bykilt.browser.cdp.realms import WORLD_NAME
from bykilt.browser.cdp.session_features import SessionFeature, TargetKind, target_kind
from bykilt.clock import Clock
from bykilt.events.model import FactSink, PageCrashed, PageNavigated, RequestFinished
from bykilt.ids import PageId

if TYPE_CHECKING:
    from cdp_use.cdp.log.events import EntryAddedEvent
    from cdp_use.cdp.network.events import LoadingFailedEvent
    from cdp_use.cdp.page.commands import CaptureScreenshotParameters, HandleJavaScriptDialogParameters
    from cdp_use.cdp.page.events import JavascriptDialogOpeningEvent
    from cdp_use.cdp.page.types import Viewport as Clip
    from cdp_use.cdp.target.events import AttachedToTargetEvent

T = TypeVar("T")

REPORT_BINDING = "bykiltReport"
_KEPT_REPORTS = 16
_KEPT_ORIGINS = 1_000
_KEPT_FRAMES = 10_000
_RECOVERY_MS = 4000.0
# The protocol's code for "not now" and "not like this" alike.
_SERVER_ERROR = -32000
_ACTIVE_TRIES = 40
_ACTIVE_PAUSE_S = 0.01
_DIALOG_TRIES = 20


@dataclass(frozen=True, slots=True)
class PageSettings:
    """What every page of a context gets when it opens. Sizes in CSS pixels."""

    width: int
    height: int
    user_agent: str | None
    injected_script: str


class PageHome:
    """What the pages of a context share: the features of their sessions, and which frames showed what."""

    def __init__(self) -> None:
        self.features: list[SessionFeature] = []
        self.visited: dict[str, None] = {}
        self.frames: dict[str, None] = {}

    def shown(self, frame_id: str, url: str) -> None:
        """Take note of a frame and of the beginning of its address; whether that is an origin, whoever asks knows."""
        self.frames[frame_id] = None
        if len(self.frames) > _KEPT_FRAMES:
            del self.frames[next(iter(self.frames))]
        if len(self.visited) < _KEPT_ORIGINS:
            self.visited["/".join(url.split("/", 3)[:3])] = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a page needs from outside: where facts go, what time it is, and what its dialogs are answered."""

    facts: FactSink
    clock: Clock
    dialogs: Callable[[DialogOpening], DialogAnswer] = dismiss

    def now_ms(self) -> float:
        """Milliseconds of the monotonic clock."""
        return self.clock.monotonic_s() * 1000


class Page:
    """A page from the moment that its target is attached."""

    def __init__(
        self,
        session: Session,
        target_id: str,
        page_id: PageId,
        settings: PageSettings,
        surroundings: Surroundings,
        opener_id: PageId | None = None,
        home: PageHome | None = None,
    ) -> None:
        self.session = session
        self.sessions: dict[Session, TargetKind] = {}
        self.target_id = target_id
        self.id = page_id
        self.opener_id = opener_id
        self.settings = settings
        self.crashed = False
        self._crashed_ms = -math.inf
        self._dialogs_seen = 0
        self.held_by_dialog = False
        self.reports: list[str] = []
        self.keyboard = Keyboard(session)
        self.mouse = Mouse(self.keyboard)
        self.network = NetworkTracker(page_id)
        self._outside = surroundings
        self._home = home or PageHome()
        self._home.shown(target_id, "")
        self.frames = FrameManager(session, self._navigated)
        self._before_close: list[Callable[[], None]] = []
        self._setting_up: set[Any] = set()
        self._set_up_failure: BaseException | None = None
        self._start(session)

    # ---- set-up

    def _start(self, session: Session) -> None:
        session.on(INSPECTOR_TARGET_CRASHED, lambda _: self._crashed())
        session.on_close(lambda _: self.frames.changed.fire())
        answers = self._set_up_session(session, TargetKind.PAGE)
        settings = self.settings
        answers.append(
            session.send(
                EMULATION_SET_DEVICE_METRICS_OVERRIDE(
                    {"width": settings.width, "height": settings.height, "deviceScaleFactor": 1, "mobile": False}
                )
            )
        )
        answers.append(session.send(EMULATION_SET_FOCUS_EMULATION_ENABLED({"enabled": True})))
        tree = session.send(PAGE_GET_FRAME_TREE({}))
        answers.append(tree)
        session.post(RUNTIME_RUN_IF_WAITING_FOR_DEBUGGER({}))
        self._setting_up.update(answers)
        for answer in answers:
            # Nobody may ever wait for a page that opened by itself: the answers come in on their own.
            cast("Any", answer).add_done_callback(lambda done: self._prepared(done, is_tree=done is tree))

    def _set_up_session(self, session: Session, kind: TargetKind) -> list[Awaitable[object]]:
        """Prepare a session of this page; its target waits until `runIfWaitingForDebugger`."""
        self.sessions[session] = kind
        session.on_close(lambda _: self._forget_session(session))
        self._listen(session)
        commands: list[Call[Any]] = [RUNTIME_ENABLE({}), NETWORK_ENABLE({})]
        if kind.has_documents:
            commands += [
                PAGE_ENABLE({}),
                RUNTIME_ADD_BINDING({"name": REPORT_BINDING, "executionContextName": WORLD_NAME}),
                PAGE_ADD_SCRIPT_TO_EVALUATE_ON_NEW_DOCUMENT(
                    {"source": self.settings.injected_script, "worldName": WORLD_NAME, "runImmediately": True}
                ),
                PAGE_SET_LIFECYCLE_EVENTS_ENABLED({"enabled": True}),
                LOG_ENABLE({}),
            ]
            if self.settings.user_agent is not None:
                commands.append(EMULATION_SET_USER_AGENT_OVERRIDE({"userAgent": self.settings.user_agent}))
        commands.append(TARGET_SET_AUTO_ATTACH({"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}))
        for feature in self._home.features:
            commands += feature.prepare(self, session, kind)
        return [session.send(command) for command in commands]

    def _forget_session(self, session: Session) -> None:
        self.sessions.pop(session, None)

    def _listen(self, session: Session) -> None:
        session.on(TARGET_ATTACHED_TO_TARGET, self._child_attached)
        session.on(PAGE_JAVASCRIPT_DIALOG_OPENING, lambda event: self._dialog(session, event))
        session.on(PAGE_JAVASCRIPT_DIALOG_CLOSED, self._dialog_closed)
        session.on(RUNTIME_BINDING_CALLED, self._reported)
        session.on(
            RUNTIME_CONSOLE_API_CALLED,
            lambda event: self._outside.facts.publish(console_message(event, self.id, self._outside.now_ms())),
        )
        session.on(
            LOG_ENTRY_ADDED,
            self._logged,
        )
        session.on(
            RUNTIME_EXCEPTION_THROWN,
            lambda event: self._outside.facts.publish(page_error(event, self.id, self._outside.now_ms())),
        )
        session.on(NETWORK_REQUEST_WILL_BE_SENT, lambda event: self._request(self.network.sent(event)))
        session.on(NETWORK_REQUEST_SERVED_FROM_CACHE, lambda event: self.network.served_from_cache(event["requestId"]))
        session.on(NETWORK_RESPONSE_RECEIVED, self.network.answered)
        session.on(NETWORK_LOADING_FINISHED, lambda event: self._request(self.network.finished(event)))
        session.on(NETWORK_LOADING_FAILED, self._request_failed)

    def _prepared(self, answer: Any, *, is_tree: bool) -> None:
        self._setting_up.discard(answer)
        error = None if answer.cancelled() else answer.exception()
        if error is not None:
            self._set_up_failure = self._set_up_failure or error
        elif is_tree and not answer.cancelled():
            self.frames.take_over(answer.result()["frameTree"])
        if not self._setting_up:
            self.frames.changed.fire()

    async def wait_until_ready(self) -> None:
        """Return once the page is prepared.

        Raises:
            ProtocolError: It went away before.
        """
        if self._setting_up:
            await self.wait_until(lambda: not self._setting_up or None)
        if self._set_up_failure is not None:
            raise self._set_up_failure

    # ---- events

    def _child_attached(self, event: AttachedToTargetEvent) -> None:
        child = self.session.connection.open_session(event["sessionId"])
        kind = target_kind(event["targetInfo"]["type"])
        if kind is TargetKind.IFRAME:
            self.frames.adopt(event["targetInfo"]["targetId"], child)
        for answer in self._set_up_session(child, kind):
            _forget(answer)
        if kind is TargetKind.IFRAME:
            # Of some documents, such as a sandboxed `srcdoc`, the new session tells nothing by itself.
            child.ask(PAGE_GET_FRAME_TREE({}), self._child_listed)
        child.post(RUNTIME_RUN_IF_WAITING_FOR_DEBUGGER({}))

    def _child_listed(self, answer: Any) -> None:
        if answer is not None:
            self.frames.complete(answer["frameTree"]["frame"])

    def _dialog(self, session: Session, event: JavascriptDialogOpeningEvent) -> None:
        opening = DialogOpening(self.id, event["type"], event["message"], event.get("defaultPrompt", ""))
        answer = self._outside.dialogs(opening)
        reply: HandleJavaScriptDialogParameters = {"accept": answer.accept}
        if answer.text is not None:
            reply["promptText"] = answer.text
        self._dialogs_seen += 1
        self._answer_dialog(session, PAGE_HANDLE_JAVASCRIPT_DIALOG(reply), self._dialogs_seen, _DIALOG_TRIES)

    def _answer_dialog(self, session: Session, call: Call[Any], number: int, tries: int) -> None:
        """Answer until it is taken: a dialog that stays open blocks its page for good.

        While a new document is on its way, the browser counts the page as inactive and refuses. In Chromium 15x it
        then refuses for ever, if the document comes from the same process: only the next navigation frees the page.
        """

        def again(answer: object) -> None:
            # The number keeps the answer from the next dialog.
            if answer is not None or self._dialogs_seen != number or session.closed_because is not None:
                return
            if tries == 0:
                self.held_by_dialog = True
                self.frames.changed.fire()
                return
            session.connection.later(_ACTIVE_PAUSE_S, lambda: self._answer_dialog(session, call, number, tries - 1))

        if self._dialogs_seen == number:
            session.ask(call, again)

    def _dialog_closed(self, _: object) -> None:
        self._dialogs_seen += 1
        self.held_by_dialog = False

    def _logged(self, event: EntryAddedEvent) -> None:
        # What a worker says comes from its own session as well.
        if event["entry"]["source"] != "worker":
            self._outside.facts.publish(log_entry(event, self.id, self._outside.now_ms()))

    def _reported(self, event: Any) -> None:
        if event["name"] == REPORT_BINDING:
            self.reports.append(event["payload"])
            del self.reports[:-_KEPT_REPORTS]
            self.frames.changed.fire()

    def _navigated(self, frame: Frame) -> None:
        self._home.shown(frame.id, frame.url)
        if frame is self.frames.tree.main:
            self.crashed = False
            self._outside.facts.publish(PageNavigated(self.id, frame.url, self._outside.now_ms()))

    def _request_failed(self, event: LoadingFailedEvent) -> None:
        self._request(self.network.failed(event))
        if event["type"] == "Document":
            self.frames.changed.fire()

    def _request(self, fact: RequestFinished | None) -> None:
        if fact is not None:
            self._outside.facts.publish(fact)

    @property
    def is_recovering(self) -> bool:
        """Whether the last crash is so fresh that the next renderer may crash as well.

        In Chromium 15x the renderer that comes after a crash often does, when focus is emulated (which it then is
        from its start on): a navigation that has begun is dropped, or ends in another crash.
        """
        return self._outside.now_ms() - self._crashed_ms < _RECOVERY_MS

    def _crashed(self) -> None:
        self.crashed = True
        self._crashed_ms = self._outside.now_ms()
        self._outside.facts.publish(PageCrashed(self.id, self.url, self._crashed_ms))
        session_id = self.session.id
        self.session.fail_in_flight(
            lambda method: TargetCrashed("the renderer crashed", method=method, session_id=session_id)
        )
        self.frames.changed.fire()

    # ---- what can be asked of it

    async def wait_until(self, look: Callable[[], T | None]) -> T:
        """Return what `look` finds once it finds anything; it is asked after each change in the page's frames.

        Raises:
            SessionClosed, TargetCrashed: The page will not change any more.
        """
        return await self.frames.changed.wait_until(lambda: look() if self._alive() else None)

    def _alive(self) -> bool:
        if self.session.closed_because is not None:
            raise SessionClosed(self.session.closed_because, session_id=self.session.id)
        if self.crashed:
            raise TargetCrashed("the renderer crashed", session_id=self.session.id)
        return True

    async def ask_when_active(self, call: Call[T]) -> T:
        """Return the answer to a command that needs the page's document to be the active one.

        For some milliseconds after the renderer has told of a new document, the browser still counts it as
        inactive and refuses.

        Raises:
            ProtocolError: It refuses for another reason, and so for longer; or the page is gone.
        """
        for _ in range(_ACTIVE_TRIES):
            try:
                return await self.session.send(call)
            except CdpError as error:
                if error.number != _SERVER_ERROR:
                    raise
            await anyio.sleep(_ACTIVE_PAUSE_S)
        return await self.session.send(call)

    @property
    def main_frame(self) -> Frame:
        """The frame that the page's address belongs to."""
        frame = self.frames.tree.main
        assert frame is not None, "the page is not ready"
        return frame

    @property
    def url(self) -> str:
        """The address that the page shows."""
        return self.frames.tree.main.url if self.frames.tree.main else ""

    @property
    def has_arrived(self) -> bool:
        """Whether it has its first document; what another page has opened gets its own a little later."""
        return not self._setting_up and bool(self.url)

    async def capture(
        self,
        image_format: Literal["png", "jpeg"],
        *,
        quality: int | None = None,
        clip: Clip | None = None,
        beyond_viewport: bool = False,
        fast: bool = False,
    ) -> bytes:
        """Return a picture of the page. `clip` is in CSS pixels of the document; `fast` trades size for time."""
        params: CaptureScreenshotParameters = {
            "format": image_format,
            "captureBeyondViewport": beyond_viewport,
            "optimizeForSpeed": fast,
        }
        if quality is not None:
            params["quality"] = quality
        if clip is not None:
            params["clip"] = clip
        answer = await self.ask_when_active(PAGE_CAPTURE_SCREENSHOT(params))
        return base64.b64decode(answer["data"])

    def before_close(self, handler: Callable[[], None]) -> None:
        """Have the handler called each time the page is about to be closed by us, while its sessions still listen."""
        self._before_close.append(handler)

    def settle_for_close(self) -> None:
        """Call those that have something to end before the page is closed."""
        for handler in self._before_close:
            handler()

    async def close(self) -> None:
        """Close the page without asking it."""
        self.settle_for_close()
        await self.session.connection.root.send(TARGET_CLOSE_TARGET({"targetId": self.target_id}))

    def on_close(self, handler: Callable[[str], None]) -> None:
        """Have the handler told, once, when the page is gone."""
        self.session.on_close(handler)


def _forget(answer: Any) -> None:
    answer.add_done_callback(_failed)


def _failed(done: Any) -> bool:
    return bool(done.cancelled() or done.exception())
