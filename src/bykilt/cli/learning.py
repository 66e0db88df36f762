"""`bykilt run --learn-hosts`: from what a run reached to a profile for a person to look through.

Knows where the decisions are and where the profile goes. Does not know how it is written (`sandbox.learning`).
"""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from bykilt.browser.sandbox.learning import profile_from_hosts
from bykilt.cli.output import program
from bykilt.cli.run_summary import FinishedRun
from bykilt.events.event_file import read_events
from bykilt.events.model import EgressDecided
from bykilt.storage.atomic_file import write_atomic

_NAME = "learned"


def write_learned_profile(finished: FinishedRun, file: Path) -> None:
    """Write the profile that a run needs, also of one that failed: it says what was reached until then.

    Raises:
        StorageError: It could not be written, or the events could not be read.
    """
    events = read_events(finished.folder.events, finished.record.id)
    decisions = [event.fact for event in events if isinstance(event.fact, EgressDecided)]
    text = profile_from_hosts(decisions, name=_NAME, flow=finished.record.flow)
    write_atomic(file.absolute(), text.encode(), 0o644)
    again = f"{program()} run … --sandbox {_NAME} --sandbox-file {shlex.quote(str(file))}"
    click.echo(f"What the run reached is in {file}. Look through it, then: {again}", err=True)
