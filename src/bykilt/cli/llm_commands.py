"""`bykilt llm`: makes the image of the isolated model, shows its state, and asks it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bykilt.cli.lazy_group import Later, LazyGroup
from bykilt.cli.output import print_json
from bykilt.errors import BykiltError, ExitCode, InvalidInput
from bykilt.json_types import JsonObject
from bykilt.settings import Settings

if TYPE_CHECKING:
    from bykilt.llm.service_gateway import LLMResult

_BASE_HELP = "Image to build on: Python 3.12 or newer of a glibc system. [default: python:3.13-slim]"


_USAGE = "bykilt.cli.llm_usage_commands"
LATER = {
    "models": Later(
        "bykilt.cli.llm_models_commands:models",
        "Show the models that can be asked in the container; add and remove them.",
    ),
    "providers": Later(f"{_USAGE}:providers", "Show who may be asked, in which order, and how each one does."),
    "usage": Later(f"{_USAGE}:usage", "Show what calls to models have used up, and what is left of the budgets."),
}


@click.group(cls=LazyGroup, later=LATER)
def llm() -> None:
    """Ask a language model, in a container that has no network.

    A small model is in the container; providers are asked from inside it, by a broker that adds their keys. It is off
    unless ENABLE_LLM=true. Whom to ask, and for how much, is decided in llm.yaml.
    """


@llm.command()
@click.option("--base", metavar="IMAGE", help=_BASE_HELP)
@click.option("--force", is_flag=True, help="Build even if the image is there.")
@click.option("--sbom", type=click.Path(dir_okay=False, path_type=Path), help="Write what is in it there (CycloneDX).")
@click.option("--prune", is_flag=True, help="Remove images of other versions of bykilt that no container uses.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def build(base: str | None, force: bool, sbom: Path | None, prune: bool, as_json: bool) -> None:
    """Make the image: a small model, its library and our worker, each checked by its hash.

    What is not in the cache is fetched with pip; Docker then builds without any network.

    \b
    Examples:
      bykilt llm build
      bykilt llm build --base bykilt/llm-base:trixie
      bykilt llm build --sbom llm.cdx.json --prune
    """
    from contextlib import closing

    from bykilt.llm import image_build, image_sbom
    from bykilt.llm.daemon import connect
    from bykilt.llm.image_contents import image_name
    from bykilt.storage.atomic_file import write_atomic
    from bykilt.storage.json_document import encode_json

    cache = Settings.from_environment().home / "cache" / "llm"
    with closing(connect()) as client:
        built = image_build.build(client, image_name(), base or image_build.DEFAULT_BASE, cache, _tell, force=force)
        contents = image_sbom.ImageContents.of(client, built.id)
        removed = image_build.prune(client, built.tag) if prune else []
    if sbom is not None:
        write_atomic(sbom.absolute(), encode_json(image_sbom.sbom(contents, built.tag, built.id)), 0o644)
    sizes = contents.sizes()
    if as_json:
        facts: JsonObject = {"image": built.tag, "id": built.id, "size_bytes": built.size_bytes}
        print_json({**facts, "was_there": built.was_there, "contents": {**sizes}, "removed": [*removed]})
        return
    click.echo(f"{built.tag} {'is there' if built.was_there else 'is ready'} ({built.size_bytes >> 20} MiB)")
    for part, size in sizes.items():
        click.echo(f"  {size / (1 << 20):7.1f} MiB  {part}")
    for tag in removed:
        click.echo(f"{tag} is removed")


@llm.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show whether the model can be asked: the switch, Docker, the image.

    Nothing is started. Exits with 3 when something is missing.

    \b
    Examples:
      bykilt llm status
      bykilt llm status --json
    """
    facts = _status()
    if as_json:
        print_json(facts)
    else:
        for name, value in facts.items():
            click.echo(f"{name:<10}{_words(value)}")
    ctx.exit(ExitCode.OK if facts["usable"] else ExitCode.MISSING_CAPABILITY)


@llm.command()
def schema() -> None:
    """Print the JSON Schema of llm.yaml, for editors and other tools.

    \b
    Examples:
      bykilt llm schema > llm.schema.json
    """
    from bykilt.llm.settings_file import settings_schema

    print_json(settings_schema())


