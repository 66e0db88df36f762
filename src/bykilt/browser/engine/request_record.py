"""What the network interception has seen and done: a bounded record of requests; the same for both engines.

Pure: fed with what happens. Keeps no credentials and no bodies.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bykilt.browser.engine.intercept_rules import Rule
from bykilt.events.credential_headers import shown_headers
from bykilt.ids import PageId

MAX_REQUESTS = 2000
"""How many requests are kept; the oldest go first."""

MAX_FRAMES = 200
"""How many frames of one WebSocket are kept; the oldest go first."""

MAX_FRAME_TEXT = 2000
"""How much of a frame's text is kept, in characters."""


class Done(StrEnum):
    """What was done to a request."""

    OBSERVED = "observed"
    BLOCKED = "blocked"
    FAILED = "failed"
    FULFILLED = "fulfilled"
    CHANGED = "changed"


def done_by(rule: Rule) -> Done:
    """Return the word for what a rule does to a request."""
    if rule.block:
        return Done.BLOCKED
    if rule.fail:
        return Done.FAILED
    if rule.fulfill:
        return Done.FULFILLED
    return Done.CHANGED if rule.change_request or rule.change_response else Done.OBSERVED


@dataclass(slots=True)
class RequestEntry:
    """One request. Times in ms; `None` where nothing has come yet."""

    page: PageId | None
    url: str
    method: str
    resource_type: str
    headers: tuple[tuple[str, str], ...]
    start_ms: float
    start_wall_s: float
    done: Done = Done.OBSERVED
    rule: int | None = None
    delayed_ms: float = 0.0
    status: int | None = None
    answer_headers: tuple[tuple[str, str], ...] = ()
    answered_ms: float | None = None
    ended_ms: float | None = None
    failure: str = ""
    frames: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it for Python callers and for JSON."""
        entry: dict[str, Any] = {
            "url": self.url,
            "method": self.method,
            "resource_type": self.resource_type,
            "headers": _by_name(self.headers),
            "status": self.status,
            "response_headers": _by_name(self.answer_headers),
            "done": str(self.done),
            "rule": self.rule,
            "delayed_ms": self.delayed_ms,
            "failure": self.failure,
            "timing": {
                "started_s": self.start_wall_s,
                "wait_ms": _between(self.start_ms, self.answered_ms),
                "total_ms": _between(self.start_ms, self.ended_ms),
            },
            "page": self.page,
        }
        if self.resource_type == "websocket":
            entry["frames"] = list(self.frames)
        return entry


def _by_name(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


def _between(start_ms: float, end_ms: float | None) -> float | None:
    return None if end_ms is None else max(0.0, end_ms - start_ms)


class RequestRecord:
    """The requests in the order in which they began. What happens to one that is not kept is not noted."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Hashable, RequestEntry] = OrderedDict()

    def begin(self, key: Hashable, entry: RequestEntry) -> None:
        """Take in a request; one under the same key is kept as it is, under no key any more."""
        before = self._entries.pop(key, None)
        if before is not None:
            self._entries[object()] = before
        entry.headers = shown_headers(entry.headers)
        self._entries[key] = entry
        if len(self._entries) > MAX_REQUESTS:
            self._entries.popitem(last=False)

    def of(self, key: Hashable) -> RequestEntry | None:
        """Return a request, to note what is done to it."""
        return self._entries.get(key)

    def answered(self, key: Hashable, status: int, headers: Iterable[tuple[str, str]], now_ms: float) -> None:
        """Note the head of its answer."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.status, entry.answer_headers, entry.answered_ms = status, shown_headers(headers), now_ms

    def ended(self, key: Hashable, now_ms: float, failure: str = "") -> None:
        """Note that it is over."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.ended_ms, entry.failure = now_ms, failure

    def frame(self, key: Hashable, *, sent: bool, payload: str | bytes, now_ms: float) -> None:
        """Note a frame of a WebSocket."""
        entry = self._entries.get(key)
        if entry is None:
            return
        entry.frames.append(
            {
                "direction": "sent" if sent else "received",
                "text": payload[:MAX_FRAME_TEXT] if isinstance(payload, str) else None,
                "size": len(payload.encode(errors="replace")) if isinstance(payload, str) else len(payload),
                "time_ms": now_ms - entry.start_ms,
            }
        )
        del entry.frames[:-MAX_FRAMES]

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return everything that is kept, oldest first."""
        return [entry.to_dict() for entry in sorted(self._entries.values(), key=lambda entry: entry.start_ms)]
