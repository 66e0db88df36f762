"""`bykilt runs`: what was run, and what is left of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bykilt.cli.amounts import Since, Span, duration, local_time, size
from bykilt.cli.output import coloured, print_json, print_lines, program
from bykilt.cli.text_table import columns, shortened

if TYPE_CHECKING:
    from bykilt.cli.model_record import ModelRecord
    from bykilt.cli.sandbox_record import SandboxRecord
    from bykilt.history.model import ArtifactRecord, RunRecord, StepRecord
    from bykilt.ids import RunId
    from bykilt.storage.run_folder import RunFolder

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled", "interrupted")
RUN_HELP = "RUN is the id of a run, the first letters of one, or `latest`."


@click.group()
def runs() -> None:
    """List, show, export and delete past runs.

    A run is named by its id, by the first letters of it, or as `latest`.
    """


@runs.command("list")
@click.option("--status", type=click.Choice(STATUSES), multiple=True, help="Only runs with this status; repeatable.")
@click.option("--flow", help="Only runs of the flow with this name.")
@click.option("--engine", help="Only runs on this engine.")
@click.option("--since", type=Since(), help="Only runs submitted since then: 12h, 7d, 2026-11-24, …")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
@click.option("--before", metavar="ID", help="Only runs older than this one; for the next page.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_runs(
    status: tuple[str, ...],
    flow: str | None,
    engine: str | None,
    since: float | None,
    limit: int,
    before: str | None,
    as_json: bool,
) -> None:
    """List runs, the latest first.

    \b
    Examples:
      bykilt runs list
      bykilt runs list --status failed --since 7d
      bykilt runs list --flow practice-back-office --json
    """
    from bykilt.app import App
    from bykilt.history.documents import run_json
    from bykilt.history.model import RunFilter, RunStatus

    wanted = RunFilter(status=frozenset(map(RunStatus, status)), flow=flow, engine=engine, since_s=since)
    with App.from_environment().history() as history:
        page = history.list_runs(wanted, limit=limit, before=history.find(before).id if before else None)
    if as_json:
        print_json({"runs": [run_json(run) for run in page.runs], "next_before": page.next_before})
        return
    if not page.runs:
        click.echo("No runs." if wanted != RunFilter() else f"No runs yet. `{program()} demo` makes the first one.")
        return
    head = ("RUN", "STATUS", "FLOW", "ENGINE", "SUBMITTED", "TOOK")
    rows = [
        (
            run.id,
            str(run.status),
            shortened(run.flow, 40),
            run.engine,
            local_time(run.submitted_s),
            duration(run.duration_ms),
        )
        for run in page.runs
    ]
    lines = columns(head, rows)
    click.secho(lines[0], bold=True)
    for run, line in zip(page.runs, lines[1:], strict=True):
        click.echo(line.replace(str(run.status), coloured(run.status), 1))
    if page.next_before:
        click.echo(f"\nMore: --before {page.next_before}")


@runs.command("show", epilog=RUN_HELP)
@click.argument("run_name", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show_run(run_name: str, as_json: bool) -> None:
    """Show a run: how it went, its steps, and the files it left.

    \b
    Examples:
      bykilt runs show latest
      bykilt runs show 01kb --json
    """
    from bykilt.app import App
    from bykilt.history.export import export_document

    app = App.from_environment()
    with app.history() as history:
        run = history.find(run_name)
        folder = app.home.run_folder(run.id)
        if as_json:
            document = export_document(history, folder, run.id) | {"folder": str(folder.path)}
            of_events = {"sandbox": _sandbox(folder, run.id).to_json(), "llm": _answers(folder, run.id).to_json()}
            print_json(document | of_events)
            return
        steps, artifacts = history.steps(run.id), history.artifacts(run.id)
    print_lines(_head(run, folder))
    if steps:
        click.secho("\nSteps", bold=True)
        print_lines(_steps(steps))
    sandbox = [f"  {line}" for line in _sandbox(folder, run.id).lines()]
    if sandbox:
        click.secho("\nSandbox", bold=True)
        print_lines(sandbox)
    answers = [f"  {shortened(line, 200)}" for line in _answers(folder, run.id).lines()]
    if answers:
        click.secho("\nLanguage model", bold=True)
        print_lines(answers)
    if artifacts:
        click.secho("\nFiles", bold=True)
        print_lines(_files(folder, artifacts))
    if folder.llm_answers.is_file():
        click.echo(f"\nPrompts and answers: {folder.llm_answers}")
    if folder.har.is_file():
        click.echo(f"\nRequests: {folder.har}")
    if folder.video.is_file():
        click.echo(f"\nVideo: {folder.video}")
    if folder.preview.is_file():
        click.echo(f"\nPreview: {folder.preview}")
    if folder.trace.is_file():
        click.echo(f"\nTrace: {program()} trace open {run.id}")


def _sandbox(folder: RunFolder, run_id: RunId) -> SandboxRecord:
    from bykilt.cli.sandbox_record import SandboxRecord
    from bykilt.events.event_file import read_events

    return SandboxRecord.of(read_events(folder.events, run_id) if folder.events.is_file() else ())


def _answers(folder: RunFolder, run_id: RunId) -> ModelRecord:
    from bykilt.cli.model_record import ModelRecord
    from bykilt.events.event_file import read_events

    return ModelRecord.of(read_events(folder.events, run_id) if folder.events.is_file() else ())


def _head(run: RunRecord, folder: RunFolder) -> list[str]:
    lines = [
        f"Run        {run.id}",
        f"Flow       {run.flow} ({run.source})",
        f"Status     {coloured(run.status)}",
        f"Engine     {run.engine}",
        f"Submitted  {local_time(run.submitted_s)}",
        f"Took       {duration(run.duration_ms)}",
        f"Folder     {folder.path}",
    ]
    lines += [f"Parameter  {name} = {shortened(str(value), 80)}" for name, value in run.params.items()]
    if run.failure is not None:
        place = f" in step {run.failed_step!r}" if run.failed_step else ""
        lines.append(f"Failed     {run.failure.message}{place} [{run.failure.code}]")
        if run.failure.hint:
            lines.append(f"Hint       {run.failure.hint}")
    return lines


def _steps(steps: tuple[StepRecord, ...]) -> list[str]:
    lines: list[str] = []
    for step in steps:
        outcome = str(step.outcome) if step.outcome else "running"
        attempt = f" (attempt {step.attempt})" if step.attempt > 1 else ""
        title = shortened("  " * step.depth + (step.title or step.action) + attempt, 70)
        lines.append(f"{coloured(outcome, f'{outcome:<11}')} {duration(step.duration_ms):>8}  {title}")
        if step.failure is not None:
            lines.append(f"{'':<21} {'  ' * step.depth}{step.failure.message}")
    return lines


def _files(folder: RunFolder, artifacts: tuple[ArtifactRecord, ...]) -> list[str]:
    sizes = {file.name: file.size_bytes for file in folder.artifacts()}
    rows = [
        (
            str(folder.path / artifact.file),
            size(sizes.get(artifact.file)),
            "" if artifact.records is None else f"{artifact.records} records",
        )
        for artifact in artifacts
    ]
    return columns(("", "", ""), rows)[1:]


@runs.command("export", epilog=RUN_HELP)
@click.argument("run_name", metavar="RUN")
@click.option("--format", "form", type=click.Choice(("zip", "json")), default="zip", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Where to write; a dash is standard output (json)."
)
def export_run(run_name: str, form: str, output: Path | None) -> None:
    """Write a run into one file, to keep it or to give it away.

    The zip holds the record and every file of the run; the JSON document holds the record alone.
    Look into it before you give it away: it contains what the pages showed and what was typed.

    \b
    Examples:
      bykilt runs export latest
      bykilt runs export latest -o /tmp/run.zip
      bykilt runs export latest --format json -o -
    """
    from bykilt.app import App
    from bykilt.history.export import export_document, export_zip
    from bykilt.storage.atomic_file import write_atomic
    from bykilt.storage.json_document import encode_json

    app = App.from_environment()
    with app.history() as history:
        run = history.find(run_name)
        folder = app.home.run_folder(run.id)
        target = output or Path(f"{run.id}.{form}")
        if form == "zip":
            if str(target) == "-":
                raise click.UsageError("a zip is written to a file; name one with --output")
            export_zip(history, folder, run.id, target.absolute())
        elif str(target) == "-":
            print_json(export_document(history, folder, run.id))
            return
        else:
            write_atomic(target.absolute(), encode_json(export_document(history, folder, run.id)))
    click.echo(target)


@runs.command("delete", epilog=RUN_HELP)
@click.argument("run_names", metavar="[RUN]...", nargs=-1)
@click.option("--older-than", type=Span(), help="Every finished run older than this: 12h, 30d, …")
@click.option("--keep", type=click.IntRange(0), help="All but the latest so many finished runs.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; asks nothing.")
def delete_runs(
    run_names: tuple[str, ...], older_than: float | None, keep: int | None, yes: bool, as_json: bool
) -> None:
    """Delete runs with all their files. A run that goes on is never deleted.

    \b
    Examples:
      bykilt runs delete 01kbx2
      bykilt runs delete --older-than 30d
      bykilt runs delete --keep 100 --yes
    """
    from bykilt.app import App
    from bykilt.history.retention import delete_run, prune

    by_rule = older_than is not None or keep is not None
    if bool(run_names) == by_rule:
        raise click.UsageError("name the runs to delete, or give a rule with --older-than or --keep")
    app = App.from_environment()
    with app.history() as history:
        chosen = [history.find(name).id for name in run_names]
        if not (yes or as_json):
            click.confirm(_question(chosen, older_than, keep), abort=True)
        for run_id in chosen:
            delete_run(history, app.home, run_id)
        deleted = chosen
        if by_rule:
            deleted = list(prune(history, app.home, now_s=time.time(), max_age_s=older_than, keep=keep))
    if as_json:
        print_json({"deleted": list(deleted)})
    else:
        click.echo(f"{len(deleted)} run{'' if len(deleted) == 1 else 's'} deleted")


def _question(chosen: Sequence[str], older_than: float | None, keep: int | None) -> str:
    if chosen:
        return f"Delete {', '.join(chosen)} with all files?"
    rules = [f"older than {duration(older_than * 1000)}"] if older_than is not None else []
    rules += [f"but the latest {keep}"] if keep is not None else []
    return f"Delete every finished run {' and all '.join(rules)}, with all files?"
