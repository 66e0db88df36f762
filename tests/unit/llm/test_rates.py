"""Requests and tokens in any minute, retries, and when a provider is left alone: by recorded sequences."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.llm.breaker import BreakerSettings, BreakerState, Tried, state
from bykilt.llm.rates import WINDOW_S, Rate, RateExceeded, Spent, wait_s
from bykilt.llm.retry import RetrySettings, pause_s


def window(*spent: tuple[float, int]) -> list[Spent]:
    return [Spent(at_s, tokens) for at_s, tokens in spent]


def test_there_is_room_when_enough_has_left_the_window() -> None:
    made = window((0, 10), (10, 10), (20, 10))
    assert wait_s(made, Rate(requests=4), 1, 30) == 0
    assert wait_s(made, Rate(requests=3), 1, 30) == 30  # at 60, when the first one leaves
    assert wait_s(made, Rate(requests=1), 1, 30) == 50  # at 80, when all three have left
    assert wait_s(made, Rate(requests=3), 1, 60) == 0
    assert wait_s(made, Rate(tokens=40), 10, 30) == 0
    assert wait_s(made, Rate(tokens=40), 25, 30) == 40  # at 70, when two have left
    assert wait_s(made, Rate(requests=3, tokens=40), 25, 30) == 40
    assert wait_s(made, Rate(), 10**9, 30) == 0


def limited(made: list[Spent], rate: Rate) -> bool:
    """Whether no 60 seconds have more than the rate."""
    for first in made:
        inside = [one for one in made if first.at_s <= one.at_s < first.at_s + WINDOW_S]
        if len(inside) > (rate.requests or 10**9) or sum(one.tokens for one in inside) > (rate.tokens or 10**9):
            return False
    return True


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 50)), max_size=40),
    st.integers(1, 5),
    st.integers(50, 200),
)
def test_no_minute_ever_has_more_than_the_rate(asked: list[tuple[int, int]], requests: int, tokens: int) -> None:
    """Contract: whoever waits as long as is said has room then, and no window of 60 seconds is overfull."""
    rate = Rate(requests, tokens)
    made: list[Spent] = []
    now = 0.0
    for pause, wanted in asked:
        now += pause
        now += wait_s(made, rate, wanted, now)
        assert wait_s(made, rate, wanted, now) == 0
        made.append(Spent(now, wanted))
    assert limited(made, rate)


def test_a_refusal_says_when_there_is_room() -> None:
    error = RateExceeded("owner 'alice'", Rate(2, 100), 12.34)
    assert "2 requests and 100 tokens a minute" in error.message
    assert "in 12.3 s" in error.message
    assert (error.code, error.retry_after_s) == ("llm_rate_exceeded", 12.34)


def fixed(value: float) -> Callable[[], float]:
    return lambda: value


def test_pauses_double_up_to_the_most_and_then_there_are_no_more() -> None:
    settings = RetrySettings(attempts=5, first_s=1, most_s=3)
    assert [pause_s(settings, n, 100, chance=fixed(1.0)) for n in range(1, 6)] == [1, 2, 3, 3, None]
    assert pause_s(settings, 2, 100, chance=fixed(0.25)) == 0.5
    assert pause_s(RetrySettings(attempts=1), 1, 100) is None


def test_a_provider_that_says_how_long_is_waited_for_that_long() -> None:
    settings = RetrySettings(attempts=3, first_s=1, most_s=3)
    assert pause_s(settings, 1, 100, asked_s=30, chance=fixed(0.5)) == 30.5
    assert pause_s(settings, 1, 100, asked_s=30, chance=fixed(0)) == 30


def test_no_pause_reaches_the_deadline() -> None:
    settings = RetrySettings(attempts=3, first_s=1, most_s=3)
    assert pause_s(settings, 1, 1, chance=fixed(1.0)) is None
    assert pause_s(settings, 1, 20, asked_s=30) is None
    assert pause_s(settings, 1, 0, chance=fixed(0)) is None


FAILED, ANSWERED = True, False


@pytest.mark.parametrize(
    ("endings", "now_s", "expected"),
    [
        ([], 0, (BreakerState.CLOSED, 0)),
        ([(1, FAILED), (2, FAILED)], 3, (BreakerState.CLOSED, 0)),
        ([(1, FAILED), (2, FAILED), (3, FAILED)], 4, (BreakerState.OPEN, 29)),
        ([(1, FAILED), (2, FAILED), (3, FAILED)], 33, (BreakerState.HALF_OPEN, 0)),
        ([(1, FAILED), (2, ANSWERED), (3, FAILED), (4, FAILED)], 5, (BreakerState.CLOSED, 0)),
        ([(1, FAILED), (2, FAILED), (3, FAILED), (40, FAILED)], 41, (BreakerState.OPEN, 29)),
        ([(1, FAILED), (2, FAILED), (3, FAILED), (40, ANSWERED)], 41, (BreakerState.CLOSED, 0)),
    ],
)
def test_a_provider_is_left_alone_after_failures_in_a_row(
    endings: list[tuple[float, bool]], now_s: float, expected: tuple[BreakerState, float]
) -> None:
    latest = [Tried(ended_s, failed) for ended_s, failed in reversed(endings)]
    assert state(latest, BreakerSettings(failures=3, open_s=30), now_s) == expected
