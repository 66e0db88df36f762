"""The record of requests, which decides budgets, rates and breakers for all processes of a home."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bykilt.llm.breaker import BreakerSettings, BreakerState, ProviderResting
from bykilt.llm.budgets import Account, Amount, BudgetExceeded, Limit, Scope, day_start
from bykilt.llm.rates import CallAboveRate, Rate, RateExceeded
from bykilt.llm.usage import Asking, Ending, Grouping, RequestOutcome, Rules
from bykilt.llm.usage_store import UsageStore
from tests.support.vaults import SetClock

ASKING = Asking(
    call="c1",
    owner="alice",
    run="r1",
    provider="openai",
    model="gpt",
    most_prompt_tokens=30,
    most_completion_tokens=20,
    most_parts=500,
)
ANSWERED = Ending(
    outcome=RequestOutcome.ANSWERED, prompt_tokens=10, completion_tokens=5, parts=150, provider_is_well=True
)
FAILED = Ending(
    outcome=RequestOutcome.FAILED, prompt_tokens=0, completion_tokens=0, parts=0, provider_is_well=False, code="x"
)
EVERYBODY = Account(Scope.DAY, Limit(tokens=100))


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def store(tmp_path: Path, clock: SetClock) -> Iterator[UsageStore]:
    opened = UsageStore(tmp_path / "usage.sqlite3", clock)
    yield opened
    opened.close()


def test_what_a_request_can_use_is_taken_first_and_given_back_at_its_end(store: UsageStore) -> None:
    request = store.admit(ASKING, Rules([EVERYBODY]))
    assert store.used(EVERYBODY) == Amount(50, 500)
    store.end(request, ANSWERED)
    assert store.used(EVERYBODY) == Amount(15, 150)


def test_requests_that_go_on_cannot_pass_a_budget_together(store: UsageStore) -> None:
    store.admit(ASKING, Rules([EVERYBODY]))
    last = store.admit(ASKING, Rules([EVERYBODY]))
    with pytest.raises(BudgetExceeded):
        store.admit(ASKING, Rules([EVERYBODY]))
    store.end(last, ANSWERED)
    with pytest.raises(BudgetExceeded):  # 65 are used
        store.admit(ASKING, Rules([EVERYBODY]))
    store.admit(replace(ASKING, most_completion_tokens=5), Rules([EVERYBODY]))


def test_a_budget_counts_its_own_owner_run_and_day(store: UsageStore, clock: SetClock) -> None:
    store.end(store.admit(ASKING, Rules()), ANSWERED)
    clock.now_s += 10
    store.end(store.admit(replace(ASKING, owner="bob", run="r2"), Rules()), ANSWERED)
    assert store.used(Account(Scope.OWNER, Limit(), owner="alice")) == Amount(15, 150)
    assert store.used(Account(Scope.RUN, Limit(), owner="bob", run="r2")) == Amount(15, 150)
    assert store.used(Account(Scope.RUN, Limit(), owner="alice", run="r2")) == Amount()
    assert store.used(EVERYBODY) == Amount(30, 300)
    clock.now_s += 86_400
    today = day_start(clock.now_s)
    assert store.used(Account(Scope.DAY, Limit(), since_s=today)) == Amount()
    store.end(store.admit(ASKING, Rules()), ANSWERED)
    assert store.used(Account(Scope.DAY, Limit(), since_s=today)) == Amount(15, 150)
    assert store.used(Account(Scope.OWNER_DAY, Limit(), since_s=today, owner="bob")) == Amount()
    assert store.used(Account(Scope.OWNER, Limit(), owner="alice")) == Amount(30, 300)


def test_no_answer_gives_a_budget_more_than_it_had(store: UsageStore) -> None:
    """The counts come from outside; a negative one must not refill a budget."""
    lie = replace(ANSWERED, prompt_tokens=-(10**30), completion_tokens=-1)
    store.end(store.admit(ASKING, Rules()), lie)
    assert store.used(EVERYBODY).tokens == 0
    store.end(store.admit(ASKING, Rules()), replace(ANSWERED, prompt_tokens=10**30, parts=10**40))
    assert store.used(EVERYBODY) == Amount((1 << 40) + 5, 10**18 + 150)


def test_an_ending_is_written_once(store: UsageStore) -> None:
    request = store.admit(ASKING, Rules())
    store.end(request, ANSWERED)
    store.end(request, FAILED)
    assert store.used(EVERYBODY) == Amount(15, 150)


def test_rates_hold_for_the_provider_and_for_the_owner(store: UsageStore, clock: SetClock) -> None:
    two = Rules(provider_rate=Rate(requests=2))
    store.end(store.admit(ASKING, two), ANSWERED)
    clock.now_s += 10
    store.admit(replace(ASKING, owner="bob"), two)
    with pytest.raises(RateExceeded) as told:
        store.admit(ASKING, two)
    assert told.value.retry_after_s == pytest.approx(50)
    assert "provider 'openai'" in told.value.message
    store.admit(replace(ASKING, provider="other"), two)
    clock.now_s += 50
    store.admit(ASKING, two)
    with pytest.raises(RateExceeded, match="owner 'alice'"):
        store.admit(ASKING, Rules(owner_rate=Rate(tokens=100)))
    with pytest.raises(CallAboveRate, match="could use 50 tokens"):
        store.admit(ASKING, Rules(owner_rate=Rate(tokens=49)))


def test_what_was_kept_uses_up_nothing(store: UsageStore) -> None:
    for _ in range(3):
        store.add_cached(ASKING)
    assert store.used(EVERYBODY) == Amount()
    store.admit(ASKING, Rules(provider_rate=Rate(requests=1)))
    (line,) = store.summary(Grouping.OWNER)
    assert (line.cached, line.calls, line.answered) == (3, 1, 0)


BREAKER = BreakerSettings(failures=3, open_s=30)


def test_the_breaker_opens_lets_one_try_and_closes(store: UsageStore, clock: SetClock) -> None:
    rules = Rules(breaker=BREAKER)
    for _ in range(3):
        store.end(store.admit(ASKING, rules), FAILED)
    with pytest.raises(ProviderResting) as told:
        store.admit(ASKING, rules)
    assert told.value.retry_after_s == pytest.approx(30)
    assert store.breaker_state("openai", BREAKER)[0] is BreakerState.OPEN
    store.admit(replace(ASKING, provider="other"), rules)

    clock.now_s += 31
    assert store.breaker_state("openai", BREAKER)[0] is BreakerState.HALF_OPEN
    trying = store.admit(ASKING, rules)
    with pytest.raises(ProviderResting):  # one tries it, the others wait for that one
        store.admit(ASKING, rules)
    store.end(trying, FAILED)
    with pytest.raises(ProviderResting):
        store.admit(ASKING, rules)

    clock.now_s += 31
    store.end(store.admit(ASKING, rules), ANSWERED)
    store.admit(ASKING, rules)
    store.admit(ASKING, rules)
    assert store.breaker_state("openai", BREAKER)[0] is BreakerState.CLOSED


def test_an_ending_that_tells_nothing_of_the_provider_changes_no_breaker(store: UsageStore) -> None:
    rules = Rules(breaker=BREAKER)
    for ending in (FAILED, FAILED, replace(FAILED, provider_is_well=None), replace(FAILED, provider_is_well=None)):
        store.end(store.admit(ASKING, rules), ending)
    store.end(store.admit(ASKING, rules), FAILED)
    with pytest.raises(ProviderResting):
        store.admit(ASKING, rules)


def test_the_record_is_summed_up(store: UsageStore, clock: SetClock) -> None:
    store.end(store.admit(ASKING, Rules()), FAILED)
    store.end(store.admit(ASKING, Rules()), ANSWERED)
    clock.now_s += 86_400
    local = replace(ASKING, call="c2", owner="bob", run=None, provider="local", model="small", most_parts=None)
    store.end(store.admit(local, Rules()), replace(ANSWERED, parts=None))
    assert [(line.key, line.calls, line.failed, line.parts, line.unpriced) for line in store.summary(Grouping.DAY)] == [
        ("2026-11-18", 1, 1, 150, 0),
        ("2026-11-19", 1, 0, 0, 1),
    ]
    assert [line.key for line in store.summary(Grouping.MODEL)] == ["local/small", "openai/gpt"]
    assert [line.key for line in store.summary(Grouping.RUN, since_s=clock.now_s)] == ["-"]
    assert [line.key for line in store.summary(Grouping.OWNER)] == ["alice", "bob"]
    assert store.owners_since(clock.now_s) == ["bob"]
    assert store.last_minute("local") == (1, 15)


PROGRAM = """
import sys
import tempfile
from pathlib import Path
from bykilt.llm.budgets import Account, BudgetExceeded, Limit, Scope
from bykilt.llm.usage import Asking, Rules
from bykilt.llm.usage_store import UsageStore

