"""The reference of the command line as a Markdown page, made from the commands themselves.

    python -m bykilt.cli.reference > docs/reference/cli.md

Knows how a command looks on a page. What there is to say it reads from click.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from bykilt.cli.main import main as root

MADE_BY = "<!-- Made by `make docs`; do not edit. -->"

_INTRODUCTION = """\
Progress and errors go to standard error, results to standard output.
With `--json` the result is one JSON document; an error is then `{"error": {"code", "message", "hint"}}`.

| exit code | meaning |
| --- | --- |
| 0 | success |
| 1 | the run failed |
| 2 | bad input: an option, a flow file, a parameter |
| 3 | something is missing on this machine; `bykilt doctor` says what |
| 130 | interrupted: Ctrl-C, SIGTERM, or a cancelled run |
"""


def page() -> str:
    """Return the whole page."""
    lines = [MADE_BY, "", "# Command line", "", _INTRODUCTION]
    context = click.Context(root, info_name="bykilt", **root.context_settings)
    for section in _sections(context):
        lines += [section, ""]
    return "\n".join(lines).rstrip() + "\n"


def _sections(context: click.Context) -> Iterator[str]:
    command = context.command
    yield f"## `{context.command_path}`"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{context.command_path} {usage}\n```"
    yield from _blocks(command.help or "")
    if command.epilog:
        yield from _blocks(command.epilog)
    rows = [
        _row(parameter, context) for parameter in command.get_params(context) if isinstance(parameter, click.Option)
    ]
    if rows:
        yield "\n".join(["| option | meaning |", "| --- | --- |", *rows])
    if isinstance(command, click.Group):
        names = command.list_commands(context)
        yield "\n".join(
            ["| command | what it does |", "| --- | --- |", *(_short(command, context, name) for name in names)]
        )
        for name in names:
            child = command.get_command(context, name)
            if child is not None:
                yield from _sections(click.Context(child, info_name=name, parent=context))


def _blocks(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help; one that click must not fill is code, its first line the heading of it."""
    for block in inspect.cleandoc(text).split("\n\n"):
        marked, _, kept = block.partition("\b\n")
        if not kept:
            yield marked
            continue
        lines = kept.splitlines()
        code = [line.removeprefix("  ") for line in lines[1:]]
        is_code = bool(code) and all(line.startswith("  ") for line in lines[1:])
        yield f"{lines[0]}\n\n```sh\n{chr(10).join(code)}\n```" if is_code else " ".join(lines)


def _row(option: click.Parameter, context: click.Context) -> str:
    names, meaning = option.get_help_record(context) or ("", "")
    return f"| `{_cell(names)}` | {_cell(meaning)} |"


def _short(group: click.Group, context: click.Context, name: str) -> str:
    child = group.get_command(context, name)
    path = f"{context.command_path} {name}"
    anchor = path.replace(" ", "-")
    return f"| [`{path}`](#{anchor}) | {_cell(child.get_short_help_str(limit=200) if child else '')} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    click.echo(page(), nl=False)
