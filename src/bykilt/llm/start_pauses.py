"""When a container that did not come up may be tried again: later each time, up to a limit. Pure."""

from __future__ import annotations

from bykilt.llm.errors import LLMError, StartPaused

FIRST_S = 1.0
LONGEST_S = 60.0


class StartPauses:
    """The pauses after failed starts of one kind of container; times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._failures = 0
        self._until_s = 0.0
        self._last: LLMError | None = None

    def check(self, now_s: float) -> None:
        """Return if a start may be tried.

        Raises:
            StartPaused: Not yet; it says when, and what went wrong the last time.
        """
        if self._last is not None and now_s < self._until_s:
            raise StartPaused(self._failures, self._until_s - now_s, self._last) from self._last

    def failed(self, error: LLMError, now_s: float) -> None:
        """Note a failed start: the first pause is `FIRST_S`, each one after it twice as long, up to `LONGEST_S`."""
        self._failures += 1
        self._last = error
        self._until_s = now_s + min(LONGEST_S, FIRST_S * 2 ** min(self._failures - 1, 16))

    def worked(self) -> None:
        """Forget what went wrong."""
        self._failures, self._until_s, self._last = 0, 0.0, None
