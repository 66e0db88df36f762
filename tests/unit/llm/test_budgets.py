"""Money to the last part, and whether a call still has room in a budget."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.errors import InvalidInput
from bykilt.llm.budgets import (
    Account,
    Amount,
    BudgetExceeded,
    Budgets,
    Limit,
    OwnerLimits,
    Scope,
    accounts,
    check,
    day_start,
    most_prompt_tokens,
)
from bykilt.llm.calls import Call, CallOptions
from bykilt.llm.money import cost_parts, dollars, in_dollars, money_text, parts_of
from bykilt.llm.providers import Price

NOON = 1_795_000_000.0
ALICE = CallOptions(owner="alice", run="r1")


@pytest.mark.parametrize("value", ["x", "", "nan", "inf", -1, 0.0000001, 10_000_000, "1e9"])
def test_what_is_no_money_is_refused(value: str | float) -> None:
    with pytest.raises(InvalidInput):
        dollars(value)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**12), st.integers(0, 10**12))
def test_costs_are_exact(prompt_tokens: int, completion_tokens: int, prompt_price: int, completion_price: int) -> None:
    """Contract: in parts a cost is the very number that decimals give."""
    price = Price(Decimal(prompt_price) / 10**6, Decimal(completion_price) / 10**6)
    parts = cost_parts(price, prompt_tokens, completion_tokens)
    assert in_dollars(parts) == price.cost(prompt_tokens, completion_tokens)
    assert parts_of(dollars("0.15")) == 150_000_000_000


def test_money_is_written_so_that_little_is_not_nothing() -> None:
    assert [money_text(parts_of(Decimal(text))) for text in ("0", "12.5", "0.0123", "0.000000000001")] == [
        "$0.00",
        "$12.50",
        "$0.012300",
        "$0.000000000001",
    ]
    assert money_text(None) == "not known"


def test_a_call_draws_on_every_budget_that_covers_it() -> None:
    budgets = Budgets(run=Limit(1), day=Limit(2), owner=OwnerLimits(day=Limit(3), total=Limit(4)))
    assert [account.scope for account in accounts(budgets, ALICE, NOON)] == list(Scope)
    without_run = CallOptions(owner="alice")
    assert Scope.RUN not in [account.scope for account in accounts(budgets, without_run, NOON)]
    assert next(accounts(budgets, ALICE, NOON)) == Account(Scope.RUN, Limit(1), owner="alice", run="r1")


def test_an_owners_own_figures_take_the_place_of_the_general_ones() -> None:
    budgets = Budgets(
        run=Limit(1),
        owner=OwnerLimits(day=Limit(3), total=Limit(4)),
        owners={"alice": OwnerLimits(run=Limit(10), day=Limit(30))},
    )
    assert [(account.scope, account.limit.tokens) for account in accounts(budgets, ALICE, NOON)] == [
        (Scope.RUN, 10),
        (Scope.OWNER_DAY, 30),
    ]


def test_a_budget_is_used_up_to_its_last_token_and_no_further() -> None:
    account = Account(Scope.DAY, Limit(tokens=100, parts=1000), since_s=0)
    check(account, Amount(60, 600), Amount(40, 400))
    with pytest.raises(BudgetExceeded, match="60 are used, and this call could use 41"):
        check(account, Amount(60), Amount(41))
    with pytest.raises(BudgetExceeded, match="could cost"):
        check(account, Amount(0, 601), Amount(0, 400))
    with pytest.raises(BudgetExceeded) as told:
        check(Account(Scope.OWNER, Limit(tokens=0), owner="bob"), Amount(), Amount(1))
    assert (told.value.code, "owner 'bob'" in told.value.message) == ("llm_budget_exceeded", True)


def test_the_day_begins_at_midnight_in_utc() -> None:
    assert day_start(86_400 * 3 + 5.5) == 86_400 * 3
    assert day_start(86_400.0) == 86_400


@given(st.lists(st.text(max_size=50), min_size=1, max_size=5))
def test_a_prompt_is_never_taken_for_shorter_than_its_bytes(texts: list[str]) -> None:
    call = Call.parse([{"role": "user", "content": text} for text in texts], schema={"type": "object"})
    assert most_prompt_tokens(call) > sum(len(text.encode("utf-8", "replace")) for text in texts)
    assert most_prompt_tokens(call) >= most_prompt_tokens(Call(messages=call.messages)) + len('{"type": "object"}')


def test_only_budgets_in_money_count_money() -> None:
    assert not Budgets(run=Limit(1), owners={"a": OwnerLimits(day=Limit(5))}).count_money
    assert Budgets(owners={"a": OwnerLimits(total=Limit(None, 5))}).count_money
