"""Steps and actions of a run as the viewer's tree of calls.

Knows which calls are open and which step they belong to. Does not know files, zips or pages.

A step that carries out one action is shown as that action under the step's title, since the viewer keeps
groups folded; a step that holds other steps is a group. So the viewer's list reads as the flow.
The reader of the viewer follows `input` and `after` to a `before` without looking: none is written alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bykilt.events.model import (
    ActionFinished,
    ActionLogged,
    ActionPointed,
    ActionStarted,
    Failure,
    Outcome,
    ScreenshotTaken,
    SnapshotPhase,
    StepFinished,
    StepStarted,
)
from bykilt.ids import CallId
from bykilt.json_types import JsonObject, JsonValue
from bykilt.trace.call_names import call_name
from bykilt.trace.lines import JsonDict, Line, error_of, film_line, screenshot_line

_CANCELLED = Failure("cancelled", "the run was cancelled here")
_UNFINISHED = Failure("interrupted", "the run ended here; this never finished")


@dataclass(slots=True)
class _Call:
    """A call of the trace that has not been closed."""

    call_id: str
    start_ms: float
    end_ms: float
    failure: Failure | None = None
    attachments: list[JsonValue] = field(default_factory=list)
    before: ScreenshotTaken | None = None
    has_action_picture: bool = False


@dataclass(slots=True)
class _Step:
    """A step that has not finished. `call` is set once it is written: as a group, or as its own action."""

    fact: StepStarted
    start_ms: float
    call: _Call | None = None
    is_action: bool = False


class Calls:
    """Fed with facts in their order; gives back lines in an order that the reader accepts."""

    def __init__(self) -> None:
        self._steps: list[_Step] = []
        self._actions: dict[CallId, _Call] = {}
        self._groups = 0
        self.has_failure = False

    @property
    def open_calls(self) -> int:
        """How many actions and steps are open; nothing is kept of the others."""
        return len(self._actions) + len(self._steps)

    # ---- steps

    def step_started(self, fact: StepStarted, now_ms: float) -> Iterator[Line]:
        """Open a step; what it is inside of becomes a group."""
        yield from self._write_groups(now_ms)
        self._steps.append(_Step(fact, now_ms))

    def step_finished(self, fact: StepFinished, now_ms: float) -> Iterator[Line]:
        """Close a step and whatever inside of it was left open."""
        if not any(step.fact.path == fact.path for step in self._steps):
            return
        while self._steps:
            step = self._steps.pop()
            found = step.fact.path == fact.path
            if step.call is None:
                yield self._open_group(step, now_ms, " (skipped)" if fact.outcome is Outcome.SKIPPED else "")
            failure = _failure(fact) if found else None
            yield from self._close(step.call, now_ms, failure)
            if found:
                return

    def _write_groups(self, now_ms: float) -> Iterator[Line]:
        for step in self._steps:
            if step.call is None:
                yield self._open_group(step, now_ms)

    def _open_group(self, step: _Step, now_ms: float, suffix: str = "") -> Line:
        self._groups += 1
        start_ms = min(step.start_ms, now_ms)
        step.call = _Call(f"step@{self._groups}", start_ms, start_ms)
        params: JsonDict = {}
        body: JsonDict = {
            "type": "before",
            "callId": step.call.call_id,
            "startTime": start_ms,
            "class": "Tracing",
            "method": "tracingGroup",
            "params": params,
        }
        return Line(self._titled(body, params, step, suffix))

    def _titled(self, body: JsonDict, params: JsonDict, step: _Step, suffix: str = "") -> JsonObject:
        again = f" (attempt {step.fact.attempt})" if step.fact.attempt > 1 else ""
        _show(body, params, "title", (step.fact.title or step.fact.action) + again + suffix)
        above = self._parent_of(step)
        if above:
            body["parentId"] = above
        return body

    def _parent_of(self, step: _Step) -> str:
        calls = [other.call for other in self._steps if other is not step and other.call is not None]
        return calls[-1].call_id if calls else ""

    # ---- actions

    def action_started(self, fact: ActionStarted) -> Iterator[Line]:
        """Open an action, as its step where the step has nothing else to show."""
        step = self._steps[-1] if self._steps else None
        name = call_name(fact.action, fact.params)
        call = _Call(fact.call_id, fact.start_ms, fact.start_ms)
        self._actions[fact.call_id] = call
        params = dict(name.params)
        body: JsonDict = {
            "type": "before",
            "callId": fact.call_id,
            "startTime": fact.start_ms,
            "class": name.cls,
            "method": name.method,
            "params": params,
            "pageId": fact.page_id,
        }
        if name.aim:
            _show(body, params, "subtitle", name.aim)
        if step is None:
            yield Line(body)
            return
        for above in self._steps[:-1]:
            if above.call is None:
                yield self._open_group(above, fact.start_ms)
        if step.call is None:
            step.call, step.is_action = call, True
            yield Line(self._titled(body, params, step))
        else:
            yield Line(body | {"parentId": step.call.call_id})

    def action_logged(self, fact: ActionLogged) -> Iterator[Line]:
        """Add a line to the log of an open action."""
        if fact.call_id in self._actions:
            yield Line({"type": "log", "callId": fact.call_id, "time": fact.time_ms, "message": fact.message})

    def note(self, message: str, time_ms: float) -> Iterator[Line]:
        """Add a line to the log of the action that is open now; none if there is none."""
        for call_id in list(self._actions)[-1:]:
            yield Line({"type": "log", "callId": call_id, "time": time_ms, "message": message})

    def action_pointed(self, fact: ActionPointed) -> Iterator[Line]:
        """Record where an open action touches the page.

        Without a picture of that moment the viewer would mark the place on the picture taken afterwards,
        which often shows another page; the picture before is the nearer one.
        """
        call = self._actions.get(fact.call_id)
        if call is None:
            return
        yield Line(
            {
                "type": "input",
                "callId": fact.call_id,
                "point": {"x": fact.point.x, "y": fact.point.y},
                "box": {"x": fact.box.x, "y": fact.box.y, "width": fact.box.width, "height": fact.box.height},
            }
        )
        if call.before is not None and not call.has_action_picture:
            call.has_action_picture = True
            yield screenshot_line(call.before, SnapshotPhase.ACTION)

    def picture_taken(self, fact: ScreenshotTaken) -> Iterator[Line]:
        """Show a trace picture with its action."""
        call = self._actions.get(fact.call_id) if fact.call_id else None
        if call is not None and fact.phase is SnapshotPhase.BEFORE:
            call.before = fact
        if fact.phase is not None:
            yield screenshot_line(fact, fact.phase)
            yield film_line(fact)

    def attach(self, attachment: JsonObject) -> bool:
        """Attach a file to the innermost open call; say whether there was one."""
        call = next(reversed(self._actions.values()), None)
        if call is None and self._steps:
            call = self._steps[-1].call
        if call is not None:
            call.attachments.append(attachment)
        return call is not None

    def open_step(self, now_ms: float) -> Iterator[Line]:
        """Make sure that the innermost step has a call to attach things to."""
        yield from self._write_groups(now_ms)

    def action_finished(self, fact: ActionFinished) -> Iterator[Line]:
        """Close an action; one that stands for its step is closed with the step, which may add a failure."""
        call = self._actions.pop(fact.call_id, None)
        if call is None:
            return
        call.failure = fact.failure or (_CANCELLED if fact.outcome is Outcome.CANCELLED else None)
        call.end_ms = fact.end_ms
        for step in self._steps:
            if step.call is not None:
                step.call.end_ms = max(step.call.end_ms, fact.end_ms)
        if not any(step.call is call for step in self._steps):
            yield self._after(call, fact.end_ms)

    # ---- ends

    def finish(self, now_ms: float, failure: Failure | None) -> Iterator[Line]:
        """Close everything that is open; the innermost call gets the run's failure if no call has one."""
        reason = failure or _UNFINISHED
        for call in reversed(list(self._actions.values())):
            if not any(step.call is call for step in self._steps):
                yield from self._close(call, now_ms, reason)
        self._actions.clear()
        while self._steps:
            step = self._steps.pop()
            if step.call is None:
                yield self._open_group(step, now_ms)
            yield from self._close(step.call, now_ms, reason)
        if failure is not None and not self.has_failure:
            call = _Call("run@1", now_ms, now_ms)
            body: JsonDict = {
                "type": "before",
                "callId": call.call_id,
                "startTime": now_ms,
                "class": "Tracing",
                "method": "tracingGroup",
                "title": "The run failed",
                "params": {},
            }
            yield Line(body)
            yield from self._close(call, now_ms, failure)

    def _close(self, call: _Call | None, now_ms: float, failure: Failure | None) -> Iterator[Line]:
        if call is None:
            return
        if call.failure is None:
            call.failure = failure
        was_open = self._actions.pop(CallId(call.call_id), None) is not None
        # An action that ran to its end keeps its own end; what was cut off ends now.
        is_group = call.call_id.startswith("step@")
        end_ms = max(call.end_ms, now_ms) if was_open or is_group or call.end_ms <= call.start_ms else call.end_ms
        yield self._after(call, end_ms)

    def _after(self, call: _Call, end_ms: float) -> Line:
        body: JsonDict = {"type": "after", "callId": call.call_id, "endTime": end_ms}
        if call.failure is not None:
            self.has_failure = True
            body["error"] = error_of(call.failure)
        if call.attachments:
            body["attachments"] = call.attachments
        return Line(body)


def _failure(fact: StepFinished) -> Failure | None:
    if fact.failure is None and fact.outcome is Outcome.CANCELLED:
        return _CANCELLED
    return fact.failure


def _show(body: JsonDict, params: JsonDict, key: str, text: str) -> None:
    """Put a title or subtitle into a call.

    The viewer reads `{name}` in it as the value of a parameter, so that a text with braces goes through one.
    """
    flat = " ".join(text.split())
    if "{" in flat:
        params[key] = flat
        flat = "{" + key + "}"
    body[key] = flat
