"""How many requests and tokens a minute: a window of the last 60 seconds that slides. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bykilt.errors import BykiltError

WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Rate:
    """The most in any 60 seconds; None where there is no limit."""

    requests: int | None = None
    tokens: int | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return self.requests is not None or self.tokens is not None


@dataclass(frozen=True, slots=True)
class Spent:
    """One request: when it was made, and the tokens that it used, or may still use."""

    at_s: float
    tokens: int


class RateExceeded(BykiltError):
    """There were too many calls or tokens in the last minute; `retry_after_s` says when there is room again."""

    code = "llm_rate_exceeded"

    def __init__(self, whose: str, rate: Rate, retry_after_s: float) -> None:
        words = [f"{most:,} {what}" for most, what in ((rate.requests, "requests"), (rate.tokens, "tokens")) if most]
        super().__init__(
            f"{whose} may have {' and '.join(words)} a minute; there is room again in {retry_after_s:.1f} s",
            hint="wait that long, or raise the rate in llm.yaml",
        )
        self.retry_after_s = retry_after_s


class CallAboveRate(BykiltError):
    """One call alone could use more tokens than a whole minute has."""

    code = "llm_rate_exceeded"

    def __init__(self, whose: str, rate: Rate, tokens: int) -> None:
        super().__init__(
            f"this call could use {tokens:,} tokens, and {whose} may have {rate.tokens:,} a minute",
            hint="ask for less (max_tokens), or raise the rate in llm.yaml",
        )


def wait_s(window: Sequence[Spent], rate: Rate, tokens: int, now_s: float) -> float:
    """Return how long a request of so many tokens must wait; 0 if there is room.

    `window` has the requests of the last minute, the oldest first. A call above the whole rate never has room
    (`CallAboveRate`); it is for the caller to refuse.
    """
    left = [one for one in window if one.at_s > now_s - WINDOW_S]
    free_s = now_s
    if rate.requests is not None and len(left) >= rate.requests:
        free_s = left[len(left) - rate.requests].at_s + WINDOW_S
    if rate.tokens is not None:
        used = sum(one.tokens for one in left)
        for one in left:
            if used + tokens <= rate.tokens:
                break
            used -= one.tokens
            free_s = max(free_s, one.at_s + WINDOW_S)
    return max(0.0, free_s - now_s)
