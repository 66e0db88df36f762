"""When a provider that failed is asked again: later each time, at random, never beyond the call's deadline. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

Chance = Callable[[], float]
"""Returns a number from 0 to 1, each as likely as any other."""


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """`attempts` in all; before the second one up to `first_s` seconds pass, then twice as many, up to `most_s`."""

    attempts: int = 3
    first_s: float = 0.5
    most_s: float = 20.0


def pause_s(
    settings: RetrySettings,
    attempt: int,
    left_s: float,
    *,
    asked_s: float | None = None,
    chance: Chance = random.random,
) -> float | None:
    """Return how long to wait after the failed attempt of that number (from 1); None if it was the last one.

    Anything from nothing to the full pause is as likely ("full jitter"), so that those who failed together do not
    come back together. A provider that says how long to wait (`asked_s`) is waited for that long and up to a pause
    more. What would not leave any of the call's `left_s` seconds is not waited for.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    if attempt >= settings.attempts:
        return None
    full_s = min(settings.most_s, settings.first_s * 2.0 ** (attempt - 1))
    pause = chance() * full_s if asked_s is None else asked_s + chance() * min(settings.first_s, full_s)
    return pause if pause < left_s else None
