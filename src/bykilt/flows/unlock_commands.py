"""What each command of an `unlock-future` file means, in steps of our schema.

Knows where a command holds its values: in the list `args`, in an object as its first argument, or under keys of
its own (both are found in real files). Does not know the rest of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from bykilt.documents.problems import describe
from bykilt.json_types import JsonObject, JsonValue

Steps: TypeAlias = list[dict[str, JsonValue]]

_LOADED = "document.readyState === 'complete'"


class CommandError(ValueError):
    """A command lacks a value or has one that makes no sense."""

    def __init__(self, reason: str, suggestion: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.suggestion = suggestion


class Command:
    """One command: its values by key or by position. `variables` collects the names that it sets."""

    def __init__(self, source: JsonObject, new_id: Callable[[str], str]) -> None:
        self.name = str(source.get("action"))
        self.new_id = new_id
        self.variables: list[str] = []
        self._source = source
        args = source.get("args")
        self._options: JsonObject = args if isinstance(args, Mapping) else {}
        self._args: Sequence[JsonValue] = args if isinstance(args, Sequence) and not isinstance(args, str) else ()
        if isinstance(args, str | int | float):
            self._args = (args,)
        if self._args and isinstance(self._args[0], Mapping) and self.name in ("screenshot", "extract_content"):
            self._options, self._args = self._args[0], self._args[1:]

    @property
    def args(self) -> Sequence[JsonValue]:
        """The values given by position."""
        return self._args

    def get(self, *keys: str) -> JsonValue:
        """Return the first value there is under these keys, in the command or in its object of arguments."""
        for key in keys:
            for place in (self._source, self._options):
                if place.get(key) is not None:
                    return place[key]
        return None

    def value(self, position: int, *keys: str) -> JsonValue:
        """Return the value under one of the keys, else the one at the position; None when there is none."""
        found = self.get(*keys)
        if found is None and position < len(self._args):
            return self._args[position]
        return found

    def need(self, position: int, *keys: str) -> JsonValue:
        """Return the same.

        Raises:
            CommandError: There is none.
        """
        found = self.value(position, *keys)
        if found is None:
            raise CommandError(
                f"{self.name} needs a {keys[0]}", f'give it in "args" as number {position + 1}, or as "{keys[0]}"'
            )
        return found

    def text(self, position: int, *keys: str) -> str:
        """Return the same, which must be text.

        Raises:
            CommandError: There is none, or it is something else.
        """
        found = self.need(position, *keys)
        if not isinstance(found, str) or not found:
            raise CommandError(f"{self.name}: {keys[0]} must be text, got {describe(found)}")
        return found

    def names(self) -> list[str]:
        """Return the names of variables that the command sets, as far as it is well formed."""
        found: JsonValue = None
        if self.name == "variable":
            found = self.value(0, "name", "target")
        elif self.name == "append":
            found = self.value(0, "target", "name")
        elif self.name in ("extract", "execute_javascript"):
            found = self.get("target")
        elif self.name == "extract_content":
            found = self.get("target") or "content"
        return [found] if isinstance(found, str) else []

    def set(self, name: str, value: JsonValue) -> dict[str, JsonValue]:
        """Return the step that gives a variable its value."""
        self.variables.append(name)
        return {"action": "variable", "name": name, "value": value}


def _with(step: dict[str, JsonValue], **more: JsonValue) -> dict[str, JsonValue]:
    return {**step, **{key: value for key, value in more.items() if value is not None}}


def _wait_until_loaded() -> dict[str, JsonValue]:
    return {"action": "wait_for", "title": "Wait until the page has loaded", "expression": _LOADED}


def _command(command: Command) -> Steps:
    url = command.text(0, "url")
    if url == "current":
        return []
    steps: Steps = [_with({"action": "navigate", "url": url}, wait_until=command.get("wait_until"))]
    if (selector := command.get("wait_for")) is not None:
        steps.append({"action": "wait_for", "selector": selector})
    return steps


def _wait_for_navigation(command: Command) -> Steps:
    return [_wait_until_loaded()]


def _wait_for_selector(command: Command) -> Steps:
    step: dict[str, JsonValue] = {"action": "wait_for", "selector": command.need(0, "selector")}
    return [_with(step, state=command.get("state"), timeout_ms=command.value(1, "timeout"))]


def _click(command: Command) -> Steps:
    step: dict[str, JsonValue] = {"action": "click", "selector": command.need(0, "selector")}
    steps = [_with(step, timeout_ms=command.value(1, "timeout"))]
    return [*steps, _wait_until_loaded()] if command.get("wait_for_navigation") is True else steps


def _fill(command: Command) -> Steps:
    return [{"action": "fill", "selector": command.need(0, "selector"), "text": command.need(1, "value", "text")}]


def _keyboard_press(command: Command) -> Steps:
    # Some files name the key `selector`.
    return [{"action": "press", "key": command.text(0, "key", "selector")}]


def _upload_file(command: Command) -> Steps:
    files = command.get("files", "path", "file")
    if files is None:
        files = list(command.args[1:]) if len(command.args) != 2 else command.args[1]
    if not files:
        raise CommandError("upload_file needs a path", 'for instance "args": ["#file", "report.pdf"]')
    return [{"action": "file_upload", "selector": command.need(0, "selector"), "files": files}]


def _screenshot(command: Command) -> Steps:
    path = command.value(0, "path")
    prefix = command.get("prefix", "label")
    if path is None and isinstance(prefix, str):
        path = f"screenshots/{prefix}.{'jpeg' if command.get('format') == 'jpeg' else 'png'}"
    step: dict[str, JsonValue] = {"action": "screenshot"}
    return [_with(step, path=path, full_page=command.get("full_page"), format=command.get("format"))]


def _execute_javascript(command: Command) -> Steps:
    step: dict[str, JsonValue] = {
        "action": "evaluate_js",
        "expression": command.text(0, "expression", "script", "code"),
    }
    target = command.get("target")
    if not isinstance(target, str):
        return [step]
    step_id = command.new_id("script")
    return [{"id": step_id, **step}, command.set(target, f"${{steps.{step_id}.result}}")]


def _delay(command: Command) -> Steps:
    return [{"action": "wait_for", "ms": command.need(0, "ms", "timeout", "duration")}]


def _variable(command: Command) -> Steps:
    name = command.text(0, "name", "target")
    return [command.set(name, command.value(1, "value"))]


def _append(command: Command) -> Steps:
    return [{"action": "append", "name": command.text(0, "target", "name"), "value": command.need(1, "value")}]


def _save_data(command: Command) -> Steps:
    file = command.value(1, "file", "path", "filename")
    data = command.need(0, "data", "value", "source")
    step: dict[str, JsonValue] = {"action": "save_data", "file": "data.json" if file is None else file, "data": data}
    return [_with(step, format=command.get("format"))]


def _close_tab(command: Command) -> Steps:
    return [{"action": "close_tab"}]


def _extract(command: Command) -> Steps:
    step: dict[str, JsonValue] = {"action": "extract", "selector": command.need(1, "selector")}
    limit = command.value(2, "limit")
    attributes = command.value(3, "attributes", "fields")
    if isinstance(attributes, Mapping) and attributes:
        step["fields"] = {name: _field(value) for name, value in attributes.items()}
        step = _with(step, limit=limit)
    else:
        step = _with({**step, "all": True}, limit=limit, **_what_to_read(attributes))
    target = command.value(0, "target")
    if not isinstance(target, str):
        return [step]
    step_id = command.new_id("extract")
    return [{"id": step_id, **step}, command.set(target, f"${{steps.{step_id}.result}}")]


def _what_to_read(attribute: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(attribute, str) or attribute == "text":
        return {}
    if attribute in ("html", "inner_text", "count"):
        return {"kind": attribute}
    return {"kind": "attribute", "attribute": attribute}


def _field(value: JsonValue) -> JsonValue:
    """Return what to read for one field of a record: a selector, or an object with more to it."""
    if not isinstance(value, Mapping):
        return value
    field: dict[str, JsonValue] = {"selector": value.get("selector")}
    return _with(field, kind=value.get("kind", value.get("type")), attribute=value.get("attribute", value.get("attr")))


def _extract_content(command: Command) -> Steps:
    wanted = command.get("selectors")
    if wanted is None:
        wanted = list(command.args) or "h1"
    entries = _entries(wanted)
    steps: Steps = []
    content: dict[str, JsonValue] = {}
    for label, selector, fields in entries:
        step_id = command.new_id("content")
        step: dict[str, JsonValue] = {"id": step_id, "action": "extract", "selector": selector}
        names = command.get("fields") if fields is None else fields
        if isinstance(names, Sequence) and not isinstance(names, str) and names:
            step["fields"] = {str(name): {"selector": "", **_own_part(str(name))} for name in names}
        else:
            step["all"] = True
        steps.append(step)
        content[label] = f"${{steps.{step_id}.result}}"
    target = command.get("target")
    return [*steps, command.set(target if isinstance(target, str) else "content", content)]


def _own_part(name: str) -> dict[str, JsonValue]:
    return {"kind": "text"} if name == "text" else _what_to_read(name)


def _entries(wanted: JsonValue) -> list[tuple[str, JsonValue, JsonValue]]:
    """Return label, selector and fields of everything to read; selectors come as texts, objects, or by label."""
    if isinstance(wanted, str):
        wanted = [wanted]
    found: list[tuple[str, JsonValue, JsonValue]] = []
    pairs = wanted.items() if isinstance(wanted, Mapping) else [("", item) for item in _listed(wanted)]
    for key, item in pairs:
        if isinstance(item, Mapping):
            selector = item.get("selector", item.get("css"))
            label = item.get("label", key or selector)
            found.append((str(label), selector, item.get("fields")))
        else:
            found.append((key or str(item), item, None))
        if not found[-1][1]:
            raise CommandError("extract_content needs a selector for everything it reads", '"selectors": ["h1", "p"]')
    return found


def _listed(value: JsonValue) -> Sequence[JsonValue]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    raise CommandError(f"extract_content: selectors must be a list, got {describe(value)}")


COMMANDS: Mapping[str, Callable[[Command], Steps]] = {
    "command": _command,
    "wait_for_navigation": _wait_for_navigation,
    "wait_for_selector": _wait_for_selector,
    "click": _click,
    "fill_form": _fill,
    "fill": _fill,
    "input": _fill,
    "keyboard_press": _keyboard_press,
    "extract_content": _extract_content,
    "extract": _extract,
    "screenshot": _screenshot,
    "upload_file": _upload_file,
    "execute_javascript": _execute_javascript,
    "delay": _delay,
    "variable": _variable,
    "append": _append,
    "save_data": _save_data,
    "close_tab": _close_tab,
}

_ADVICE: Mapping[str, str] = {
    "go_to_url": "write 'command' with the address",
    "goto": "write 'command' with the address",
    "navigate": "write 'command' with the address",
    "wait": "write 'delay' with milliseconds, or 'wait_for_selector'",
    "sleep": "write 'delay' with milliseconds",
    "click_element": "write 'click' with a selector; elements have no numbers here",
    "input_text": "write 'fill' with a selector and the text",
    "scroll_to_bottom": "write 'execute_javascript' with \"window.scrollTo(0, document.body.scrollHeight)\"",
    "extract_page_content": "write 'extract_content' with the selectors to read",
}


def advice_for(name: str) -> str:
    """Return what to write instead of a command that other tools know; empty when nothing is known of it."""
    return _ADVICE.get(name, "")
