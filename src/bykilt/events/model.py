"""The facts that a run gives off: one frozen dataclass per kind, and the numbered record around them.

Knows what can be said of a run. Does not know who listens, nor how a fact is stored (`codec`).
Times inside facts are milliseconds of the monotonic clock; the record carries the wall time.
Files are named by their path relative to the run folder; facts never carry bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Protocol, TypeAlias

from bykilt.events.asking import ModelAnswered as ModelAnswered
from bykilt.events.containment import EgressDecided as EgressDecided
from bykilt.events.containment import LimitHit as LimitHit
from bykilt.events.containment import SandboxAttested as SandboxAttested
from bykilt.events.containment import SandboxRemoved as SandboxRemoved
from bykilt.events.containment import SecretUsed as SecretUsed
from bykilt.events.evidence import PreviewMade as PreviewMade
from bykilt.events.evidence import ResponseKept as ResponseKept
from bykilt.events.evidence import VideoRecorded as VideoRecorded
from bykilt.events.outcome import Failure as Failure
from bykilt.events.outcome import Outcome as Outcome
from bykilt.ids import CallId, PageId, RunId
from bykilt.json_types import JsonObject, JsonValue


class SnapshotPhase(StrEnum):
    """When a picture was taken, in the words of the trace format."""

    BEFORE = "before"
    ACTION = "action"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the viewport, in CSS pixels."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in the viewport, in CSS pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class RunSubmitted:
    kind: ClassVar[str] = "run.submitted"
    flow: str
    source: str
    engine: str
    params: JsonObject


@dataclass(frozen=True, slots=True)
class RunStarted:
    kind: ClassVar[str] = "run.started"
    flow: str
    engine: str
    step_count: int


@dataclass(frozen=True, slots=True)
class BrowserStarted:
    kind: ClassVar[str] = "browser.started"
    engine: str
    product: str
    viewport_width: int
    viewport_height: int
    pid: int | None
    uid: int | None
    chromium_sandbox: bool
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class BrowserClosed:
    kind: ClassVar[str] = "browser.closed"
    reason: str
    expected: bool


@dataclass(frozen=True, slots=True)
class RunFinished:
    kind: ClassVar[str] = "run.finished"
    outcome: Outcome
    duration_ms: float
    failure: Failure | None = None
    failed_step: str | None = None


@dataclass(frozen=True, slots=True)
class StepStarted:
    """`path` is the step's JSON pointer in the flow, `step_id` unique within the flow."""

    kind: ClassVar[str] = "step.started"
    step_id: str
    path: str
    title: str
    action: str
    depth: int
    attempt: int


@dataclass(frozen=True, slots=True)
class StepFinished:
    kind: ClassVar[str] = "step.finished"
    step_id: str
    path: str
    outcome: Outcome
    duration_ms: float
    attempt: int
    failure: Failure | None = None
    result: JsonValue = None


@dataclass(frozen=True, slots=True)
class ActionStarted:
    kind: ClassVar[str] = "action.started"
    call_id: CallId
    action: str
    title: str
    params: JsonObject
    page_id: PageId | None
    start_ms: float


@dataclass(frozen=True, slots=True)
class ActionLogged:
    """One line of the call log: what the engine waited for or saw."""

    kind: ClassVar[str] = "action.logged"
    call_id: CallId
    time_ms: float
    message: str


@dataclass(frozen=True, slots=True)
class ActionPointed:
    """Where an action touched the page."""

    kind: ClassVar[str] = "action.pointed"
    call_id: CallId
    point: Point
    box: Box


@dataclass(frozen=True, slots=True)
class ActionFinished:
    kind: ClassVar[str] = "action.finished"
    call_id: CallId
    action: str
    outcome: Outcome
    end_ms: float
    duration_ms: float
    failure: Failure | None = None
    page_id: PageId | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class ScreenshotTaken:
    """`call_id` and `phase` place a trace picture; a screenshot asked for by a step has neither phase."""

    kind: ClassVar[str] = "screenshot.taken"
    file: str
    media_type: str
    width: int
    height: int
    time_ms: float
    page_id: PageId | None
    call_id: CallId | None = None
    phase: SnapshotPhase | None = None


@dataclass(frozen=True, slots=True)
class DomCaptured:
    """What a frame held, as a file for the trace. `file` is empty where there is none; `left_out` says why."""

    kind: ClassVar[str] = "dom.captured"
    file: str
    call_id: CallId
    phase: SnapshotPhase
    page_id: PageId
    frame_id: str
    url: str
    is_main: bool
    time_ms: float
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class PageOpened:
    kind: ClassVar[str] = "page.opened"
    page_id: PageId
    url: str
    opener_id: PageId | None
    time_ms: float


