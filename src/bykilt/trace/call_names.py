"""What the viewer calls our actions: class, method and parameters by which it finds title and details.

Knows the viewer's names for calls. Does not know events or times.

Source: the table `methodMetainfo` in `playwright/driver/package/lib/coreBundle.js` of playwright 1.65.
Calls of its groups `getter` and `configuration` are hidden at first, so that no action is mapped to one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bykilt.json_types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class CallName:
    """A call in the viewer's words. `aim` is the one thing to show below the title."""

    cls: str
    method: str
    params: JsonObject
    aim: str = ""


_RENAMED = {
    "text": "value",
    "click_count": "clickCount",
    "full_page": "fullPage",
    "format": "type",
    "files": "localPaths",
    "delta_x": "deltaX",
    "delta_y": "deltaY",
    "ms": "waitTimeout",
    "timeout_ms": "timeout",
}

_FIXED = {
    "navigate": ("Frame", "goto"),
    "go_back": ("Page", "goBack"),
    "go_forward": ("Page", "goForward"),
    "reload": ("Page", "reload"),
    "click": ("Frame", "click"),
    "dblclick": ("Frame", "dblclick"),
    "hover": ("Frame", "hover"),
    "focus": ("Frame", "focus"),
    "fill": ("Frame", "fill"),
    "key_down": ("Page", "keyboardDown"),
    "key_up": ("Page", "keyboardUp"),
    "select_option": ("Frame", "selectOption"),
    "check": ("Frame", "check"),
    "uncheck": ("Frame", "uncheck"),
    "drag": ("Frame", "dragAndDrop"),
    "file_upload": ("Frame", "setInputFiles"),
    "evaluate_js": ("Frame", "evaluateExpression"),
    "extract": ("Frame", "querySelectorAll"),
    "screenshot": ("Page", "screenshot"),
    "accessibility_snapshot": ("Page", "ariaSnapshot"),
    "pdf": ("Page", "pdf"),
    "new_tab": ("BrowserContext", "newPage"),
    "switch_tab": ("Page", "bringToFront"),
    "close_tab": ("Page", "close"),
}

_MOUSE = {"move": "mouseMove", "down": "mouseDown", "up": "mouseUp", "click": "mouseClick", "wheel": "mouseWheel"}


def call_name(action: str, params: JsonObject) -> CallName:
    """Return the viewer's call for an action; an action it has no word for keeps its own name."""
    fixed = _FIXED.get(action)
    if fixed is None:
        choose = _BY_PARAMS.get(action)
        fixed = choose(params) if choose else ("Frame", action)
    cls, method = fixed
    return CallName(cls, method, _params(action, method, params), _aim(params))


def _keyboard_or_element(element: str, keyboard: str) -> Callable[[JsonObject], tuple[str, str]]:
    return lambda params: ("Frame", element) if "selector" in params else ("Page", keyboard)


def _mouse(params: JsonObject) -> tuple[str, str]:
    return ("Page", _MOUSE.get(str(params.get("kind")), "mouseMove"))


def _wait_for(params: JsonObject) -> tuple[str, str]:
    if "selector" in params:
        return ("Frame", "waitForSelector")
    if "ms" in params:
        return ("Frame", "waitForTimeout")
    return ("Frame", "waitForURL") if "url" in params else ("Frame", "waitForFunction")


def _scroll(params: JsonObject) -> tuple[str, str]:
    return ("ElementHandle", "scrollIntoViewIfNeeded") if "selector" in params else ("Page", "mouseWheel")


_BY_PARAMS: Mapping[str, Callable[[JsonObject], tuple[str, str]]] = {
    "type": _keyboard_or_element("type", "keyboardType"),
    "press": _keyboard_or_element("press", "keyboardPress"),
    "mouse": _mouse,
    "wait_for": _wait_for,
    "scroll": _scroll,
}


def _params(action: str, method: str, params: JsonObject) -> JsonObject:
    named: dict[str, JsonValue] = {}
    for name, value in params.items():
        if name in ("selector", "target", "frame"):
            value = one_line(value)
        if name == "text" and action != "fill":
            named[name] = value
        else:
            named[_RENAMED.get(name, name)] = value
    if action == "drag":
        named["source"] = named.pop("selector", None)
    elif action == "select_option":
        named["options"] = next((params[name] for name in ("value", "label", "index") if name in params), None)
    elif action == "scroll" and method == "mouseWheel":
        named |= {"deltaX": params.get("x", 0), "deltaY": params.get("y", 0)}
    return named


def one_line(value: JsonValue) -> str:
    """Return a selector for people: alternatives are joined."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " or ".join(str(part) for part in value)
    return str(value)


def _aim(params: JsonObject) -> str:
    for name in ("selector", "url", "key", "name", "text", "expression", "page", "path", "ms"):
        if name in params:
            aim = one_line(params[name]).replace("\n", " ")
            if name == "ms":
                return f"{aim} ms"
            return f"{aim} to {one_line(params['target'])}" if name == "selector" and "target" in params else aim
    return ""
