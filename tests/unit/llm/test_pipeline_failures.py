"""Providers that fail: they are asked again, left alone, or another one is asked."""

from __future__ import annotations

import pytest

from bykilt.errors import MissingCapability
from bykilt.llm.breaker import BreakerState, ProviderResting
from bykilt.llm.budgets import Account, Limit, Scope
from bykilt.llm.calls import Call
from bykilt.llm.errors import (
    BrokerRefused,
    NoAnswer,
    ProviderFailed,
)
from bykilt.llm.usage import Grouping
from tests.support.scripted_backend import ANSWER
from tests.unit.llm.conftest import TWO, LLMHome, call, unavailable

ALL = Account(Scope.DAY, Limit())
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NO_FALLBACK = TWO.replace("use: [first, second]", "use: [first]")


async def test_a_provider_that_failed_is_asked_again(home: LLMHome) -> None:
    pipeline = home.pipeline(NO_FALLBACK)
    home.providers["first"].script = [unavailable(), unavailable(429, retry_after_s=7)]
    assert (await pipeline.answer(call())).completion == ANSWER
    assert home.pauses == [0.5, 7.5]
    (line,) = home.store().summary(Grouping.PROVIDER)
    assert (line.calls, line.failed, line.answered) == (1, 2, 1)


async def test_there_is_an_end_to_retries(home: LLMHome) -> None:
    pipeline = home.pipeline(NO_FALLBACK + "retry: {attempts: 2}")
    home.providers["first"].script = [unavailable() for _ in range(5)]
    with pytest.raises(ProviderFailed):
        await pipeline.answer(call())
    assert len(home.providers["first"].asked) == 2


async def test_no_retry_reaches_beyond_the_deadline(home: LLMHome) -> None:
    pipeline = home.pipeline(NO_FALLBACK)
    home.providers["first"].script = [unavailable(429, retry_after_s=30)]
    with pytest.raises(ProviderFailed):
        await pipeline.answer(call(deadline_s=30))
    assert home.pauses == []
    home.providers["first"].script = [unavailable()]
    await pipeline.answer(call(deadline_s=20))
    second = home.providers["first"].asked[-1]
    assert second.options.deadline_s == pytest.approx(20 - 0.1 - 0.5)


async def test_what_makes_no_sense_to_try_again_is_not(home: LLMHome) -> None:
    pipeline = home.pipeline(NO_FALLBACK)
    home.providers["first"].script = [ProviderFailed("wrong key", is_retryable=False, status=401)]
    with pytest.raises(ProviderFailed, match="wrong key"):
        await pipeline.answer(call())
    assert len(home.providers["first"].asked) == 1


async def test_nothing_is_tried_again_once_the_caller_has_heard_some_of_it(home: LLMHome) -> None:
    pipeline = home.pipeline(TWO)
    home.providers["first"].script = [unavailable()]
    home.providers["first"].pieces = ["The cap"]
    heard: list[str] = []
    with pytest.raises(ProviderFailed):
        await pipeline.answer(call(), heard.append)
    assert heard == ["The cap"]
    assert len(home.providers["first"].asked) == 1
    assert home.providers["second"].asked == []


async def test_an_answer_is_streamed(home: LLMHome) -> None:
    heard: list[str] = []
    await home.pipeline(TWO).answer(call(), heard.append)
    assert len(heard) > 1
    assert "".join(heard) == ANSWER.text


async def test_the_next_provider_answers_where_the_first_does_not(home: LLMHome) -> None:
    pipeline = home.pipeline(TWO + "retry: {attempts: 1}")
    home.providers["first"].script = [unavailable()]
    answered = await pipeline.answer(call())
    assert (answered.provider, answered.model, answered.parts) == ("second", "small", None)


async def test_without_a_second_one_nobody_else_is_asked(home: LLMHome) -> None:
    """Spec: fallback between providers only if it is configured."""
    pipeline = home.pipeline(NO_FALLBACK + "retry: {attempts: 1}")
    home.providers["first"].script = [unavailable()]
    with pytest.raises(ProviderFailed):
        await pipeline.answer(call())
    home.providers["first"].script = [unavailable()]
    with pytest.raises(ProviderFailed):
        await home.pipeline(TWO + "retry: {attempts: 1}").answer(call(provider="first"))
    assert home.providers["second"].asked == []


async def test_when_nobody_answers_every_reason_is_told(home: LLMHome) -> None:
    pipeline = home.pipeline(TWO + "retry: {attempts: 1}")
    home.providers["first"].script = [unavailable()]
    home.providers["second"].start_error = MissingCapability("no Docker", hint="install it")
    with pytest.raises(NoAnswer) as told:
        await pipeline.answer(call())
    assert [provider for provider, _ in told.value.reasons] == ["first", "second"]
    assert "first: it answered 503; second: no Docker" in told.value.message


async def test_a_refusal_by_the_broker_is_no_reason_to_ask_another(home: LLMHome) -> None:
    pipeline = home.pipeline(TWO)
    home.providers["first"].script = [BrokerRefused("not there")]
    with pytest.raises(BrokerRefused):
        await pipeline.answer(call())
    assert home.providers["second"].asked == []


async def test_the_breaker_leaves_a_provider_alone_and_finds_it_well_again(home: LLMHome) -> None:
    settings = NO_FALLBACK + "retry: {attempts: 1}\nbreaker: {failures: 3, open_s: 30}"
    pipeline = home.pipeline(settings)
    home.providers["first"].script = [unavailable() for _ in range(3)]
    for _ in range(3):
        with pytest.raises(ProviderFailed):
            await pipeline.answer(call())
    with pytest.raises(ProviderResting):
        await pipeline.answer(call())
    with pytest.raises(ProviderResting):  # another process of this home knows it, too
        await home.pipeline(settings).answer(call())
    assert len(home.providers["first"].asked) == 3
    home.clock.now_s += 30
    await pipeline.answer(call())
    assert home.store().breaker_state("first", pipeline.settings.breaker)[0] is BreakerState.CLOSED


@pytest.mark.parametrize(("deadline_s", "state"), [(2, BreakerState.CLOSED), (20, BreakerState.OPEN)])
async def test_a_short_deadline_opens_no_breaker_for_others(
    home: LLMHome, deadline_s: float, state: BreakerState
) -> None:
    settings = NO_FALLBACK + "breaker: {failures: 2, open_s: 30}"
    pipeline = home.pipeline(settings)

    def take_all(asked: Call) -> None:
        home.clock.now_s += asked.options.deadline_s

    home.providers["first"].on_call = take_all
    home.providers["first"].script = [ProviderFailed("no answer in time", is_retryable=True) for _ in range(2)]
    for _ in range(2):
        with pytest.raises(ProviderFailed):
            await pipeline.answer(call(deadline_s=deadline_s))
    assert home.store().breaker_state("first", pipeline.settings.breaker)[0] is state
