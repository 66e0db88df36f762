"""`bykilt flow`: what can be done with a flow file without a browser."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bykilt.cli.output import print_json, print_lines, program
from bykilt.cli.text_table import columns, shortened
from bykilt.errors import ExitCode
from bykilt.json_types import JsonValue

if TYPE_CHECKING:
    from bykilt.documents.problems import Problem
    from bykilt.flows.model import Flow, Param, Step

# Whether the file is there is checked by the loader, which says it in the same words everywhere.
FLOW_FILE = click.Path(path_type=Path, dir_okay=True)


@click.group()
def flow() -> None:
    """Check, show and convert flow files.

    A flow file is JSON or YAML in bykilt's own schema, or JSON of the older unlock-future kind.
    """


@flow.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FLOW_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def validate(ctx: click.Context, files: tuple[Path, ...], as_json: bool) -> None:
    """Check flow files; say everything that is wrong with them.

    Each problem comes with its place in the file, the reason, and what may have been meant.
    Exits with 0 if all can run, else with 2.

    \b
    Examples:
      bykilt flow validate orders.yaml
      bykilt flow validate flows/*.json --json
    """
    from bykilt.flows.loader import validate as problems_of

    found = {file: problems_of(file) for file in files}
    if as_json:
        print_json({"valid": not any(found.values()), "files": [_report(file, found[file]) for file in found]})
    else:
        for file, problems in found.items():
            for problem in problems:
                click.echo(click.style("error: ", fg="red", bold=True) + str(problem), err=True)
            if not problems:
                click.echo(f"{file}: {click.style('ok', fg='green')}")
    ctx.exit(ExitCode.BAD_INPUT if any(found.values()) else ExitCode.OK)


def _report(file: Path, problems: Sequence[Problem]) -> dict[str, JsonValue]:
    return {"file": str(file), "valid": not problems, "problems": [dataclasses.asdict(problem) for problem in problems]}


@flow.command()
def schema() -> None:
    """Print the JSON Schema of flow files, for editors and other tools.

    \b
    Examples:
      bykilt flow schema > flow.schema.json
    """
    from bykilt.flows.schema import json_schema

    print_json(json_schema())


@flow.command()
@click.argument("file", type=FLOW_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show(file: Path, as_json: bool) -> None:
    """Show what a flow does: its parameters and its steps.

    \b
    Examples:
      bykilt flow show orders.yaml
    """
    from bykilt.flows.loader import load_flow

    loaded = load_flow(file)
    if as_json:
        print_json(_summary(loaded))
        return
    click.secho(loaded.name, bold=True)
    if loaded.description:
        click.echo(loaded.description)
    if loaded.params:
        click.secho("\nParameters", bold=True)
        print_lines(columns(("", "", "", ""), [_param_row(param) for param in loaded.params])[1:])
    click.secho(f"\nSteps ({loaded.step_count})", bold=True)
    print_lines(_step_lines(loaded.steps))
    given = "".join(f" -p {param.name}=…" for param in loaded.params if param.required)
    click.echo(f"\nRun it: {program()} run {file}{given}")


def _summary(loaded: Flow) -> dict[str, JsonValue]:
    return {
        "name": loaded.name,
        "description": loaded.description,
        "source": loaded.source,
        "engine": loaded.engine,
        "timeout_ms": loaded.timeout_ms,
        "params": [dataclasses.asdict(param) for param in loaded.params],
        "step_count": loaded.step_count,
        "outputs": [name for name, _ in loaded.outputs],
    }


def _param_row(param: Param) -> tuple[str, str, str, str]:
    default = "" if param.default is None else f"default {param.default}"
    value = "required" if param.required else default
    choices = f"one of {', '.join(map(str, param.choices))}" if param.choices else ""
    about = "; ".join(part for part in (param.description, choices) if part)
    return f"  {param.name}", str(param.type), value, about


def _step_lines(steps: Sequence[Step], depth: int = 1) -> Iterator[str]:
    from bykilt.flows.model import children

    for step in steps:
        yield shortened(f"{'  ' * depth}{step.action}  {_about(step)}".rstrip(), 100)
        yield from _step_lines(children(step), depth + 1)


def _about(step: Step) -> str:
    """Return a step's title, else what its action is aimed at."""
    from bykilt.flows.model import ActionStep, AskStep, ChooseStep, ExtractAIStep

    if step.head.title is not None:
        return str(step.head.title.source)
    if isinstance(step, AskStep | ChooseStep):
        return str(step.question.source)
    if isinstance(step, ExtractAIStep):
        return ", ".join(field.name for field in step.fields)
    fields = dict(step.fields) if isinstance(step, ActionStep) else {}
    aims = (fields[name].source for name in ("selector", "url", "text", "key", "expression") if name in fields)
    return str(next(aims, ""))


@flow.command()
@click.argument("file", type=FLOW_FILE)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to write, instead of standard output.")
def convert(file: Path, output: Path | None) -> None:
    """Write a flow as JSON in bykilt's own schema.

    Meant for files of the older unlock-future kind, which run as they are too; a YAML flow becomes JSON.

    \b
    Examples:
      bykilt flow convert old.json -o new.json
      bykilt flow convert orders.yaml
    """
    from bykilt.flows.loader import load_flow
    from bykilt.flows.writer import to_json

    document = to_json(load_flow(file))
    if output is None:
        print_json(document)
        return
    from bykilt.storage.atomic_file import write_atomic

    write_atomic(output.absolute(), (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode(), 0o644)
    click.echo(output)
