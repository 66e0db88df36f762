"""`bykilt demo`: the practice site, the demo flow, and a look at what came out."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from bykilt.cli.run_options import run_options
from bykilt.json_types import JsonValue

if TYPE_CHECKING:
    from bykilt.browser.engine.launch_context import LaunchContext
    from bykilt.cli.run_summary import FinishedRun
    from bykilt.practice import PracticeSite

_SHOWN_ROWS = 5
_CELL_WIDTH = 24


@click.command()
@run_options
@click.option(
    "--keep-serving", is_flag=True, help="Keep the practice site up afterwards, to look around; Ctrl-C ends it."
)
@click.pass_context
def demo(
    ctx: click.Context,
    engine: str | None,
    headed: bool,
    timeout_s: float | None,
    traces: bool,
    har: str | None,
    video: bool,
    as_json: bool,
    quiet: bool,
    keep_serving: bool,
) -> None:
    """Run the demo flow on the practice site that comes with bykilt.

    The site is a made-up back office on this machine's loopback address. The flow logs in, pages through a table,
    saves it as CSV, uploads a file, works in a shadow root and in an iframe, and takes screenshots, on either engine.

    \b
    Examples:
      bykilt demo
      bykilt demo --engine playwright
      bykilt demo --headed --keep-serving
    """
    from bykilt.app import App
    from bykilt.cli.output import print_json, print_lines
    from bykilt.cli.progress_view import progress_view
    from bykilt.cli.run_summary import say_failure, summary_json, summary_lines
    from bykilt.cli.running import carry_out
    from bykilt.flows.loader import load_flow
    from bykilt.practice import DEMO_FLOW, PracticeSite
    from bykilt.runs.model import RunRequest

    view = progress_view(quiet=quiet)
    with PracticeSite() as site:
        view.say(f"Practice site at {site.url}")
        request = RunRequest(
            flow=load_flow(DEMO_FLOW),
            params={"base_url": site.url},
            source="the demo flow of bykilt",
            engine=engine,
            headed=headed,
            timeout_s=timeout_s,
            trace=traces,
            har=har,
            video=video,
            launch=_only(site),
        )
        finished = carry_out(App.from_environment(), request, view)
        if as_json:
            print_json(summary_json(finished) | {"site_saw": _seen(site)})
        elif quiet:
            say_failure(finished)
        else:
            click.echo()
            print_lines(_table(finished))
            print_lines(_proof(site))
            print_lines(summary_lines(finished))
        if keep_serving:
            _keep_serving(site)
    ctx.exit(finished.exit_code)


def _only(site: PracticeSite) -> LaunchContext:
    """A browser that reaches the practice site and nothing else."""
    from bykilt.browser.engine.launch_context import LaunchContext

    return LaunchContext(allowed_hosts=[urlsplit(site.url).netloc])


def _table(finished: FinishedRun) -> Iterator[str]:
    """Yield the first rows of the table that was extracted."""
    from bykilt.cli.text_table import columns, shortened
    from bykilt.history.model import ArtifactKind

    for item in finished.files(ArtifactKind.DATA):
        if item.format != "csv":
            continue
        rows = _rows(finished.folder.path / item.file)
        head = next(rows, [])
        shown = [[shortened(cell, _CELL_WIDTH) for cell in row] for row in islice(rows, _SHOWN_ROWS)]
        yield from columns(head, shown)
        if item.records is not None and item.records > len(shown):
            yield f"… and {item.records - len(shown)} more"
        yield ""


def _rows(path: Path) -> Iterator[list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as lines:
        yield from csv.reader(lines)


def _proof(site: PracticeSite) -> Iterator[str]:
    """Yield what the other side says happened."""
    if not site.seen.pages:
        return
    uploads = ", ".join(
        f"{upload.name} ({upload.size} bytes, sha256 {upload.sha256[:12]}…)" for upload in site.seen.uploads
    )
    logins = sum(login.accepted for login in site.seen.logins)
    yield f"The site saw {logins} login, {len(site.seen.forms)} forms, and {uploads or 'no file'}."
    yield ""


def _seen(site: PracticeSite) -> dict[str, JsonValue]:
    return {
        "logins": [{"user": login.user, "accepted": login.accepted} for login in site.seen.logins],
        "uploads": [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in site.seen.uploads],
        "forms": [{"path": form.path, "fields": dict(form.fields)} for form in site.seen.forms],
    }


def _keep_serving(site: PracticeSite) -> None:
    from bykilt.cli.interruption import interruptible

    with interruptible() as until_interrupted:
        where = f"The practice site stays at {site.url} (user {site.user}, password {site.password})."
        click.echo(f"\n{where}", err=True)
        click.echo("Press Ctrl-C to stop.", err=True)
        until_interrupted()
