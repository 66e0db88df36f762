"""How the wall time of records and the monotonic time inside facts go together.

Knows which facts say what time it is now. Does not know the trace format. Monotonic times are milliseconds.
"""

from __future__ import annotations

from bykilt.events.model import (
    ActionFinished,
    ActionLogged,
    ActionStarted,
    Event,
    Fact,
    PageClosed,
    PageCrashed,
    PageNavigated,
    PageOpened,
    ScreenshotTaken,
)


def moment_of(fact: Fact) -> float | None:
    """Return the monotonic time at which a fact was published, or None if it does not tell.

    A request is told when it has ended and a console message may have been waiting, so theirs are not used.
    """
    match fact:
        case ActionStarted():
            return fact.start_ms
        case ActionFinished():
            return fact.end_ms
        case ActionLogged() | ScreenshotTaken() | PageOpened() | PageClosed() | PageCrashed() | PageNavigated():
            return fact.time_ms
        case _:
            return None


class TimeBase:
    """Turns wall time into monotonic time.

    The difference is taken anew from every fact that tells both, so that a wall clock which is set during
    the run moves only what was recorded in between.
    """

    def __init__(self) -> None:
        self._offset_ms: float | None = None

    @property
    def known(self) -> bool:
        """Whether any fact has told the time yet."""
        return self._offset_ms is not None

    def see(self, event: Event) -> None:
        """Learn from a record."""
        moment = moment_of(event.fact)
        if moment is not None:
            self._offset_ms = event.wall_s * 1000 - moment

    def at(self, wall_s: float) -> float:
        """Return the monotonic time of a wall time; the wall time itself while nothing is known."""
        return wall_s * 1000 - (self._offset_ms or 0.0)
