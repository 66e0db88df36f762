"""Requests as lines of the trace, each together with its body where that was kept.

Knows that a body comes after the request that it answers. Keeps the requests that may still get one, within a limit.
"""

from __future__ import annotations

from collections.abc import Iterator

from bykilt.events.model import RequestFinished, ResponseKept
from bykilt.trace.lines import Line, network_line

RESOURCE_TYPES = frozenset({"stylesheet", "image", "font"})
"""What a page needs to look as it did: the bodies of these are kept for the trace."""

_MAX_WAITING = 500


class RequestLines:
    """Fed with requests and bodies in their order; the viewer sorts the lines by time."""

    def __init__(self) -> None:
        self._waiting: dict[str, RequestFinished] = {}

    def finished(self, fact: RequestFinished) -> Iterator[Line]:
        """Take a request; the line of one that may get a body comes later."""
        before = self._waiting.pop(fact.request_id, None)
        if before is not None:
            yield network_line(before)
        if fact.resource_type not in RESOURCE_TYPES or fact.failure:
            yield network_line(fact)
            return
        self._waiting[fact.request_id] = fact
        if len(self._waiting) > _MAX_WAITING:
            yield network_line(self._waiting.pop(next(iter(self._waiting))))

    def kept(self, body: ResponseKept) -> Iterator[Line]:
        """Take the body of a request."""
        fact = self._waiting.pop(body.request_id, None)
        if fact is not None:
            yield network_line(fact, body)

    def finish(self) -> Iterator[Line]:
        """Yield the lines of those that got none."""
        for fact in self._waiting.values():
            yield network_line(fact)
        self._waiting.clear()
