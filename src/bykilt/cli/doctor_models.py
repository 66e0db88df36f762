"""What `bykilt doctor` finds of language models: whether one may be asked, and whether the settings can be used."""

from __future__ import annotations

import anyio.to_thread

from bykilt.cli.doctor_finding import Finding, Status
from bykilt.errors import BykiltError
from bykilt.settings import Settings

_WHY = "steps that ask a language model need it; every other flow runs without"


async def models(settings: Settings) -> Finding:
    """May a model be asked, and whom do the settings name?"""
    from bykilt.llm.settings_file import load_settings, settings_path

    try:
        path = settings_path(settings.home)
        read = await anyio.to_thread.run_sync(load_settings, settings.home)
    except BykiltError as error:
        return _finding(Status.WARN, error.message, error.hint)
    asked = f"asked are {', '.join(read.use)}" + (f", as {path} says" if path is not None else "")
    if not settings.llm_enabled:
        return _finding(Status.INFO, "switched off; ENABLE_LLM=true switches it on")
    try:
        problem = await anyio.to_thread.run_sync(_what_is_missing)
    except BykiltError as error:
        return _finding(Status.WARN, error.message, error.hint)
    if problem:
        return _finding(Status.WARN, problem, "make it: bykilt llm build")
    return _finding(Status.OK, asked)


def _what_is_missing() -> str:
    """Return what is missing of the container that every model is asked in; nothing if it is there.

    Raises:
        DockerUnavailable: No daemon answers.
    """
    from contextlib import closing

    from bykilt.llm.daemon import connect
    from bykilt.llm.image_contents import image_name

    with closing(connect()) as client:
        return "" if client.image(image_name()) is not None else f"there is no image {image_name()!r}"


def _finding(status: Status, detail: str, fix: str = "") -> Finding:
    return Finding("models", "Language models", status, detail, _WHY, fix)
