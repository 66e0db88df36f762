"""How results reach standard output. Knows JSON documents, colours and how bykilt is called; no command."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

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


def program() -> str:
    """Return how to call bykilt from here, as a person would copy it: by its name if the shell finds it."""
    if shutil.which("bykilt"):
        return "bykilt"
    called = Path(sys.argv[0])
    return shlex.quote(str(called)) if called.name == "bykilt" else f"{shlex.quote(sys.executable)} -m bykilt"


def coloured(status: str, text: str | None = None) -> str:
    """Return a text in the colour of an outcome; click takes the colour out where there is no terminal."""
    return click.style(text or status, fg=_COLOURS.get(status))
