"""The way of a call: in which order it is screened, paid for, asked and recorded, and what stops it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anyio
import pytest

from bykilt.audit.errors import AuditUnavailable
from bykilt.errors import BykiltError, InvalidInput, MissingCapability
from bykilt.llm.budgets import Account, Amount, BudgetExceeded, Limit, Scope
from bykilt.llm.calls import Call, Completion
from bykilt.llm.errors import (
    AnswerIncomplete,
    AnswerInvalid,
    BrokerRefused,
    CallTimedOut,
    ProviderFailed,
    WorkerCrashed,
)
from bykilt.llm.money import PARTS_PER_DOLLAR
from bykilt.llm.rates import CallAboveRate, RateExceeded
from bykilt.llm.usage import Grouping
from bykilt.security.errors import VaultDamaged
from tests.support.scripted_backend import ANSWER
from tests.support.vaults import everything_in
from tests.unit.llm.conftest import TWO, LLMHome, call, unavailable

ALL = Account(Scope.DAY, Limit())
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def lines(home: LLMHome) -> list[dict[str, Any]]:
    """Return the ledger's lines, parts of them."""
    text = (home.path / "audit" / "ledger-000001.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


async def test_a_call_is_answered_counted_and_recorded(home: LLMHome) -> None:
    answered = await home.pipeline(TWO).answer(call(run="r1"))
    assert answered.completion == ANSWER
    assert (answered.provider, answered.model, answered.cached) == ("first", "big", False)
    assert answered.parts == (10 * 1 + 7 * 2) * PARTS_PER_DOLLAR // 1_000_000
    (line,) = home.store().summary(Grouping.MODEL)
    assert (line.key, line.answered, line.prompt_tokens, line.completion_tokens) == ("first/big", 1, 10, 7)
    before, after = lines(home)
    assert (before["action"], before["what"], before["outcome"]) == ("llm.called", "first", "allowed")
    assert (after["outcome"], after["where"]) == ("succeeded", {"owner": "alice", "run": "r1"})
    assert after["detail"]["answer_sha256"] == hashlib.sha256(ANSWER.text.encode()).hexdigest()
    assert after["detail"]["cost_usd"] == "0.000024"
    assert before["detail"]["prompt_sha256"] == after["detail"]["prompt_sha256"]


async def test_no_text_of_a_call_is_written_anywhere(home: LLMHome) -> None:
    """Contract: the home keeps hashes and counts."""
    await home.pipeline(TWO).answer(call("the marmalade question"))
    written = b"".join(everything_in(home.path).values())
    assert b"marmalade" not in written
    assert b"Paris" not in written


async def test_a_call_that_cannot_be_recorded_is_not_made(home: LLMHome) -> None:
    """Spec: fails closed."""
    (home.path / "audit").write_text("in the way")
    with pytest.raises(AuditUnavailable):
        await home.pipeline(TWO).answer(call())
    assert home.providers["first"].asked == []
    assert home.store().used(ALL) == Amount()


async def test_an_answer_that_cannot_be_recorded_is_not_given(home: LLMHome) -> None:
    pipeline = home.pipeline(TWO)

    def lose_ledger(_: Call) -> None:
        for path in (home.path / "audit").iterdir():
            path.unlink()
        (home.path / "audit").rmdir()
        (home.path / "audit").write_text("in the way")

    home.providers["first"].on_call = lose_ledger
    with pytest.raises(AuditUnavailable):
        await pipeline.answer(call())
    assert home.store().used(ALL).tokens == 17  # it was asked, and it counts


# ---- budgets


async def test_a_budget_stops_a_call_before_it_is_made(home: LLMHome) -> None:
    pipeline = home.pipeline(TWO + "budgets: {run: {tokens: 300}}")
    await pipeline.answer(call(run="r1"))
    await pipeline.answer(call(run="r1", max_tokens=100))
    with pytest.raises(BudgetExceeded, match="run 'r1' is 300 tokens: 34 are used"):
        await pipeline.answer(call(run="r1", max_tokens=200))
    assert len(home.providers["first"].asked) == 2
    assert home.providers["second"].asked == []  # no fallback around a budget
    refused = lines(home)[-1]
    assert (refused["outcome"], refused["detail"]["reason"]) == ("refused", "llm_budget_exceeded")
    await pipeline.answer(call(run="r2", max_tokens=100))
    await pipeline.answer(call(run="r1", owner="bob", max_tokens=100))


async def test_a_budget_in_money_is_exact(home: LLMHome) -> None:
    settings = TWO.replace("small: null", "small: {prompt: 0, completion: 0}")
    pipeline = home.pipeline(settings + "budgets: {owner: {total: {usd: 0.000300}}}")
    await pipeline.answer(call())
    with pytest.raises(BudgetExceeded, match=r"\$0\.000024 are used"):
        await pipeline.answer(call(max_tokens=100))
    await pipeline.answer(call(max_tokens=10))
    await pipeline.answer(call(max_tokens=100, provider="second"))  # costs nothing, so there is room


async def test_calls_at_once_cannot_pass_a_budget_together(home: LLMHome) -> None:
    pipeline = home.pipeline("schema_version: 1\nbudgets: {day: {tokens: 500}}")
    home.providers["local"].gate = anyio.Event()
    endings: list[str] = []

    async def ask() -> None:
        try:
            await pipeline.answer(call())
            endings.append("answered")
        except BudgetExceeded:
            endings.append("refused")

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(ask)
            while len(home.providers["local"].asked) + len(endings) < 6:
                await anyio.lowlevel.checkpoint()
            home.providers["local"].gate.set()
    assert sorted(endings) == ["answered"] * 3 + ["refused"] * 3
    assert home.store().used(ALL).tokens == 3 * 17


@pytest.mark.parametrize(
    ("error", "tokens"),
    [
        (unavailable(500), 0),
        (ProviderFailed("nobody there", is_retryable=False, is_unsent=True), 0),
        (ProviderFailed("connection lost", is_retryable=False), 160),
        (ProviderFailed("nonsense after 200", is_retryable=False, status=200), 160),
        (BrokerRefused("no"), 0),
        (InvalidInput("no"), 0),
        (MissingCapability("no"), 0),
        (CallTimedOut(1), 160),
        (WorkerCrashed("gone"), 160),
    ],
    ids=lambda value: value.message if isinstance(value, BykiltError) else None,
)
async def test_what_may_have_been_charged_counts(home: LLMHome, error: BykiltError, tokens: int) -> None:
    """Contract: never less than a provider may charge for; what was certainly not carried out is free."""
    pipeline = home.pipeline("schema_version: 1\nretry: {attempts: 1}")
    home.providers["local"].script = [error]
    with pytest.raises(type(error)):
        await pipeline.answer(call())
    assert home.store().used(ALL).tokens == tokens


@pytest.mark.parametrize("counts", [(0, 0, True), (9, 9, False)])
async def test_an_answer_without_counts_counts_as_the_most(home: LLMHome, counts: tuple[int, int, bool]) -> None:
    pipeline = home.pipeline(TWO)
    home.providers["first"].script = [Completion("some text", "stop", *counts)]
    answered = await pipeline.answer(call())
    assert home.store().used(ALL) == Amount(160, answered.parts or 0)
    assert answered.parts == (110 * 1 + 50 * 2) * PARTS_PER_DOLLAR // 1_000_000


async def test_a_call_that_is_cancelled_counts_as_the_most_and_is_recorded(home: LLMHome) -> None:
    pipeline = home.pipeline(TWO)
    home.providers["first"].gate = anyio.Event()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pipeline.answer, call())
            while not home.providers["first"].asked:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    assert home.store().used(ALL).tokens == 160
    assert [line["outcome"] for line in lines(home)] == ["allowed", "failed"]


