"""How results reach standard output. Knows JSON documents and the colours of outcomes, no command."""

from __future__ import annotations

import json
from collections.abc import Iterable

import click

from bykilt.json_types import JsonValue

_COLOURS = {
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
    "interrupted": "yellow",
    "running": "cyan",
    "queued": "blue",
}


def print_json(document: JsonValue) -> None:
    """Print one JSON document, readable for people too."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def print_lines(lines: Iterable[str]) -> None:
    """Print lines of text."""
    for line in lines:
        click.echo(line)


def coloured(status: str, text: str | None = None) -> str:
    """Return a text in the colour of an outcome; click takes the colour out where there is no terminal."""
    return click.style(text or status, fg=_COLOURS.get(status))
