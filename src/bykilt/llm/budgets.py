"""Budgets: what may be used up, by whom, in which time; and whether a call may still be made. Pure.

A budget is hard because the most that a call can use is taken from it before the call is made, and what it did not
use is given back afterwards. What is taken and never given back, because the process was killed, stays spent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from bykilt.errors import BykiltError
from bykilt.llm.calls import Call, CallOptions
from bykilt.llm.money import money_text

# What a chat format puts around each message, and around them all; generous, as the most that a call uses is wanted.
_TOKENS_PER_MESSAGE = 16
_TOKENS_PER_CALL = 64
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens of prompt and answer together, and money in parts (`money`)."""

    tokens: int = 0
    parts: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.tokens + other.tokens, self.parts + other.parts)


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that may be used up; None where there is no limit."""

    tokens: int | None = None
    parts: int | None = None


@dataclass(frozen=True, slots=True)
class OwnerLimits:
    """An owner's budgets: in one run, in a day, and for good."""

    run: Limit | None = None
    day: Limit | None = None
    total: Limit | None = None


@dataclass(frozen=True, slots=True)
class Budgets:
    """All budgets. `day` is for everybody together; `owner` for each owner who has no figures in `owners`."""

    run: Limit | None = None
    day: Limit | None = None
    owner: OwnerLimits = field(default_factory=OwnerLimits)
    owners: Mapping[str, OwnerLimits] = field(default_factory=dict)

    @property
    def count_money(self) -> bool:
        """Whether any of them is in money."""
        each = [self.run, self.day]
        for limits in (self.owner, *self.owners.values()):
            each += [limits.run, limits.day, limits.total]
        return any(limit is not None and limit.parts is not None for limit in each)


class Scope(StrEnum):
    """What a budget covers."""

    RUN = "run"
    DAY = "day"
    OWNER_DAY = "owner day"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Account:
    """One budget that a call draws on: what counts towards it, and its limit.

    What counts are the calls of the days since `since_s`, the beginning of one (of all times where it is None), of that
    owner and run, where given.
    """

    scope: Scope
    limit: Limit
    since_s: float | None = None
    owner: str | None = None
    run: str | None = None

    @property
    def name(self) -> str:
        """The budget in words."""
        match self.scope:
            case Scope.RUN:
                return f"the budget of run {self.run!r}"
            case Scope.DAY:
                return "the budget of the day"
            case Scope.OWNER_DAY:
                return f"the day's budget of owner {self.owner!r}"
            case Scope.OWNER:
                return f"the budget of owner {self.owner!r}"


class BudgetExceeded(BykiltError):
    """A call could use more than is left, so it was not made."""

    code = "llm_budget_exceeded"


def accounts(budgets: Budgets, options: CallOptions, now_s: float) -> Iterator[Account]:
    """Yield the budgets that a call draws on. A day begins at midnight in UTC."""
    own = budgets.owners.get(options.owner, budgets.owner)
    in_run = own.run or budgets.run
    if in_run is not None and options.run is not None:
        # A run's name is its owner's: nobody draws on, or empties, another one's.
        yield Account(Scope.RUN, in_run, owner=options.owner, run=options.run)
    if budgets.day is not None:
        yield Account(Scope.DAY, budgets.day, since_s=day_start(now_s))
    if own.day is not None:
        yield Account(Scope.OWNER_DAY, own.day, since_s=day_start(now_s), owner=options.owner)
    if own.total is not None:
        yield Account(Scope.OWNER, own.total, owner=options.owner)


def check(account: Account, used: Amount, wanted: Amount) -> None:
    """Return if there is room for what a call could use.

    Raises:
        BudgetExceeded: There is not.
    """
    limit = account.limit
    hint = "raise it in llm.yaml, or ask for less (max_tokens); `bykilt llm usage` shows what was used"
    if account.since_s is not None:
        hint = "it begins anew at midnight UTC; " + hint
    if limit.tokens is not None and used.tokens + wanted.tokens > limit.tokens:
        raise BudgetExceeded(
            f"{account.name} is {limit.tokens:,} tokens: {used.tokens:,} are used, "
            f"and this call could use {wanted.tokens:,}",
            hint=hint,
        )
    if limit.parts is not None and used.parts + wanted.parts > limit.parts:
        raise BudgetExceeded(
            f"{account.name} is {money_text(limit.parts)}: {money_text(used.parts)} are used, "
            f"and this call could cost {money_text(wanted.parts)}",
            hint=hint,
        )


def most_prompt_tokens(call: Call) -> int:
    """Return more tokens than the prompt of a call can have: one for each byte, since no token is shorter."""
    text = sum(len(message.content.encode("utf-8", "replace")) + _TOKENS_PER_MESSAGE for message in call.messages)
    return text + _TOKENS_PER_CALL + (len(call.schema_text) if call.schema is not None else 0)


def day_start(now_s: float) -> float:
    """Return when the day of a moment began, in UTC."""
    return now_s - now_s % _DAY_S


def next_day(now_s: float) -> str:
    """Return when the next day begins, for people."""
    return datetime.fromtimestamp(day_start(now_s) + _DAY_S, UTC).strftime("%Y-%m-%d %H:%M UTC")
