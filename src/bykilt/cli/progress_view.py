"""Shows the progress of a run on standard error: a live line on a terminal, plain lines elsewhere.

Knows terminals. What is worth showing is decided by `progress_model`. Standard output is left to results.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

import click

from bykilt.cli.amounts import duration
from bykilt.cli.progress_model import NoteLine, ProgressModel, StepLine
from bykilt.cli.text_table import one_line, shortened, width
from bykilt.events.model import Event, Outcome

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

_TITLE_CELLS = 58
_SIGNS = {
    Outcome.SUCCEEDED: ("✓", "ok", "green"),
    Outcome.FAILED: ("✗", "FAILED", "red"),
    Outcome.SKIPPED: ("–", "skipped", "bright_black"),
    Outcome.CANCELLED: ("■", "cancelled", "yellow"),
    Outcome.INTERRUPTED: ("■", "interrupted", "yellow"),
}


class ProgressView(Protocol):
    """Told of every event of one run."""

    def on_event(self, event: Event) -> None: ...

    def say(self, text: str) -> None:
        """Show a remark of the command itself."""

    def close(self) -> None:
        """Leave the terminal as it was. Calling it twice is fine."""


class SilentView:
    """For `--quiet`."""

    def on_event(self, event: Event) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing to do."""


class PlainView:
    """One line for each step that has ended; for logs and pipes."""

    def __init__(self) -> None:
        self._model = ProgressModel()

    def on_event(self, event: Event) -> None:
        """Print what the event adds."""
        for line in self._model.feed(event):
            click.echo(_plain(line), err=True)

    def say(self, text: str) -> None:
        """Print a remark."""
        click.echo(text, err=True)

    def close(self) -> None:
        """Nothing to do."""


class LiveView:
    """Lines that stay, and below them one that tells what is going on."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.status import Status

        self._model = ProgressModel()
        self._console: Console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._status: Status = Status("starting the browser", console=self._console)
        self._status.start()

    def on_event(self, event: Event) -> None:
        """Print what the event adds, and renew the line below."""
        from rich.text import Text

        for line in self._model.feed(event):
            self._console.print(Text.from_ansi(_styled(line)))
        if self._model.current:
            self._status.update(Text(shortened(self._model.current, max(20, self._console.width - 4))))

    def say(self, text: str) -> None:
        """Print a remark."""
        self._console.print(text)

    def close(self) -> None:
        """Take the live line away."""
        self._status.stop()


def progress_view(*, quiet: bool) -> ProgressView:
    """Return the view that fits where standard error goes."""
    if quiet:
        return SilentView()
    return LiveView() if sys.stderr.isatty() else PlainView()


def _plain(line: StepLine | NoteLine) -> str:
    if isinstance(line, NoteLine):
        return f"warning: {one_line(line.text)}" if line.is_warning else one_line(line.text)
    _, word, _ = _SIGNS[line.outcome]
    return f"{word:<8} {_step_text(line)}{_message(line)}"


def _styled(line: StepLine | NoteLine) -> str:
    if isinstance(line, NoteLine):
        if line.is_warning:
            return click.style("! ", fg="yellow", bold=True) + one_line(line.text)
        return click.style(f"  {one_line(line.text)}", dim=True)
    sign, _, colour = _SIGNS[line.outcome]
    message = click.style(_message(line), fg="red") if line.message else ""
    return click.style(sign, fg=colour, bold=True) + f" {_step_text(line)}{message}"


def _step_text(line: StepLine) -> str:
    title = shortened("  " * line.depth + line.title, _TITLE_CELLS)
    padded = title + " " * (_TITLE_CELLS - width(title))
    inner = f"  ({line.inner} steps)" if line.inner else ""
    return f"{padded} {duration(line.duration_ms):>8}{inner}"


def _message(line: StepLine) -> str:
    # Line by line, so that nothing in a page's own message can move the cursor.
    return "".join(f"\n         {one_line(part)}" for part in line.message.splitlines())