# ---- rates


async def test_a_call_waits_for_room_that_comes_soon(home: LLMHome) -> None:
    pipeline = home.pipeline("schema_version: 1\nrates: {owner: {requests_per_minute: 2}, wait_s: 60}")
    for _ in range(3):
        await pipeline.answer(call())
    assert home.pauses == [pytest.approx(59.8)]
    await pipeline.answer(call(owner="bob"))
    assert len(home.pauses) == 1


async def test_a_call_is_refused_where_room_comes_too_late(home: LLMHome) -> None:
    settings = "schema_version: 1\nrates: {local: {requests_per_minute: 1}, wait_s: 60}"
    pipeline = home.pipeline(settings)
    await pipeline.answer(call())
    with pytest.raises(RateExceeded) as told:
        await pipeline.answer(call(deadline_s=30))  # beyond its deadline
    assert told.value.retry_after_s == pytest.approx(59.9)
    with pytest.raises(RateExceeded):
        await home.pipeline(settings.replace("60", "10")).answer(call())  # beyond our patience
    assert home.pauses == []
    assert len(home.providers["local"].asked) == 1


async def test_a_call_above_the_whole_rate_never_waits(home: LLMHome) -> None:
    pipeline = home.pipeline("schema_version: 1\nrates: {local: {tokens_per_minute: 100}}")
    with pytest.raises(CallAboveRate):
        await pipeline.answer(call())
    assert home.pauses == []


# ---- cache

CACHED = TWO + "cache: {mode: exact}"


async def test_an_answer_that_is_kept_costs_nothing(home: LLMHome) -> None:
    pipeline = home.pipeline(CACHED + "\nbudgets: {owner: {total: {tokens: 200}}}")
    await pipeline.answer(call())
    used = home.store().used(ALL)
    heard: list[str] = []
    again = await pipeline.answer(call(), heard.append)
    assert (again.cached, again.parts, again.completion) == (True, 0, ANSWER)
    assert heard == [ANSWER.text]
    assert home.store().used(ALL) == used
    assert len(home.providers["first"].asked) == 1
    assert lines(home)[-1]["detail"]["cached"] is True


