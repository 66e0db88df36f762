"""`bykilt llm models`: which models can be asked in the container, and adding a GGUF file of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bykilt.cli.output import print_json, print_lines
from bykilt.cli.text_table import columns
from bykilt.json_types import JsonObject
from bykilt.settings import Settings

if TYPE_CHECKING:
    from bykilt.llm.added_models import AddedModel, AddedModels

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group(invoke_without_command=True)
@_json
@click.pass_context
def models(ctx: click.Context, as_json: bool) -> None:
    """Show the models that can be asked in the container: the one in its image, and those that were added.

    \b
    Examples:
      bykilt llm models
      bykilt llm models add qwen --file qwen.gguf --sha256 cc32…
      bykilt llm ask "Hello" --model qwen
    """
    if ctx.invoked_subcommand is not None:
        return
    from bykilt.llm.calls import MODEL
    from bykilt.llm.image_contents import MODEL_SHA256

    added = _list().all()
    built_in: JsonObject = {
        "name": MODEL, "path": None, "sha256": MODEL_SHA256, "context_tokens": 2048, "memory": "512m",
    }  # fmt: skip
    if as_json:
        print_json({"models": [built_in, *(_told(one) for one in added)]})
        return
    rows = [(MODEL, "in the image", "2048", "512m")]
    rows += [(one.name, str(one.path), str(one.context_tokens), one.memory) for one in added]
    print_lines(iter(columns(("NAME", "FILE", "TOKENS", "MEMORY"), rows)))


@models.command()
@click.argument("name")
@click.option("--file", required=True, type=click.Path(path_type=Path), help="A GGUF file that anybody may read.")
@click.option("--sha256", required=True, metavar="HEX", help="What its SHA-256 must be, from whom you have it.")
@click.option("--context-tokens", type=click.IntRange(256), default=2048, show_default=True, help="Prompt and answer.")
@click.option("--memory", default="2g", show_default=True, help="The most that its container may take.")
@_json
def add(name: str, file: Path, sha256: str, context_tokens: int, memory: str, as_json: bool) -> None:
    """Add a model. The file stays where it is; its container may read it and nothing else of this machine.

    It is looked at before each start: a file that is not the one that was added is not used.

    \b
    Examples:
      bykilt llm models add qwen --file qwen.gguf --sha256 cc32…
    """
    model = _list().add(name, file, sha256, context_tokens=context_tokens, memory=memory)
    if as_json:
        print_json(_told(model))
    else:
        click.echo(f"{model.name}: {model.path} ({model.seen.size >> 20} MiB)")


@models.command()
@click.argument("name")
def remove(name: str) -> None:
    """Take a model off the list; its file stays.

    \b
    Examples:
      bykilt llm models remove qwen
    """
    _list().remove(name)
    click.echo(f"{name} is off the list")


def _list() -> AddedModels:
    from bykilt.llm.added_models import AddedModels

    return AddedModels(Settings.from_environment().home)


def _told(model: AddedModel) -> JsonObject:
    return {
        "name": model.name,
        "path": str(model.path),
        "sha256": model.sha256,
        "context_tokens": model.context_tokens,
        "memory": model.memory,
    }
