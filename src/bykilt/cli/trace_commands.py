"""`bykilt trace`: opens what a run left in the stock viewer."""

from __future__ import annotations

import click

from bykilt.cli.lazy_group import LazyGroup


@click.group(cls=LazyGroup)
def trace() -> None:
    """Look at the trace of a run."""
