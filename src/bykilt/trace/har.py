"""The requests of a browser as an HTTP archive (HAR 1.2), with or without bodies, within limits.

Fed with facts and bodies; knows the format. Does not know how bodies are got. The values of headers that carry
credentials are hidden in the facts already.

Source: http://www.softwareishard.com/blog/har-12-spec/
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bykilt import __version__
from bykilt.events.model import Fact, PageNavigated, PageOpened, RequestFinished
from bykilt.events.redactor import KEEP_ALL, Redactor, masked
from bykilt.ids import PageId
from bykilt.json_types import JsonValue
from bykilt.trace.lines import JsonDict, har_entry

MAX_ENTRIES = 20_000
"""How many requests are kept; later ones are only counted."""

_MAX_PAGES = 1000


@dataclass(slots=True)
class _Entry:
    fact: RequestFinished
    body: bytes | None = None
    is_text: bool = False
    sent: str | None = None
    left_out: str = ""


class HarRecorder:
    """What is kept for the archive. Sizes in bytes; `max_total` is for all bodies together."""

    def __init__(self, *, with_bodies: bool, max_body: int, max_total: int, redactor: Redactor = KEEP_ALL) -> None:
        self.with_bodies = with_bodies
        self._redactor = redactor
        self._max_body = max_body
        self._room = max_total
        self._entries: list[_Entry] = []
        self._latest: dict[str, _Entry] = {}
        self._pages: dict[PageId, tuple[float, str]] = {}
        self._sent: dict[str, str] = {}
        self._dropped = 0

    def hear(self, fact: Fact, now_s: float) -> None:
        """Take a fact of the engine."""
        if isinstance(fact, PageOpened | PageNavigated):
            started_s = self._pages.get(fact.page_id, (now_s, ""))[0]
            if fact.page_id in self._pages or len(self._pages) < _MAX_PAGES:
                self._pages[fact.page_id] = (started_s, fact.url)
        elif isinstance(fact, RequestFinished) and not fact.url.startswith("data:"):
            if len(self._entries) >= MAX_ENTRIES:
                self._dropped += 1
                return
            entry = _Entry(fact, sent=self._sent.pop(fact.request_id, None))
            self._entries.append(entry)
            self._latest[fact.request_id] = entry

    def wants_body(self, request_id: str) -> bool:
        """Whether the body of an answer that has come should be asked for."""
        entry = self._latest.get(request_id)
        if not self.with_bodies or entry is None or entry.fact.failure or 300 <= entry.fact.status < 400:
            return False
        if entry.fact.encoded_bytes > self._max_body or self._room <= 0:
            entry.left_out = "the body is left out: it is over the limit"
            return False
        return True

    def add_body(self, request_id: str, body: bytes, *, is_text: bool) -> None:
        """Take the body of an answer."""
        entry = self._latest.get(request_id)
        if entry is None:
            return
        if len(body) > min(self._max_body, self._room):
            entry.left_out = f"the body is left out: {len(body)} bytes are over the limit"
            return
        self._room -= len(body)
        entry.body, entry.is_text = body, is_text

    def lacks_body(self, request_id: str) -> None:
        """A body that could not be had is not in the archive."""

    def add_sent(self, request_id: str, text: str) -> None:
        """Take what a request that is under way has sent."""
        if self.with_bodies and len(text) <= min(self._max_body, self._room) and len(self._sent) < MAX_ENTRIES:
            self._room -= len(text)
            self._sent[request_id] = text

    def document(self) -> bytes:
        """Return the archive."""
        log: dict[str, Any] = {
            "version": "1.2",
            "creator": {"name": "bykilt", "version": __version__},
            "pages": [
                {"id": page_id, "startedDateTime": _iso(started_s), "title": url, "pageTimings": {}}
                for page_id, (started_s, url) in self._pages.items()
            ],
            "entries": [self._entry(each) for each in sorted(self._entries, key=lambda each: each.fact.start_wall_s)],
        }
        if self._dropped:
            log["comment"] = f"{self._dropped} more requests are left out"
        return json.dumps({"log": masked(log, self._redactor)}, ensure_ascii=False).encode(errors="replace")

    def _entry(self, kept: _Entry) -> JsonDict:
        entry: dict[str, Any] = dict(har_entry(kept.fact))
        if kept.fact.page_id not in self._pages:
            del entry["pageref"]
        content: dict[str, JsonValue] = dict(entry["response"]["content"])
        if kept.body is not None:
            content["size"] = len(kept.body)
            if kept.is_text:
                content["text"] = kept.body.decode("utf-8", errors="replace")
            else:
                content["text"], content["encoding"] = base64.b64encode(kept.body).decode(), "base64"
        elif kept.left_out:
            content["comment"] = kept.left_out
        entry["response"] = entry["response"] | {"content": content}
        if kept.sent is not None:
            kind = next((value for name, value in kept.fact.request_headers if name.lower() == "content-type"), "")
            sent: JsonDict = {"mimeType": kind, "params": [], "text": kept.sent}
            entry["request"] = entry["request"] | {
                "postData": sent,
                "bodySize": len(kept.sent.encode(errors="replace")),
            }
        return entry


def _iso(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
