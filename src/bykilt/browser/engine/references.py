"""References such as `e12` that snapshots give to elements: which were given out, and where they belong.

Knows pages and frames only as things that can be compared. Does not know the elements: their documents do.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Generic, TypeVar

from bykilt.browser.engine.actions import Action, Extract, WaitFor
from bykilt.browser.engine.errors import ActionError
from bykilt.browser.engine.field_kinds import ElementState, ExtractKind
from bykilt.ids import PageId

F = TypeVar("F")

_REFERENCE = re.compile(r"\s*ref=\s*e(\d{1,12})\s*(?:$|>>)")
_MAX_ISSUES = 10_000


class StaleReference(ActionError):
    """A reference whose element is gone, or that no snapshot gave out."""

    code = "stale_reference"

    def __init__(self, reference: str, reason: str) -> None:
        super().__init__(
            f"the reference {reference} means nothing here: {reason}",
            hint="take a new accessibility_snapshot and use the references in it",
        )


@dataclass(frozen=True, slots=True)
class Issue(Generic[F]):
    """Numbers from `start` on that were given to elements of one frame."""

    start: int
    page_id: PageId
    frame: F


class References(Generic[F]):
    """Numbers count up and are never used again, so that an old reference cannot mean another element."""

    def __init__(self) -> None:
        self._issues: list[Issue[F]] = []
        self._next = 1

    @property
    def next(self) -> int:
        """The first number that is free."""
        return self._next

    def issued(self, page_id: PageId, frame: F, upto: int) -> None:
        """Remember that the numbers from `next` to below `upto` belong to a frame."""
        if upto <= self._next:
            return
        last = self._issues[-1] if self._issues else None
        if last is None or last.frame is not frame or last.page_id != page_id:
            self._issues.append(Issue(self._next, page_id, frame))
            del self._issues[:-_MAX_ISSUES]
        self._next = upto

    def owner(self, number: int) -> Issue[F] | None:
        """Return where a number belongs; None for one that was not given out, or too long ago."""
        if number >= self._next:
            return None
        at = bisect_right(self._issues, number, key=lambda issue: issue.start)
        return self._issues[at - 1] if at else None


def number_in(action: Action) -> int | None:
    """Return the number of the reference that the action's selector starts with; the first alternative counts."""
    selector = getattr(action, "selector", None)
    found = _REFERENCE.match(selector[0]) if selector else None
    return int(found[1]) if found else None


def tolerates_absence(action: Action) -> bool:
    """Whether the action makes sense although the element of its reference is gone."""
    if len(getattr(action, "selector", None) or ()) > 1:
        return True
    if isinstance(action, Extract):
        return action.kind is ExtractKind.COUNT
    return isinstance(action, WaitFor) and action.state in (ElementState.DETACHED, ElementState.HIDDEN)