@dataclass(frozen=True, slots=True)
class PageClosed:
    kind: ClassVar[str] = "page.closed"
    page_id: PageId
    reason: str
    time_ms: float


@dataclass(frozen=True, slots=True)
class PageCrashed:
    """The renderer of a page is gone; the page stays, and can be brought back by navigating."""

    kind: ClassVar[str] = "page.crashed"
    page_id: PageId
    url: str
    time_ms: float


@dataclass(frozen=True, slots=True)
class PageNavigated:
    kind: ClassVar[str] = "page.navigated"
    page_id: PageId
    url: str
    time_ms: float


@dataclass(frozen=True, slots=True)
class ConsoleMessage:
    kind: ClassVar[str] = "console"
    page_id: PageId | None
    level: str
    text: str
    args: tuple[JsonValue, ...]
    url: str
    line: int
    column: int
    time_ms: float


@dataclass(frozen=True, slots=True)
class PageError:
    """An exception that no script of the page caught."""

    kind: ClassVar[str] = "page.error"
    page_id: PageId | None
    name: str
    message: str
    stack: str
    url: str
    line: int
    column: int
    time_ms: float


@dataclass(frozen=True, slots=True)
class DialogHandled:
    kind: ClassVar[str] = "dialog.handled"
    page_id: PageId
    dialog: str
    message: str
    answer: str
    time_ms: float


@dataclass(frozen=True, slots=True)
class RequestFinished:
    """One request with its answer. `status` is -1 when none came; times in ms."""

    kind: ClassVar[str] = "request.finished"
    request_id: str
    page_id: PageId | None
    url: str
    method: str
    resource_type: str
    status: int
    status_text: str
    protocol: str
    request_headers: tuple[tuple[str, str], ...]
    response_headers: tuple[tuple[str, str], ...]
    media_type: str
    start_ms: float
    start_wall_s: float
    wait_ms: float
    receive_ms: float
    encoded_bytes: int
    server_ip: str
    failure: str = ""
    from_cache: bool = False


@dataclass(frozen=True, slots=True)
class WebSocketOpened:
    """A page, frame or worker opens a WebSocket; told while the network is intercepted."""

    kind: ClassVar[str] = "websocket.opened"
    socket_id: str
    page_id: PageId | None
    url: str
    time_ms: float


@dataclass(frozen=True, slots=True)
class WebSocketFrame:
    """One message. `text` is its beginning, None for a binary one; `size` in bytes."""

    kind: ClassVar[str] = "websocket.frame"
    socket_id: str
    page_id: PageId | None
    direction: str
    text: str | None
    size: int
    time_ms: float


@dataclass(frozen=True, slots=True)
class WebSocketClosed:
    kind: ClassVar[str] = "websocket.closed"
    socket_id: str
    page_id: PageId | None
    time_ms: float


@dataclass(frozen=True, slots=True)
class DownloadFinished:
    """What became of a download. `file` is where it was kept; empty, as `sha256`, when it was not."""

    kind: ClassVar[str] = "download.finished"
    name: str
    outcome: Outcome
    size_bytes: int
    sha256: str
    file: str
    url: str
    time_ms: float
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class DataSaved:
    kind: ClassVar[str] = "data.saved"
    file: str
    format: str
    records: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a person should know although nothing failed."""

    kind: ClassVar[str] = "warning"
    code: str
    message: str
    hint: str = ""


Fact: TypeAlias = (
    RunSubmitted
    | RunStarted
    | BrowserStarted
    | BrowserClosed
    | RunFinished
    | StepStarted
    | StepFinished
    | ActionStarted
    | ActionLogged
    | ActionPointed
    | ActionFinished
    | ScreenshotTaken
    | VideoRecorded
    | PreviewMade
    | DomCaptured
    | ResponseKept
    | PageOpened
    | PageClosed
    | PageCrashed
    | PageNavigated
    | ConsoleMessage
    | PageError
    | DialogHandled
    | RequestFinished
    | WebSocketOpened
    | WebSocketFrame
    | WebSocketClosed
    | DownloadFinished
    | DataSaved
    | SandboxAttested
    | EgressDecided
    | LimitHit
    | SandboxRemoved
    | SecretUsed
    | ModelAnswered
    | Warned
)


@dataclass(frozen=True, slots=True)
class Event:
    """A fact with its place in the run: `seq` counts from 1 without gaps."""

    run_id: RunId
    seq: int
    wall_s: float
    fact: Fact


class FactSink(Protocol):
    """What an engine needs of the stream: a place to put facts. Never blocks, never fails."""

    def publish(self, fact: Fact) -> None: ...


@dataclass(slots=True)
class Unheard:
    """A sink that nobody listens to; keeps nothing."""

    dropped: int = field(default=0)

    def publish(self, fact: Fact) -> None:
        self.dropped += 1
