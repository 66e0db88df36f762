"""What a page says: console calls, log entries and uncaught exceptions, as facts.

Pure: turns event parameters into facts, holds no session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bykilt.events.model import ConsoleMessage, PageError
from bykilt.ids import PageId
from bykilt.json_types import JsonValue

if TYPE_CHECKING:
    from cdp_use.cdp.log.events import EntryAddedEvent
    from cdp_use.cdp.runtime.events import ConsoleAPICalledEvent, ExceptionThrownEvent

# The protocol's word on the left, the console's method on the right.
_LEVELS = {"warning": "warning", "startGroup": "group", "startGroupCollapsed": "group", "endGroup": "group"}
_MAX_TEXT = 10_000


def console_message(event: ConsoleAPICalledEvent, page_id: PageId | None, now_ms: float) -> ConsoleMessage:
    """Return the fact for one console call."""
    args = event["args"]
    stack: Any = event.get("stackTrace") or {}
    top = (stack.get("callFrames") or [{}])[0]
    return ConsoleMessage(
        page_id=page_id,
        level=_LEVELS.get(event["type"], event["type"]),
        text=" ".join(_shown(arg) for arg in args)[:_MAX_TEXT],
        args=tuple(_value(arg) for arg in args),
        url=str(top.get("url", "")),
        line=int(top.get("lineNumber", 0)),
        column=int(top.get("columnNumber", 0)),
        time_ms=now_ms,
    )


def log_entry(event: EntryAddedEvent, page_id: PageId | None, now_ms: float) -> ConsoleMessage:
    """Return the fact for one entry that the browser itself wrote (failed loads, violations)."""
    entry = event["entry"]
    return ConsoleMessage(
        page_id=page_id,
        level=entry["level"],
        text=entry["text"][:_MAX_TEXT],
        args=(),
        url=str(entry.get("url", "")),
        line=int(entry.get("lineNumber", 0)),
        column=0,
        time_ms=now_ms,
    )


def page_error(event: ExceptionThrownEvent, page_id: PageId | None, now_ms: float) -> PageError:
    """Return the fact for one uncaught exception or unhandled rejection."""
    details = event["exceptionDetails"]
    thrown: Any = details.get("exception") or {}
    description = str(thrown.get("description") or thrown.get("value") or details["text"])
    first_line = description.split("\n", 1)[0]
    name, colon, message = first_line.partition(": ")
    if not colon or thrown.get("subtype") != "error":
        name, message = "Error", first_line
    return PageError(
        page_id=page_id,
        name=name,
        message=message[:_MAX_TEXT],
        stack=description[:_MAX_TEXT] if thrown.get("subtype") == "error" else "",
        url=str(details.get("url", "")),
        line=details["lineNumber"],
        column=details["columnNumber"],
        time_ms=now_ms,
    )


def _shown(remote: Any) -> str:
    if remote.get("type") == "string":
        return str(remote.get("value", ""))
    if "unserializableValue" in remote:
        return str(remote["unserializableValue"])
    if "value" in remote and remote.get("subtype") != "error":
        value = remote["value"]
        return {True: "true", False: "false", None: "null"}.get(value, str(value)) if _is_word(value) else str(value)
    preview = remote.get("preview")
    if preview is not None and remote.get("subtype") != "error":
        return _preview_text(preview)
    return str(remote.get("description", remote.get("type", "")))


def _is_word(value: object) -> bool:
    return value is None or isinstance(value, bool)


def _preview_text(preview: Any) -> str:
    properties = preview.get("properties", [])
    more = ", …" if preview.get("overflow") else ""
    if preview.get("subtype") == "array":
        return "[" + ", ".join(str(each.get("value", "")) for each in properties) + more + "]"
    inside = ", ".join(f"{each['name']}: {each.get('value', each.get('type', ''))}" for each in properties)
    return "{" + inside + more + "}"


def _value(remote: Any) -> JsonValue:
    if "value" in remote:
        value: JsonValue = remote["value"]
        return value
    return _shown(remote)
