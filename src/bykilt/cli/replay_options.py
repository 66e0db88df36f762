"""The options of `bykilt run` about answers of language models that were recorded. Knows their names and helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import click

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """The earlier run that answers in place of models, None for the models themselves, and how exact it is taken."""

    run: str | None
    loosely: bool


def replay_options(command: F) -> F:
    """Add them; the command gets them together, as `replay`."""

    @wraps(command)
    def gathering(*arguments: Any, replay_llm: str | None, replay_llm_loose: bool, **others: Any) -> Any:
        if replay_llm_loose and replay_llm is None:
            raise click.UsageError("--replay-llm-loose says how --replay-llm RUN is meant; name the run")
        return command(*arguments, replay=ReplayOptions(replay_llm, replay_llm_loose), **others)

    decorated = cast(F, gathering)
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


_OPTIONS = (
    click.option(
        "--replay-llm",
        metavar="RUN",
        help="Take the answers of language models from this earlier run; no model is asked or started.",
    ),
    click.option(
        "--replay-llm-loose",
        is_flag=True,
        help="With --replay-llm: take an answer also where something else is asked, with a warning.",
    ),
)
