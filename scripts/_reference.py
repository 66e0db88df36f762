"""Write the reference of actions as Markdown.

Knows how an action's fields look on a page. What they are it reads from the registry of actions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import cast

from bykilt.browser.engine.actions import Action, FieldSpec, action_types, fields_of
from bykilt.json_types import JsonValue

MADE_BY = "<!-- Made by `make docs`; do not edit. -->\n"

COMMON_FIELDS = tuple(field.name for field in fields(Action))


def actions_page() -> str:
    """Return the page of all actions, in alphabetical order."""
    lines = [
        MADE_BY,
        "# Actions",
        "",
        "An action is one thing to do in a browser; every engine gives it the same meaning.",
        'In a flow it is a step (`action` names it); in Python it is `await engine.dispatch({"type": …})`.',
        "",
        "Every action also takes:",
        "",
        "| field | value | meaning |",
        "| --- | --- | --- |",
        "| `timeout_ms` | number ≥ 0 | the deadline of this action |",
        "| `frame` | selector | where to look: a selector of the iframe, its name, or a pattern of its URL |",
        "| `page` | text | the id of the page (tab) to work on |",
        "",
    ]
    types = action_types()
    for name in sorted(name for name, cls in types.items() if cls.type == name):
        cls = types[name]
        aliases = sorted(alias for alias, other in types.items() if other is cls and alias != name)
        lines += _action_section(cls, aliases)
    return "\n".join(lines).rstrip() + "\n"


def _action_section(cls: type[Action], aliases: Sequence[str]) -> Iterator[str]:
    yield f"## `{cls.type}`"
    yield ""
    yield cls.summary
    if aliases:
        yield f"Also known as {', '.join(f'`{alias}`' for alias in aliases)}."
    yield ""
    defaults = {field.name: field.default for field in fields(cls)}
    rows = [spec for spec in fields_of(cls).values() if spec.name not in COMMON_FIELDS]
    if not rows:
        return
    yield "| field | value | default |"
    yield "| --- | --- | --- |"
    for spec in rows:
        yield f"| `{spec.name}` | {_value(spec.kind.schema)} | {_default(spec, defaults[spec.name])} |"
    yield ""


def _default(spec: FieldSpec, default: object) -> str:
    if spec.required:
        return "**required**"
    if default in (None, MISSING, (), ""):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def _value(schema: Mapping[str, JsonValue]) -> str:
    """Return a JSON Schema in a few words."""
    if "description" in schema:
        return "selector" if "CSS" in str(schema["description"]) else str(schema["description"])
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in cast("list[str]", schema["enum"]))
    if "anyOf" in schema:
        first, *_ = cast("list[Mapping[str, JsonValue]]", schema["anyOf"])
        return f"{_value(first)}; or a list of them"
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties")
        names = ", ".join(properties) if isinstance(properties, Mapping) else ""
        return f"object {{{names}}}"
    if kind in ("integer", "number"):
        return {"integer": "whole number"}.get(str(kind), "number") + _bounds(schema)
    if isinstance(kind, list):
        return " or ".join({"string": "text"}.get(str(part), str(part)) for part in kind)
    return {"string": "text", "boolean": "`true`, `false`"}.get(str(kind), "any JSON value")


def _bounds(schema: Mapping[str, JsonValue]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return f" ≥ {low}" if low is not None else ""