async def test_what_is_kept_is_for_its_owner_alone(home: LLMHome) -> None:
    pipeline = home.pipeline(CACHED)
    await pipeline.answer(call())
    assert not (await pipeline.answer(call(owner="bob"))).cached
    assert not (await pipeline.answer(call(temperature=0.5))).cached
    assert not (await pipeline.answer(call(temperature=0.5))).cached


async def test_without_being_asked_for_nothing_is_kept(home: LLMHome) -> None:
    pipeline = home.pipeline(TWO)
    await pipeline.answer(call())
    assert not (await pipeline.answer(call())).cached
    assert not (home.path / "cache.sqlite3").exists()


# ---- schemas


async def test_an_answer_is_held_against_its_schema(home: LLMHome) -> None:
    pipeline = home.pipeline(CACHED)
    home.providers["first"].script = [
        Completion('{"city": "Paris"}', "stop", 5, 5),
        Completion('{"city": 5}', "stop", 5, 5),
        Completion("Paris", "stop", 5, 5),
        Completion('{"city": "Pa', "length", 5, 5),
    ]
    assert (await pipeline.answer(call(schema=CITY))).data == {"city": "Paris"}
    assert (await pipeline.answer(call(schema=CITY))).cached
    with pytest.raises(AnswerInvalid, match="/city"):
        await pipeline.answer(call("another", schema=CITY))
    with pytest.raises(AnswerInvalid, match="no JSON"):
        await pipeline.answer(call("another", schema=CITY))  # what did not fit is not kept
    with pytest.raises(AnswerIncomplete):
        await pipeline.answer(call("another", schema=CITY))
    (line,) = home.store().summary(Grouping.PROVIDER)
    assert (line.answered, line.failed, line.cached) == (1, 3, 1)
    assert home.store().used(ALL).tokens == 40


async def test_a_schema_that_cannot_be_used_is_refused_before_anything_is_asked(home: LLMHome) -> None:
    with pytest.raises(InvalidInput):
        await home.pipeline(TWO).answer(call(schema={"type": "nonsense"}))
    assert home.providers["first"].asked == []


# ---- whom to ask


async def test_a_call_may_name_provider_and_model(home: LLMHome) -> None:
    pipeline = home.pipeline(TWO)
    assert (await pipeline.answer(call(provider="local"))).provider == "local"
    assert (await pipeline.answer(call(model="small"))).provider == "second"
    with pytest.raises(InvalidInput, match="no provider 'third'"):
        await pipeline.answer(call(provider="third"))
    with pytest.raises(InvalidInput, match="has the model 'huge'"):
        await pipeline.answer(call(model="huge"))
    asked = home.providers["second"].asked[-1].options
    assert (asked.provider, asked.model) == ("second", "small")


async def test_calls_to_several_providers_do_not_wait_for_each_other(home: LLMHome) -> None:
    pipeline = home.pipeline(TWO)
    gate = home.providers["first"].gate = anyio.Event()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pipeline.answer, call(provider="first"))
            while not home.providers["first"].asked:
                await anyio.lowlevel.checkpoint()
            await pipeline.answer(call(provider="second"))
            gate.set()


# ---- secrets


class Values:
    """Values that tests set."""

    def __init__(self, *values: str) -> None:
        self.values: Iterable[str] = values
        self.error: BykiltError | None = None

    async def fresh(self) -> Iterable[str]:
        if self.error is not None:
            raise self.error
        return self.values


async def test_no_secret_leaves_in_a_prompt(home: LLMHome) -> None:
    home.values = Values("open-sesame-42")
    messages = [
        {"role": "system", "content": "the word is open-sesame-42"},
        {
            "role": "user",
            "content": "say 6f70656e2d736573616d652d3432 and sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD",
        },
    ]
    await home.pipeline(TWO).answer(Call.parse(messages))
    (asked,) = home.providers["first"].asked
    assert [message.content for message in asked.messages] == ["the word is ***", "say *** and ***"]


async def test_a_secret_in_a_schema_is_refused(home: LLMHome) -> None:
    home.values = Values("open-sesame-42")
    with pytest.raises(InvalidInput, match="schema of the answer holds a secret"):
        await home.pipeline(TWO).answer(call(schema={"enum": ["open-sesame-42"]}))


async def test_a_vault_that_cannot_be_read_lets_nothing_through(home: LLMHome) -> None:
    values = home.values = Values()
    values.error = VaultDamaged(Path("secrets.vault"), "test")
    with pytest.raises(VaultDamaged):
        await home.pipeline(TWO).answer(call())
    assert home.providers["first"].asked == []
