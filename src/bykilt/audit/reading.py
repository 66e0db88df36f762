"""A ledger as it is read: line by line with places, and by what somebody wants to know of it.

Knows files and filters. Does not judge what it reads (`verifier`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bykilt.audit.chain import Line, read_line
from bykilt.audit.errors import LedgerUnreadable
from bykilt.audit.ledger import whole_sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFilter:
    """Which lines are wanted; None and empty do not limit. An action may end with `*`."""

    actions: Sequence[str] = ()
    what: str | None = None
    outcome: str | None = None
    run: str | None = None
    since_s: float | None = None

    def takes(self, line: Line) -> bool:
        """Whether a line is wanted."""
        return (
            (not self.actions or any(_matches(line.action, action) for action in self.actions))
            and self.what in (None, line.what)
            and self.outcome in (None, line.outcome)
            and self.run in (None, line.part("where").get("run"))
            and (self.since_s is None or line.wall_s >= self.since_s)
        )


def raw_lines(source: Path) -> Iterator[tuple[str, bytes]]:
    """Yield place and bytes of each line, newline included, of a ledger's folder or of one file.

    Raises:
        LedgerUnreadable: It cannot be read; a folder that is not there holds no lines.
    """
    path = source
    try:
        # A reader may see the beginning of a line that is being written; up to these sizes every line is whole.
        files = [(source, source.stat().st_size)] if source.is_file() else whole_sizes(source)
        for path, size in files:
            with path.open("rb") as file:
                for number, raw in enumerate(file, 1):
                    size -= len(raw)
                    yield f"{path.name}:{number}", raw if size >= 0 else raw[:size]
                    if size <= 0:
                        break
    except OSError as error:
        raise LedgerUnreadable(path, error.strerror or str(error)) from error


def lines(source: Path, wanted: LineFilter | None = None) -> Iterator[tuple[Line, bytes]]:
    """Yield the lines that are wanted, each with its bytes; what is no line is passed over.

    Raises:
        LedgerUnreadable: It cannot be read.
    """
    for _, raw in raw_lines(source):
        line = read_line(raw.removesuffix(b"\n"))
        if line is not None and (wanted is None or wanted.takes(line)):
            yield line, raw


def _matches(action: str, wanted: str) -> bool:
    return action.startswith(wanted[:-1]) if wanted.endswith("*") else action == wanted
