"""When a provider is left alone: after so many failures in a row, for a while, and then one call tries it. Pure.

What is known of a provider is in the record of calls, so all processes of a home share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bykilt.errors import BykiltError


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """`failures` in a row open it, for `open_s` seconds after the last one."""

    failures: int = 5
    open_s: float = 30.0


class BreakerState(StrEnum):
    """Whether a provider is asked: `closed` asks it, `open` does not, `half-open` lets one call try it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Tried:
    """One request that a provider answered, or failed to."""

    ended_s: float
    failed: bool


class ProviderResting(BykiltError):
    """The provider failed several times in a row and is left alone; `retry_after_s` says when it is tried again."""

    code = "llm_provider_resting"

    def __init__(self, provider: str, failures: int, retry_after_s: float) -> None:
        super().__init__(
            f"{provider} failed {failures} times in a row, and is asked again in {retry_after_s:.0f} s",
            hint="`bykilt llm providers` shows how each one does",
        )
        self.retry_after_s = retry_after_s


def state(latest: Sequence[Tried], settings: BreakerSettings, now_s: float) -> tuple[BreakerState, float]:
    """Return the state, and how many seconds it stays open.

    `latest` has the last requests, the latest first; only as many as open it are looked at.
    """
    decisive = latest[: settings.failures]
    if len(decisive) < settings.failures or not all(one.failed for one in decisive):
        return BreakerState.CLOSED, 0.0
    left_s = decisive[0].ended_s + settings.open_s - now_s
    return (BreakerState.OPEN, left_s) if left_s > 0 else (BreakerState.HALF_OPEN, 0.0)
