"""What is on record of each request to a model, in the words of the record. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bykilt.llm.breaker import BreakerSettings
from bykilt.llm.budgets import Account, Amount
from bykilt.llm.rates import Rate


class RequestOutcome(StrEnum):
    """What came of a request. `open` is one that has not ended, or whose process was killed before it did."""

    OPEN = "open"
    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INVALID = "invalid"
    """There was an answer, which does not fit the schema that was asked for."""


class Grouping(StrEnum):
    """By what the record can be summed up."""

    DAY = "day"
    PROVIDER = "provider"
    MODEL = "model"
    OWNER = "owner"
    RUN = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A request that is about to be made: by whom, of whom, and the most that it can use.

    `most_parts` is None where the model has no price. `call` is shared by the requests that one call led to.
    """

    call: str
    owner: str
    run: str | None
    provider: str
    model: str
    most_prompt_tokens: int
    most_completion_tokens: int
    most_parts: int | None

    @property
    def most(self) -> Amount:
        """The most that it can use."""
        return Amount(self.most_prompt_tokens + self.most_completion_tokens, self.most_parts or 0)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a request must have room in. No `breaker`: the provider is asked whatever became of it before."""

    accounts: Sequence[Account] = ()
    provider_rate: Rate = field(default_factory=Rate)
    owner_rate: Rate = field(default_factory=Rate)
    breaker: BreakerSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a request ended, and what it used; `parts` is None where that is not known.

    `provider_is_well` says what the ending tells of the provider: None where it tells nothing.
    """

    outcome: RequestOutcome
    prompt_tokens: int
    completion_tokens: int
    parts: int | None
    provider_is_well: bool | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine:
    """One line of a summary. `unpriced` counts the answers whose cost is not known and so not in `parts`.

    `abandoned` counts the requests whose process was killed; they count as the most that they could use.
    """

    key: str
    calls: int
    answered: int
    failed: int
    cached: int
    abandoned: int
    prompt_tokens: int
    completion_tokens: int
    parts: int
    unpriced: int
