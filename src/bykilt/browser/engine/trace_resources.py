"""The style sheets, images and fonts that pages loaded, as files for the trace.

Fed with requests and bodies. Knows the limits, and that equal bodies are one file. Does not know how bodies are got.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from pathlib import Path

from bykilt.events.model import Fact, FactSink, RequestFinished, ResponseKept
from bykilt.events.redactor import Redactor, masked_bytes
from bykilt.trace.requests import RESOURCE_TYPES

MAX_BODY_BYTES = 2 << 20
MAX_TOTAL_BYTES = 32 << 20

_REMEMBERED = 2000
_SUFFIXES = {
    "text/css": "css",
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/svg+xml": "svg",
    "font/woff2": "woff2",
    "font/woff": "woff",
}


class TraceResources:
    """Keeps the bodies; see `BodyTaker`. A body that cannot be kept is missing in the trace, and nothing else."""

    def __init__(self, folder: Path, facts: FactSink, redactor: Redactor) -> None:
        self._root = folder
        self._folder = folder / "trace" / "resources"
        self._facts = facts
        self._redactor = redactor
        self._room = MAX_TOTAL_BYTES
        self._requests: OrderedDict[str, RequestFinished] = OrderedDict()
        self._kept: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self._files: set[str] = set()

    def hear(self, fact: Fact, now_s: float) -> None:
        """Take note of what may be wanted."""
        if isinstance(fact, RequestFinished) and fact.resource_type in RESOURCE_TYPES and 200 <= fact.status < 300:
            self._requests[fact.request_id] = fact
            if len(self._requests) > _REMEMBERED:
                self._requests.popitem(last=False)

    def wants_body(self, request_id: str) -> bool:
        fact = self._requests.get(request_id)
        wanted = fact is not None and fact.encoded_bytes <= MAX_BODY_BYTES and not fact.url.startswith("data:")
        if not wanted:
            self._requests.pop(request_id, None)
        return wanted

    def add_body(self, request_id: str, body: bytes, *, is_text: bool) -> None:
        fact = self._requests.pop(request_id, None)
        if fact is None or len(body) > MAX_BODY_BYTES:
            return
        if is_text:
            body = masked_bytes(body, self._redactor)
        suffix = _SUFFIXES.get(fact.media_type, "dat")
        path = self._folder / f"{hashlib.sha1(body, usedforsecurity=False).hexdigest()}.{suffix}"
        if path.name not in self._files:
            if len(body) > self._room:
                return
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)
            except OSError:
                return
            self._room -= len(body)
            self._files.add(path.name)
        self._tell(fact, str(path.relative_to(self._root)), len(body))

    def lacks_body(self, request_id: str) -> None:
        """What came from the browser's own cache is what came the last time."""
        fact = self._requests.pop(request_id, None)
        before = self._kept.get(fact.url) if fact is not None else None
        if fact is not None and before is not None and fact.from_cache:
            self._tell(fact, *before)

    def _tell(self, fact: RequestFinished, file: str, size_bytes: int) -> None:
        self._kept[fact.url] = (file, size_bytes)
        if len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)
        self._facts.publish(ResponseKept(fact.request_id, file, size_bytes))
