"""WebSockets that the network interception watches: as facts, and as entries of its record; for both engines.

Pure: fed with what happens.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable

from bykilt.browser.engine.request_record import MAX_FRAME_TEXT, RequestEntry, RequestRecord
from bykilt.clock import Clock
from bykilt.events.model import FactSink, WebSocketClosed, WebSocketFrame, WebSocketOpened
from bykilt.ids import PageId

_MAX_OPEN = 1000


class SocketRecord:
    """The sockets that are open."""

    def __init__(self, facts: FactSink, clock: Clock) -> None:
        self._facts = facts
        self._clock = clock
        self._numbers = itertools.count(1)
        self._open: dict[Hashable, tuple[str, PageId | None]] = {}

    def opened(self, record: RequestRecord, key: Hashable, page: PageId | None, url: str) -> None:
        """A socket is being opened."""
        now_ms = self._now_ms()
        record.begin(key, RequestEntry(page, url, "GET", "websocket", (), now_ms, self._clock.wall_s()))
        if len(self._open) >= _MAX_OPEN:
            del self._open[next(iter(self._open))]
        self._open[key] = (f"socket@{next(self._numbers)}", page)
        self._facts.publish(WebSocketOpened(self._open[key][0], page, url, now_ms))

    def frame(self, record: RequestRecord, key: Hashable, payload: str | bytes, *, sent: bool) -> None:
        """A message was sent or has come."""
        known = self._open.get(key)
        if known is None:
            return
        now_ms = self._now_ms()
        record.frame(key, sent=sent, payload=payload, now_ms=now_ms)
        size = len(payload.encode(errors="replace")) if isinstance(payload, str) else len(payload)
        text = payload[:MAX_FRAME_TEXT] if isinstance(payload, str) else None
        direction = "sent" if sent else "received"
        self._facts.publish(WebSocketFrame(known[0], known[1], direction, text, size, now_ms))

    def closed(self, record: RequestRecord, key: Hashable, failure: str = "") -> None:
        """The socket is closed."""
        known = self._open.pop(key, None)
        if known is not None:
            now_ms = self._now_ms()
            record.ended(key, now_ms, failure)
            self._facts.publish(WebSocketClosed(known[0], known[1], now_ms))

    def _now_ms(self) -> float:
        return self._clock.monotonic_s() * 1000
