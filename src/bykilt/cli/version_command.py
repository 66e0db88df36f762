"""`bykilt version`."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

import click

from bykilt import __version__


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def version(as_json: bool) -> None:
    """Show the version.

    With --json also those of Python and of the packages that matter for a report of a bug.
    """
    if not as_json:
        click.echo(f"bykilt {__version__}")
        return
    packages = {name: _installed(name) for name in ("anyio", "click", "cdp-use", "playwright", "pydantic")}
    document = {"bykilt": __version__, "python": platform.python_version(), "packages": packages}
    click.echo(json.dumps(document, indent=2))


def _installed(name: str) -> str | None:
    try:
        return version_of(name)
    except PackageNotFoundError:
        return None
