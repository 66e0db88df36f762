"""One action's way through its waits: the deadline, the call log, and what was last seen.

Knows how long there is and why the action has not happened yet, so that a timeout explains itself.
Does not know the page or any engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from bykilt.browser.engine.errors import ActionError, ActionTimeout
from bykilt.clock import Clock
from bykilt.events.model import ActionLogged, ActionPointed, Box, FactSink, Point
from bykilt.ids import CallId

Blocker: TypeAlias = Callable[[float], ActionError]
"""Makes the error for what stands in the way, given the seconds waited."""

_MAX_LOG_LINES = 200


class Progress:
    """Carried through every wait of one action."""

    def __init__(self, call_id: CallId, what: str, timeout_s: float, clock: Clock, facts: FactSink) -> None:
        self.call_id = call_id
        self._what = what
        self._clock = clock
        self._facts = facts
        self._started_s = clock.monotonic_s()
        self._deadline_s = self._started_s + timeout_s
        self._blocker: Blocker | None = None
        self._last_line = ""
        self._lines = 0

    @property
    def waited_s(self) -> float:
        """Seconds since the action began."""
        return self._clock.monotonic_s() - self._started_s

    @property
    def remaining_s(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self._deadline_s - self._clock.monotonic_s())

    def log(self, message: str) -> None:
        """Add a line to the call log; a line that repeats the last one is dropped."""
        if message == self._last_line or self._lines >= _MAX_LOG_LINES:
            return
        self._last_line = message
        self._lines += 1
        self._facts.publish(ActionLogged(self.call_id, self._clock.monotonic_s() * 1000, message))

    def waiting_for(self, what: str) -> None:
        """Say what the action waits for now; used when the deadline comes and nothing more exact is known."""
        self._what = what
        self._blocker = None
        self.log(f"waiting for {what}")

    def blocked_by(self, blocker: Blocker) -> None:
        """Remember what stands in the way; becomes the action's error if the deadline comes first."""
        self._blocker = blocker
        self.log(blocker(self.waited_s).message.split(" (waited")[0])

    def inside(self, what: str, timeout_s: float) -> Progress:
        """Return the progress of an action inside this one; if the deadline comes meanwhile, that one explains."""
        inner = Progress(self.call_id, what, min(timeout_s, self.remaining_s), self._clock, self._facts)
        self._blocker = lambda _: inner.explain()
        return inner

    def pointed(self, point: Point, box: Box) -> None:
        """Record where the action touches the page."""
        self._facts.publish(ActionPointed(self.call_id, point, box))

    def explain(self) -> ActionError:
        """Return the error for a deadline that has come."""
        if self._blocker is not None:
            return self._blocker(self.waited_s)
        return ActionTimeout(self._what, self.waited_s)
