"""`bykilt trace`: opens what a run left in the stock viewer."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path

import click

from bykilt.cli.output import print_json
from bykilt.errors import BykiltError, ExitCode


class NoTrace(BykiltError):
    """The run left no trace."""

    code = "no_trace"
    exit_code = ExitCode.BAD_INPUT


@click.group()
def trace() -> None:
    """Look at the trace of a run."""


@trace.command("open", epilog="RUN is the id of a run, the first letters of one, `latest`, or the path of a trace.")
@click.argument("run_name", metavar="RUN")
@click.option(
    "--open/--no-open", "opens", default=None, help="Open a browser window, by default if there is a display."
)
@click.option("--json", "as_json", is_flag=True, help="Print the address as one JSON document.")
def open_trace(run_name: str, opens: bool | None, as_json: bool) -> None:
    """Serve the trace viewer with the trace of a run, until Ctrl-C.

    It listens on this machine's loopback address only.

    \b
    Examples:
      bykilt trace open latest
      bykilt trace open latest --no-open
      bykilt trace open ./trace.zip
    """
    from bykilt.cli.interruption import interruptible
    from bykilt.trace.viewer_server import ViewerServer

    with ViewerServer(_trace_of(run_name)) as server, interruptible() as until_interrupted:
        if as_json:
            print_json({"url": server.url})
        else:
            click.echo(server.url)
            click.echo("Press Ctrl-C to stop.", err=True)
        if opens if opens is not None else _has_display():
            webbrowser.open(server.url)
        until_interrupted()


def _trace_of(name: str) -> Path:
    """Return the trace that is meant; one that was never finished is made now.

    Raises:
        NoTrace: The run has none, and none can be made.
        UnknownRun, AmbiguousRun: The name means no run, or several.
    """
    from bykilt.app import App
    from bykilt.trace.writer import TraceNotWritten, write_trace

    if name.endswith(".zip") and Path(name).is_file():
        return Path(name)
    app = App.from_environment()
    with app.history() as history:
        run = history.find(name)
    folder = app.home.run_folder(run.id)
    if folder.trace.is_file():
        return folder.trace
    if not run.status.is_final:
        raise NoTrace(f"run {run.id} is still {run.status}", hint="the trace is written when the run has ended")
    try:
        return write_trace(folder.path)
    except TraceNotWritten as error:
        raise NoTrace(f"run {run.id} has no trace: {error.message}", hint=error.hint) from error


def _has_display() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