store = UsageStore(Path(sys.argv[1]))
rules = Rules([Account(Scope.DAY, Limit(tokens=int(sys.argv[2])))])
asking = Asking(call="c", owner="alice", run=None, provider="p", model="m", most_prompt_tokens=3,
                most_completion_tokens=2, most_parts=None)
print("ready", flush=True)
sys.stdin.readline()
admitted = 0
try:
    while admitted < 1000:
        store.admit(asking, rules)
        admitted += 1
except BudgetExceeded:
    pass
print(admitted, flush=True)
sys.stdin.readline()
"""


def start(path: Path, tokens: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), str(tokens)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def say(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_processes_that_ask_at_once_share_a_budget_to_the_last_token(tmp_path: Path, store: UsageStore) -> None:
    processes = [start(tmp_path / "usage.sqlite3", 203) for _ in range(3)]
    try:
        for process in processes:
            say(process)
        admitted = [int(process.stdout.readline()) for process in processes if process.stdout is not None]
        assert sum(admitted) == 40
        assert store.used(EVERYBODY).tokens == 200
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_what_a_killed_process_has_taken_stays_spent(tmp_path: Path, store: UsageStore) -> None:
    """Contract: a crash never gives back what a provider may have been paid for."""
    process = start(tmp_path / "usage.sqlite3", 10)
    say(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "2\n"
    (line,) = store.summary(Grouping.PROVIDER)
    assert line.abandoned == 0
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (line,) = store.summary(Grouping.PROVIDER)
    assert (line.abandoned, store.used(EVERYBODY).tokens) == (2, 10)
    with pytest.raises(BudgetExceeded):
        store.admit(ASKING, Rules([Account(Scope.DAY, Limit(tokens=50))]))


def test_the_trial_of_a_killed_process_does_not_keep_others_from_trying(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite3"
    clock = SetClock(now_s=1.0)
    store = UsageStore(path, clock)
    provider = replace(ASKING, provider="p")
    for _ in range(3):
        store.end(store.admit(provider, Rules()), FAILED)
    process = start(path, 160)
    say(process)
    assert process.stdout is not None
    assert int(process.stdout.readline()) > 0
    clock.now_s += 10**9  # long after the others' requests, which are still open
    with pytest.raises(ProviderResting):
        store.admit(provider, Rules(breaker=BREAKER))
    process.kill()
    process.communicate()
    store.admit(provider, Rules(breaker=BREAKER))
    store.close()


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["alice", "bob"]),
            st.integers(0, 3),
            st.sampled_from([ANSWERED, FAILED, None]),
        ),
        max_size=20,
    )
)
def test_the_totals_are_the_sums_of_the_requests(requests: list[tuple[str, int, Ending | None]]) -> None:
    """Contract: what budgets are decided by is what the record says, whatever comes in which order."""
    with tempfile.TemporaryDirectory() as folder:
        clock = SetClock()
        store = UsageStore(Path(folder, "usage.sqlite3"), clock)
        began = clock.now_s
        going_on: list[tuple[int, Ending]] = []
        for owner, days, ending in requests:
            clock.now_s += days * 86_400 / 2
            number = store.admit(replace(ASKING, owner=owner), Rules())
            if ending is not None:
                going_on.insert(len(going_on) // 2, (number, ending))
        for number, ending in going_on:
            store.end(number, ending)
        for line in store.summary(Grouping.OWNER):
            assert store.used(Account(Scope.OWNER, Limit(), owner=line.key)) == Amount(
                line.prompt_tokens + line.completion_tokens, line.parts
            )
        assert store.used(EVERYBODY).tokens == sum(
            line.prompt_tokens + line.completion_tokens for line in store.summary(Grouping.DAY, began)
        )
        store.close()


def test_a_request_of_a_process_that_cannot_be_seen_is_given_up_after_the_longest_deadline(
    store: UsageStore, clock: SetClock, tmp_path: Path
) -> None:
    """Contract: after a reboot, or from another container, a trial that never ended blocks nobody for good."""
    for _ in range(3):
        store.end(store.admit(ASKING, Rules()), FAILED)
    clock.now_s += 31
    store.admit(ASKING, Rules(breaker=BREAKER))
    with sqlite3.connect(tmp_path / "usage.sqlite3") as connection:
        connection.execute("UPDATE requests SET process = 'another-boot/1:1:1' WHERE outcome = 'open'")
    connection.close()
    clock.now_s += 3600
    with pytest.raises(ProviderResting):
        store.admit(ASKING, Rules(breaker=BREAKER))
    (line,) = store.summary(Grouping.OWNER)
    assert line.abandoned == 0
    clock.now_s += 3601
    (line,) = store.summary(Grouping.OWNER)
    assert line.abandoned == 1
    store.admit(ASKING, Rules(breaker=BREAKER))


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(["alice", "bob"]), st.integers(5, 30), st.integers(5, 30)),
        st.tuples(st.just("end"), st.integers(0, 5), st.floats(0, 1), st.booleans()),
    ),
    min_size=5,
    max_size=40,
)


@settings(max_examples=60)
@given(MOVES)
def test_no_order_of_requests_and_endings_passes_a_budget(moves: list[tuple[Any, ...]]) -> None:
    """Contract: as long as nobody uses more than the most that was taken, no budget is ever passed."""
    with tempfile.TemporaryDirectory() as folder:
        stores = [UsageStore(Path(folder, "usage.sqlite3"), SetClock()) for _ in range(2)]
        everybody = Account(Scope.DAY, Limit(tokens=100, parts=1000))
        going_on: list[tuple[int, Asking]] = []
        for place, move in enumerate(moves):
            store = stores[place % 2]
            if move[0] == "ask":
                _, owner, prompt, completion = move
                asking = replace(
                    ASKING,
                    owner=owner,
                    most_prompt_tokens=prompt,
                    most_completion_tokens=completion,
                    most_parts=10 * completion,
                )
                own = Account(Scope.OWNER, Limit(tokens=60), owner=owner)
                with suppress(BudgetExceeded):
                    going_on.append((store.admit(asking, Rules([everybody, own])), asking))
            elif going_on:
                number, asking = going_on.pop(move[1] % len(going_on))
                share = move[2] if move[3] else 1.0
                store.end(
                    number,
                    replace(
                        ANSWERED,
                        prompt_tokens=int(asking.most_prompt_tokens * share),
                        completion_tokens=int(asking.most_completion_tokens * share),
                        parts=int((asking.most_parts or 0) * share),
                    ),
                )
            used = store.used(everybody)
            assert used.tokens <= 100
            assert used.parts <= 1000
            for owner in ("alice", "bob"):
                assert store.used(Account(Scope.OWNER, Limit(), owner=owner)).tokens <= 60
        for store in stores:
            store.close()
