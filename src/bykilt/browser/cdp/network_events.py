"""Pairs the protocol's network events into one fact per request.

Pure: fed with event parameters and the time, holds no session. Does not keep bodies.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from bykilt.events.credential_headers import shown_headers
from bykilt.events.model import RequestFinished
from bykilt.ids import PageId

if TYPE_CHECKING:
    from cdp_use.cdp.network.events import (
        LoadingFailedEvent,
        LoadingFinishedEvent,
        RequestWillBeSentEvent,
        ResponseReceivedEvent,
    )

_MAX_OPEN = 5000
_MAX_DOCUMENTS = 64

V = TypeVar("V")


@dataclass(slots=True)
class _Open:
    request: Any
    resource_type: str
    sent_s: float
    sent_wall_s: float
    response: Any = None
    response_s: float = 0.0
    from_cache: bool = False


class NetworkTracker:
    """Requests that are under way, by id; gives back a fact when one has ended.

    The protocol's timestamps are seconds of the browser's monotonic clock, the same clock as ours on this
    machine (CLOCK_MONOTONIC).
    """

    def __init__(self, page_id: PageId | None) -> None:
        self._page_id = page_id
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._statuses: OrderedDict[str, int] = OrderedDict()
        self._failures: OrderedDict[str, str] = OrderedDict()

    def document_failure(self, document: str) -> str | None:
        """Return why a document (loader id) did not come, None if nothing is known of that."""
        return self._failures.get(document)

    def document_status(self, document: str) -> int | None:
        """Return the HTTP status with which a document (loader id) came, None if it had none."""
        return self._statuses.get(document)

    def sent(self, event: RequestWillBeSentEvent) -> RequestFinished | None:
        """A request, or the next hop of a redirect; the hop before is then finished."""
        request_id = event["requestId"]
        finished = None
        # A redirect comes under the same requestId: a second requestWillBeSent is the next hop.
        redirect = event.get("redirectResponse")
        previous = self._open.pop(request_id, None)
        if redirect is not None and previous is not None:
            previous.response = redirect
            previous.response_s = event["timestamp"]
            finished = self._finish(request_id, previous, event["timestamp"], int(redirect.get("encodedDataLength", 0)))
        self._open[request_id] = _Open(
            event["request"], str(event.get("type", "Other")), event["timestamp"], event["wallTime"]
        )
        if len(self._open) > _MAX_OPEN:
            self._open.popitem(last=False)
        return finished

    def served_from_cache(self, request_id: str) -> None:
        """The answer came from the memory cache."""
        entry = self._open.get(request_id)
        if entry is not None:
            entry.from_cache = True

    def answered(self, event: ResponseReceivedEvent) -> None:
        """The headers of an answer have come."""
        entry = self._open.get(event["requestId"])
        response = event["response"]
        if event["type"] == "Document":
            _remember(self._statuses, event["loaderId"], response["status"])
        if entry is not None:
            entry.response = response
            entry.response_s = event["timestamp"]
            entry.resource_type = event["type"]

    def finished(self, event: LoadingFinishedEvent) -> RequestFinished | None:
        """The body has come."""
        entry = self._open.pop(event["requestId"], None)
        if entry is None:
            return None
        return self._finish(event["requestId"], entry, event["timestamp"], int(event["encodedDataLength"]))

    def failed(self, event: LoadingFailedEvent) -> RequestFinished | None:
        """The request came to nothing."""
        if event["type"] == "Document":
            # A document's request has the id of its loader.
            _remember(self._failures, event["requestId"], event["errorText"])
        entry = self._open.pop(event["requestId"], None)
        if entry is None:
            return None
        reason = str(event.get("blockedReason") or event["errorText"])
        return self._finish(event["requestId"], entry, event["timestamp"], 0, reason)

    def _finish(
        self, request_id: str, entry: _Open, ended_s: float, encoded_bytes: int, failure: str = ""
    ) -> RequestFinished:
        response = entry.response or {}
        answered_s = entry.response_s or ended_s
        return RequestFinished(
            request_id=request_id,
            page_id=self._page_id,
            url=entry.request["url"],
            method=entry.request["method"],
            resource_type=entry.resource_type.lower(),
            status=int(response.get("status", -1)),
            status_text=str(response.get("statusText", "")),
            protocol=str(response.get("protocol", "")),
            request_headers=_headers(entry.request.get("headers")),
            response_headers=_headers(response.get("headers")),
            media_type=str(response.get("mimeType", "")),
            start_ms=entry.sent_s * 1000,
            start_wall_s=entry.sent_wall_s,
            wait_ms=max(0.0, (answered_s - entry.sent_s) * 1000),
            receive_ms=max(0.0, (ended_s - answered_s) * 1000),
            encoded_bytes=encoded_bytes,
            server_ip=str(response.get("remoteIPAddress", "")),
            failure=failure,
            from_cache=entry.from_cache or bool(response.get("fromDiskCache")),
        )


def _remember(known: OrderedDict[str, V], document: str, value: V) -> None:
    known[document] = value
    if len(known) > _MAX_DOCUMENTS:
        known.popitem(last=False)


def _headers(headers: Any) -> tuple[tuple[str, str], ...]:
    return shown_headers((str(name), str(value)) for name, value in (headers or {}).items())
