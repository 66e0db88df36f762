"""`bykilt run`: one flow file, one run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bykilt.cli.browser_options import browser_options, browser_settings
from bykilt.cli.model_options import ModelOptions, model_options
from bykilt.cli.run_options import run_options
from bykilt.cli.sandbox_options import WallOptions, sandbox_options
from bykilt.errors import InvalidInput
from bykilt.json_types import JsonValue

if TYPE_CHECKING:
    from bykilt.cli.run_summary import FinishedRun
    from bykilt.runs.model import RunRequest


@click.command()
@click.argument("flow_file", metavar="FLOW", type=click.Path(path_type=Path))
@click.option(
    "-p", "--param", "params", metavar="NAME=VALUE", multiple=True, help="A parameter of the flow; repeatable."
)
@click.option(
    "--params-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Parameters from a JSON or YAML file; -p comes first.",
)
@click.option(
    "--upload-folder",
    "upload_folders",
    type=click.Path(path_type=Path, exists=True),
    metavar="FOLDER",
    multiple=True,
    help="Also let the flow upload files from here; repeatable. "
    "Always allowed: the flow file's own folder, and files given as parameters.",
)
@model_options
@browser_options
@sandbox_options
@run_options
@click.pass_context
def run(
    ctx: click.Context,
    /,
    flow_file: Path,
    params: tuple[str, ...],
    params_file: Path | None,
    upload_folders: tuple[Path, ...],
    models: ModelOptions,
    walls: WallOptions,
    engine: str | None,
    headed: bool,
    timeout_s: float | None,
    traces: bool,
    har: str | None,
    video: bool,
    as_json: bool,
    quiet: bool,
    **browser: Any,
) -> None:
    """Run a flow file in a browser.

    Progress goes to standard error, the result to standard output. Ctrl-C ends the run in good order; a
    second one leaves at once. Every run is kept: see `bykilt runs`.

    \b
    Examples:
      bykilt run orders.yaml
      bykilt run orders.yaml -p status=shipped -p limit=20
      bykilt run orders.yaml --params-file params.json --engine playwright
      bykilt run orders.yaml --json | jq .outputs
      bykilt run orders.yaml --device "iPhone 15" --locale ja-JP --timezone Asia/Tokyo
      bykilt run orders.yaml --allow-host shop.example --allow-host "*.shop.example"
      bykilt run orders.yaml --learn-hosts orders-sandbox.yaml
      bykilt run orders.yaml --replay-llm latest
    """
    from bykilt.flows.loader import load_flow
    from bykilt.runs.model import RunRequest

    request = RunRequest(
        flow=load_flow(flow_file),
        params=_params(params, params_file),
        source=str(flow_file),
        engine=engine,
        headed=headed,
        timeout_s=timeout_s,
        trace=traces,
        har=har,
        video=video,
        launch=walls.applied_to(browser_settings(**browser)),
        upload_folders=upload_folders,
        sandbox=walls.sandbox,
        sandbox_file=walls.sandbox_file,
        owner=models.owner,
        replay_llm=models.replay,
        replay_llm_loosely=models.replay_loosely,
    )
    finished = _carry_out(request, quiet=quiet)
    _show(finished, as_json=as_json, quiet=quiet)
    _learn(finished, walls.learn_hosts)
    ctx.exit(finished.exit_code)


def _carry_out(request: RunRequest, *, quiet: bool) -> FinishedRun:
    from bykilt.app import App
    from bykilt.cli.progress_view import progress_view
    from bykilt.cli.running import carry_out

    return carry_out(App.from_environment(), request, progress_view(quiet=quiet))


def _learn(finished: FinishedRun, file: Path | None) -> None:
    if file is not None:
        from bykilt.cli.learning import write_learned_profile

        write_learned_profile(finished, file)


def _show(finished: FinishedRun, *, as_json: bool, quiet: bool) -> None:
    from bykilt.cli.output import print_json, print_lines
    from bykilt.cli.run_summary import say_failure, summary_json, summary_lines

    if as_json:
        print_json(summary_json(finished))
    elif quiet:
        say_failure(finished)
    else:
        print_lines(summary_lines(finished))


def _params(given: tuple[str, ...], file: Path | None) -> Mapping[str, JsonValue]:
    """Return the parameters of the file with those of the command line put over them.

    Raises:
        InvalidInput: One has no `=`, or the file holds no object.
    """
    params: dict[str, JsonValue] = {}
    if file is not None:
        from bykilt.flows.loader import read_document

        document = read_document(file)
        if not isinstance(document, Mapping):
            raise InvalidInput(f"{file} holds no object", hint='write for instance {"status": "shipped"}')
        params.update(document)
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidInput(f"-p {text}: a parameter is written NAME=VALUE", hint="for instance -p status=shipped")
        params[name] = value
    return params
