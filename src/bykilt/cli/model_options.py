"""The options of `bykilt run` about language models that the flow asks. Knows their names and helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import click

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """For whom models are asked; the earlier run that answers in their place, if any, and how exactly it is taken."""

    owner: str
    replay: str | None
    replay_loosely: bool


def model_options(command: F) -> F:
    """Add them; the command gets them together, as `models`."""

    @wraps(command)
    def gathering(*arguments: Any, owner: str, replay_llm: str | None, replay_llm_loose: bool, **others: Any) -> Any:
        if replay_llm_loose and replay_llm is None:
            raise click.UsageError("--replay-llm-loose says how --replay-llm RUN is meant; name the run")
        return command(*arguments, models=ModelOptions(owner, replay_llm, replay_llm_loose), **others)

    decorated = cast(F, gathering)
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


_OPTIONS = (
    click.option(
        "--owner",
        metavar="NAME",
        default="default",
        show_default=True,
        help="For whom the run is: what language models are told for one owner reaches no other, and budgets count it.",
    ),
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
