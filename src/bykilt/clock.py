"""Where time comes from, so that it can be injected. Knows no deadline and no schedule."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings: wall time for people, monotonic time for durations."""

    def wall_s(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds from an arbitrary start; never goes backwards."""
        ...


class SystemClock:
    """The machine's own clock."""

    def wall_s(self) -> float:
        return time.time()

    def monotonic_s(self) -> float:
        return time.monotonic()