@llm.command()
@click.argument("prompt")
@click.option("--stream", is_flag=True, help="Print the answer while it comes.")
@click.option(
    "--schema",
    "schema_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON Schema to answer in.",
)
@click.option("--system", help="What the model is told before the prompt.")
@click.option("--max-tokens", type=click.IntRange(1), default=256, show_default=True, help="The most it may say.")
@click.option("--timeout", "deadline_s", type=click.FloatRange(0.01), default=120.0, show_default=True, help="Seconds.")
@click.option("--provider", metavar="NAME", help="Ask this one; without it, as llm.yaml says.")
@click.option("--model", metavar="NAME", help="Ask whoever has this model.")
@click.option("--owner", metavar="NAME", help="On whose account; what one owner says never reaches another one.")
@click.option("--json", "as_json", is_flag=True, help="Print answer, usage and walls as one JSON document.")
@click.pass_context
def ask(
    ctx: click.Context,
    /,
    prompt: str,
    stream: bool,
    schema_file: Path | None,
    system: str | None,
    max_tokens: int,
    deadline_s: float,
    provider: str | None,
    model: str | None,
    owner: str | None,
    as_json: bool,
) -> None:
    """Ask a model once, in a container of its own that is removed afterwards. `-` reads the prompt from input.

    \b
    Examples:
      bykilt llm ask "What is the capital of France?"
      bykilt llm ask "Name a city." --schema city.json
      bykilt llm ask "What is new?" --provider openai --model gpt-4o-mini
    """
    import anyio

    if stream and as_json:
        raise InvalidInput("--stream and --json exclude each other")
    named = {"system": system, "provider": provider, "model": model, "owner": owner}
    context = {"max_tokens": max_tokens, "deadline_s": deadline_s} | {key: word for key, word in named.items() if word}
    text = sys.stdin.read() if prompt == "-" else prompt
    result = anyio.run(_ask, text, context, _schema(schema_file), stream)
    if as_json:
        print_json(dict(result))  # type: ignore[arg-type]
    elif stream:
        click.echo()
    else:
        click.echo(_harmless(result["text"]))
    if result.get("disabled"):
        click.secho(f"no model was asked: {result['sandbox']['problem']}", err=True, fg="yellow")
        ctx.exit(ExitCode.MISSING_CAPABILITY)
    if result["finish"] == "length":
        click.secho(f"the answer was cut after {max_tokens} tokens (--max-tokens)", err=True, fg="yellow")


async def _ask(prompt: str, context: dict[str, Any], schema: dict[str, Any] | None, stream: bool) -> LLMResult:
    from bykilt.llm.service_gateway import get_llm_gateway

    gateway = get_llm_gateway()
    try:
        await gateway.initialize()
        return await gateway.invoke_llm(prompt, context, schema=schema, on_token=_show if stream else None)
    finally:
        await gateway.shutdown()


def _show(text: str) -> None:
    click.echo(_harmless(text), nl=False)


def _harmless(text: str) -> str:
    """Return the text without what would move a terminal's cursor: it comes from the sandbox."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "�" for sign in text)


def _schema(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        schema = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is no JSON: {error}") from error
    if not isinstance(schema, dict):
        raise InvalidInput(f"{path} is no JSON Schema", hint="it must be a JSON object")
    return schema


def _status() -> dict[str, Any]:
    enabled = Settings.from_environment().llm_enabled
    facts: dict[str, Any] = {"enabled": enabled, "docker": None, "apparmor": None, "image": None, "usable": False}
    from contextlib import closing

    from bykilt.llm.daemon import connect
    from bykilt.llm.errors import RuntimeMissing
    from bykilt.llm.image_contents import image_name
    from bykilt.llm.settings_file import load_settings

    try:
        runtime = load_settings(Settings.from_environment().home).container.runtime
        with closing(connect()) as client:
            facts |= {"docker": client.version(), "apparmor": client.has_apparmor(), "runtime": runtime or "default"}
            image = client.image(image_name())
            if runtime is not None and runtime not in client.runtimes():
                raise RuntimeMissing(runtime)
    except BykiltError as error:
        return facts | {"problem": error.message, "hint": error.hint}
    if image is None:
        return facts | {"problem": f"there is no image {image_name()!r}", "hint": "make it: bykilt llm build"}
    facts["image"] = {"name": image_name(), "id": image.id, "size_bytes": image.size}
    if not enabled:
        return facts | {"problem": "the language model is switched off", "hint": "set ENABLE_LLM=true"}
    return facts | {"usable": True}


def _tell(line: str) -> None:
    width = shutil.get_terminal_size().columns
    click.echo(line[:width], err=True)


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return f"{value['name']} ({value['size_bytes'] >> 20} MiB)"
    return "none" if value is None else str(value)
