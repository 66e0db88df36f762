"""Write the reference of actions and of the command line as Markdown.

Knows how an action's fields and a command's options look on a page. What they are it reads from the code: the
registry of actions and the tree of click commands.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import cast

import click

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


def commands_page(root: click.Command) -> str:
    """Return the page of all commands below `root`."""
    lines = [
        MADE_BY,
        "# Command line",
        "",
        "Exit codes: 0 success, 1 the run failed, 2 bad input, 3 something is missing on this machine, "
        "130 interrupted.",
        "",
    ]
    for path, command in _walk(root, root.name or "bykilt"):
        lines += _command_section(path, command)
    return "\n".join(lines).rstrip() + "\n"


def _walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from _walk(child, f"{path} {name}")


def _command_section(path: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    yield f"## `{path}`"
    yield ""
    yield "```text"
    yield " ".join(["usage:", path, *command.collect_usage_pieces(context)])
    yield "```"
    yield ""
    if command.help:
        yield _paragraphs(command.help)
        yield ""
    rows = [record for param in command.get_params(context) if (record := param.get_help_record(context))]
    if rows:
        yield "| option | meaning |"
        yield "| --- | --- |"
        for names, text in rows:
            yield f"| `{names}` | {text.replace('|', chr(92) + '|')} |"
        yield ""


def _paragraphs(text: str) -> str:
    """Return click's help text without its layout marks."""
    return "\n".join(line.strip() for line in text.replace("\b\n", "").strip().splitlines())
