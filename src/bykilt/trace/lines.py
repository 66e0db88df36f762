"""One fact about a page as one line of the trace.

Knows the shape of each kind of line. Keeps nothing between two facts; steps and calls do (`calls`).

Source: reader `packages/isomorphic/trace/traceModernizer.ts` and HAR writer `server/har/harTracer.ts`,
as bundled in playwright 1.65. Times are monotonic milliseconds unless HAR says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

from bykilt.events.model import (
    BrowserStarted,
    ConsoleMessage,
    Failure,
    PageClosed,
    PageError,
    PageOpened,
    RequestFinished,
    ResponseKept,
    ScreenshotTaken,
    SnapshotPhase,
)
from bykilt.json_types import JsonObject, JsonValue

FORMAT_VERSION = 10

JsonDict: TypeAlias = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Line:
    """One JSON line, where it goes, and the file of the run folder that it names.

    Without a body it only says that the file belongs to the trace. `blobs` are entries of the zip by name that are
    in no file.
    """

    body: JsonObject | None
    is_network: bool = False
    file: str = ""
    blobs: Mapping[str, bytes] = field(default_factory=dict)


def context_line(*, title: str, wall_ms: float, monotonic_ms: float, browser: BrowserStarted | None) -> Line:
    """Return the line that has to come first."""
    options: JsonDict = {}
    if browser is not None:
        options["viewport"] = {"width": browser.viewport_width, "height": browser.viewport_height}
        if browser.user_agent:
            options["userAgent"] = browser.user_agent
    return Line(
        {
            "version": FORMAT_VERSION,
            "type": "context-options",
            "origin": "library",
            "browserName": "chromium",
            "channel": browser.product if browser else "",
            "platform": "linux",
            "sdkLanguage": "python",
            "wallTime": round(wall_ms),
            "monotonicTime": monotonic_ms,
            "options": options,
            "title": title,
        }
    )


def page_line(fact: PageOpened | PageClosed) -> Line:
    """Return the line that makes a page known, or says that it is gone."""
    params: JsonDict = {"pageId": fact.page_id}
    if isinstance(fact, PageOpened) and fact.opener_id:
        params["openerPageId"] = fact.opener_id
    method = "page" if isinstance(fact, PageOpened) else "pageClosed"
    return Line({"type": "event", "time": fact.time_ms, "class": "BrowserContext", "method": method, "params": params})


def screenshot_line(fact: ScreenshotTaken, phase: SnapshotPhase) -> Line:
    """Return a trace picture as what its action looked like in a phase."""
    body: JsonDict = {
        "type": "screenshot",
        "callId": fact.call_id,
        "phase": str(phase),
        "pageId": fact.page_id or "",
        "timestamp": fact.time_ms,
        "file": fact.file,
    }
    return Line(body, file=fact.file)


def film_line(fact: ScreenshotTaken) -> Line:
    """Return a trace picture as a frame of the film strip."""
    body: JsonDict = {
        "type": "screencast-frame",
        "pageId": fact.page_id or "",
        "file": fact.file,
        "width": fact.width,
        "height": fact.height,
        "timestamp": fact.time_ms,
    }
    return Line(body)


def console_line(fact: ConsoleMessage) -> Line:
    """Return a console message; the page's level `warn` is the viewer's `warning`."""
    args: list[JsonValue] = [
        {"preview": arg if isinstance(arg, str) else _preview(arg), "value": arg} for arg in fact.args
    ]
    return Line(
        {
            "type": "console",
            "messageType": "warning" if fact.level == "warn" else fact.level,
            "text": fact.text,
            "args": args,
            "location": {"url": fact.url, "lineNumber": fact.line, "columnNumber": fact.column},
            "time": fact.time_ms,
            "pageId": fact.page_id,
        }
    )


def _preview(value: JsonValue) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def page_error_line(fact: PageError) -> Line:
    """Return an exception that the page did not catch."""
    error: JsonDict = {"name": fact.name, "message": fact.message, "stack": fact.stack}
    return Line(
        {
            "type": "event",
            "time": fact.time_ms,
            "class": "BrowserContext",
            "method": "pageError",
            "pageId": fact.page_id,
            "params": {
                "error": {"error": error},
                "location": {"url": fact.url, "line": fact.line, "column": fact.column},
            },
        }
    )


def note_line(text: str, time_ms: float, *, is_warning: bool) -> Line:
    """Return a remark of ours for the console tab."""
    return Line({"type": "stderr" if is_warning else "stdout", "timestamp": time_ms, "text": text + "\n"})


def error_of(failure: Failure) -> JsonObject:
    """Return a failure as the error of a call; the viewer shows the message alone, so that the hint is in it."""
    message = f"{failure.message}\nhint: {failure.hint}" if failure.hint else failure.message
    return {"name": failure.code, "message": message}


def attachment_of(file: str, media_type: str) -> JsonObject:
    """Return a file of the run as an attachment of a call."""
    return {"name": PurePosixPath(file).name, "contentType": media_type, "file": file}


def network_line(fact: RequestFinished, body: ResponseKept | None = None) -> Line:
    """Return a request with its answer, and with its body if that was kept, for the trace's network file."""
    entry = har_entry(fact)
    if body is not None:
        content: JsonDict = {"size": body.size_bytes, "mimeType": fact.media_type or "x-unknown", "_file": body.file}
        entry["response"] = _response(fact) | {"content": content}
    snapshot: JsonDict = {"type": "resource-snapshot", "snapshot": entry}
    return Line(snapshot, is_network=True, file=body.file if body is not None else "")


def har_entry(fact: RequestFinished) -> JsonDict:
    """Return a request with its answer as a HAR entry.

    Source: HAR 1.2 with Playwright's own fields, which begin with an underscore.
    """
    total_ms = max(fact.wait_ms, 0) + max(fact.receive_ms, 0)
    return {
        "pageref": fact.page_id,
        "startedDateTime": _iso(fact.start_wall_s),
        "time": total_ms,
        "request": _request(fact),
        "response": _response(fact),
        "cache": {},
        "timings": {"send": 0, "wait": fact.wait_ms, "receive": fact.receive_ms},
        "serverIPAddress": fact.server_ip,
        "_monotonicTime": fact.start_ms,
        "_resourceType": fact.resource_type,
    }


def _request(fact: RequestFinished) -> JsonObject:
    return {
        "method": fact.method,
        "url": fact.url,
        "httpVersion": fact.protocol,
        "cookies": [],
        "headers": _headers(fact.request_headers),
        "queryString": [{"name": name, "value": value} for name, value in _query(fact.url)],
        "headersSize": -1,
        "bodySize": -1,
    }


def _response(fact: RequestFinished) -> JsonDict:
    response: JsonDict = {
        "status": fact.status,
        "statusText": fact.status_text,
        "httpVersion": fact.protocol,
        "cookies": [],
        "headers": _headers(fact.response_headers),
        "content": {"size": fact.encoded_bytes, "mimeType": fact.media_type or "x-unknown"},
        "headersSize": -1,
        "bodySize": fact.encoded_bytes,
        "redirectURL": _location(fact) if 300 <= fact.status < 400 else "",
        "_transferSize": 0 if fact.from_cache else fact.encoded_bytes,
    }
    if fact.failure:
        response["_failureText"] = fact.failure
    return response


def _location(fact: RequestFinished) -> str:
    return next((value for name, value in fact.response_headers if name.lower() == "location"), "")


def _headers(pairs: tuple[tuple[str, str], ...]) -> list[JsonValue]:
    return [{"name": name, "value": value} for name, value in pairs]


def _query(url: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError:
        return []


def _iso(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
