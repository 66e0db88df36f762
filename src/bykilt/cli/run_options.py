"""The options that `bykilt run` and `bykilt demo` share. Knows their names and helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

# The names of `EngineType`, written out so that help and completion need no engine.
ENGINES = ("cdp", "playwright")


def run_options(command: F) -> F:
    """Add the options of a command that carries out a run."""
    for option in reversed(
        (
            click.option(
                "--engine",
                type=click.Choice(ENGINES),
                help="Which engine; without it the flow decides, then RUNNER_ENGINE, else cdp.",
            ),
            click.option("--headed", is_flag=True, help="Show the browser's window."),
            click.option(
                "--timeout",
                "timeout_s",
                type=click.FloatRange(min=0, min_open=True),
                metavar="SECONDS",
                help="Deadline of the whole run.",
            ),
            click.option("--no-trace", "traces", flag_value=False, default=True, help="Leave out the trace."),
            click.option(
                "--har",
                type=click.Choice(("headers", "bodies")),
                is_flag=False,
                flag_value="headers",
                help="Write every request into network.har; with `--har=bodies` what was sent and came, too.",
            ),
            click.option("--video", is_flag=True, help="Record a video of the current page into video.webm."),
            click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document."),
            click.option(
                "-q", "--quiet", is_flag=True, help="Show no progress and no summary; only why it failed, if it did."
            ),
        )
    ):
        command = option(command)
    return command
