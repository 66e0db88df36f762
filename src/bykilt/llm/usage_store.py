"""The record of all requests to models, which is also what budgets, rates and breakers are decided by.

One row for each request, made before the request is, with the most that it can use; when it ends, what it did use
takes the place of that. So a process that is killed in the middle leaves its row at the most, and calls of all
processes of a home together never use more than a budget has. Several processes may have the same record open.
Everything here waits for the disk: call it from a worker thread in async code. All of it raises `StorageError` when
the database cannot do its work.

`totals` sums up the days of each owner, by triggers, so that a budget is looked up and not added up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from bykilt.clock import Clock, SystemClock
from bykilt.llm import breaker, rates
from bykilt.llm.breaker import BreakerState, ProviderResting, Tried
from bykilt.llm.budgets import Account, Amount, check
from bykilt.llm.calls import MAX_DEADLINE_S
from bykilt.llm.owners import is_orphan, own_mark
from bykilt.llm.rates import CallAboveRate, Rate, RateExceeded, Spent
from bykilt.llm.usage import Asking, Ending, Grouping, RequestOutcome, Rules, UsageLine
from bykilt.storage.database import Database

FILE_NAME = "llm-usage.sqlite3"
# No honest count or cost is larger, and sums of many stay within 64 bits.
_MOST_TOKENS = 1 << 40
_MOST_PARTS = 10**18
_DAY_S = 86_400

# Never change one that was released: add the next.
MIGRATIONS = (
    """
    CREATE TABLE requests (
        id INTEGER PRIMARY KEY, call TEXT NOT NULL, owner TEXT NOT NULL, run TEXT, provider TEXT NOT NULL,
        model TEXT NOT NULL, started_s REAL NOT NULL, ended_s REAL, duration_ms REAL,
        prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, parts INTEGER,
        outcome TEXT NOT NULL, code TEXT, cached INTEGER NOT NULL, well INTEGER, process TEXT NOT NULL
    );
    CREATE INDEX requests_by_time ON requests (started_s);
    CREATE INDEX requests_by_owner ON requests (owner, started_s);
    CREATE INDEX requests_by_run ON requests (run, owner) WHERE run IS NOT NULL;
    CREATE INDEX requests_by_provider ON requests (provider, started_s);
    CREATE INDEX requests_by_ending ON requests (provider, ended_s) WHERE well IS NOT NULL;
    CREATE INDEX requests_open ON requests (provider) WHERE outcome = 'open';

    CREATE TABLE totals (
        owner TEXT NOT NULL, day INTEGER NOT NULL, tokens INTEGER NOT NULL, parts INTEGER NOT NULL,
        PRIMARY KEY (owner, day)
    ) WITHOUT ROWID;
    CREATE INDEX totals_by_day ON totals (day);
    CREATE TRIGGER request_added AFTER INSERT ON requests BEGIN
        INSERT INTO totals VALUES (
            NEW.owner, CAST(NEW.started_s / 86400 AS INTEGER),
            NEW.prompt_tokens + NEW.completion_tokens, coalesce(NEW.parts, 0)
        ) ON CONFLICT DO UPDATE SET tokens = tokens + excluded.tokens, parts = parts + excluded.parts;
    END;
    CREATE TRIGGER request_ended AFTER UPDATE OF prompt_tokens, completion_tokens, parts ON requests BEGIN
        UPDATE totals SET
            tokens = tokens + NEW.prompt_tokens + NEW.completion_tokens - OLD.prompt_tokens - OLD.completion_tokens,
            parts = parts + coalesce(NEW.parts, 0) - coalesce(OLD.parts, 0)
        WHERE owner = NEW.owner AND day = CAST(NEW.started_s / 86400 AS INTEGER);
    END
    """,
)
_INSERT = """
    INSERT INTO requests (call, owner, run, provider, model, started_s, ended_s, duration_ms,
        prompt_tokens, completion_tokens, parts, outcome, cached, process)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_END = """
    UPDATE requests SET ended_s = ?, duration_ms = 1000 * (? - started_s), prompt_tokens = ?, completion_tokens = ?,
        parts = ?, outcome = ?, code = ?, well = ?
    WHERE id = ? AND outcome = 'open'
"""
_KEYS = {
    Grouping.DAY: "date(started_s, 'unixepoch')",
    Grouping.PROVIDER: "provider",
    Grouping.MODEL: "provider || '/' || model",
    Grouping.OWNER: "owner",
    Grouping.RUN: "coalesce(run, '-')",
}


class UsageStore:
    """The record of one home."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        """Open the database; a new one is made, an older one brought up to date.

        Raises:
            StorageError: It cannot be opened, is damaged, or was written by a newer version.
        """
        self._database = Database(path, MIGRATIONS)
        self._clock = clock or SystemClock()
        self._process = own_mark()

    def close(self) -> None:
        """Close the database. Calling it twice is fine."""
        self._database.close()

    # ---- requests

    def admit(self, asking: Asking, rules: Rules) -> int:
        """Return the number of a request that may be made; what it can use is taken from every budget.

        The decision and the taking are one transaction: of several processes that ask at once, each sees what the
        others have taken.

        Raises:
            ProviderResting: The provider failed too often in a row.
            RateExceeded, CallAboveRate: There were too many requests or tokens in the last minute.
            BudgetExceeded: It could use more than is left.
        """

        def work(connection: sqlite3.Connection) -> int:
            now_s = self._clock.wall_s()
            if rules.breaker is not None:
                self._check_breaker(connection, asking.provider, rules.breaker, now_s)
            for column, name, rate in (
                ("provider", asking.provider, rules.provider_rate),
                ("owner", asking.owner, rules.owner_rate),
            ):
                if rate.is_limited:
                    _check_rate(connection, column, name, rate, asking.most.tokens, now_s)
            for account in rules.accounts:
                check(account, _used(connection, account), asking.most)
            return self._insert(connection, asking, now_s)

        return self._database.write(work)

    def end(self, request: int, ending: Ending) -> None:
        """Write down what became of a request; one that has ended stays as it is."""
        now_s = self._clock.wall_s()
        row = (
            now_s, now_s, _within(ending.prompt_tokens), _within(ending.completion_tokens),
            None if ending.parts is None else max(0, min(ending.parts, _MOST_PARTS)),
            str(ending.outcome), ending.code, ending.provider_is_well, request,
        )  # fmt: skip
        self._database.write(lambda connection: connection.execute(_END, row))

    def add_cached(self, asking: Asking) -> None:
        """Write down a call that was answered from what was kept: it uses up nothing."""
        now_s = self._clock.wall_s()
        row = (
            asking.call, asking.owner, asking.run, asking.provider, asking.model, now_s, now_s, 0.0,
            0, 0, 0, str(RequestOutcome.ANSWERED), 1, self._process,
        )  # fmt: skip
        self._database.write(lambda connection: connection.execute(_INSERT, row))

    # ---- what can be asked

    def used(self, account: Account) -> Amount:
        """Return what counts towards a budget: what was used, and the most of what has not ended."""
        return self._database.read(lambda connection: _used(connection, account))

    def breaker_state(self, provider: str, settings: breaker.BreakerSettings) -> tuple[BreakerState, float]:
        """Return whether a provider is asked, and for how many seconds it is not."""
        now_s = self._clock.wall_s()
        return self._database.read(
            lambda connection: breaker.state(_latest(connection, provider, settings.failures), settings, now_s)
        )

    def last_minute(self, provider: str) -> tuple[int, int]:
        """Return how many requests and tokens a provider had in the last minute."""
        now_s = self._clock.wall_s()
        made = self._database.read(lambda connection: _window(connection, "provider", provider, now_s))
        return len(made), sum(one.tokens for one in made)

    def owners_since(self, since_s: float) -> list[str]:
        """Return who has asked since then, in order."""
        query = "SELECT DISTINCT owner FROM requests WHERE started_s >= ? ORDER BY owner"
        return self._database.read(lambda connection: [row[0] for row in connection.execute(query, (since_s,))])

    def summary(self, grouping: Grouping, since_s: float = 0.0) -> list[UsageLine]:
        """Return what was used since then, the days in order, everything else from the most tokens down."""
        order = "1" if grouping is Grouping.DAY else "sum(prompt_tokens + completion_tokens) DESC, 1"
        query = f"""
            SELECT {_KEYS[grouping]} AS key, count(DISTINCT call) AS calls,
                total(outcome = 'answered' AND NOT cached) AS answered,
                total(outcome IN ('failed', 'invalid')) AS failed,
                total(cached) AS cached, sum(prompt_tokens) AS prompt_tokens,
                sum(completion_tokens) AS completion_tokens, coalesce(sum(parts), 0) AS parts,
                total(parts IS NULL) AS unpriced
            FROM requests WHERE started_s >= ? GROUP BY 1 ORDER BY {order}
        """
        open_query = f"""
            SELECT {_KEYS[grouping]} AS key, process, started_s FROM requests
            WHERE started_s >= ? AND outcome = 'open'
        """
        now_s = self._clock.wall_s()

        def work(connection: sqlite3.Connection) -> list[UsageLine]:
            abandoned: dict[str, int] = {}
            for key, process, started_s in connection.execute(open_query, (since_s,)):
                if _is_abandoned(process, started_s, now_s):
                    abandoned[key] = abandoned.get(key, 0) + 1
            rows = connection.execute(query, (since_s,)).fetchall()
            return [_line(row, abandoned.get(row["key"], 0)) for row in rows]

        return self._database.read(work)

    # ---- inside a transaction

    def _check_breaker(
        self, connection: sqlite3.Connection, provider: str, settings: breaker.BreakerSettings, now_s: float
    ) -> None:
        latest = _latest(connection, provider, settings.failures)
        state, left_s = breaker.state(latest, settings, now_s)
        if state is BreakerState.OPEN:
            raise ProviderResting(provider, settings.failures, left_s)
        if state is BreakerState.HALF_OPEN:
            query = "SELECT process, started_s FROM requests WHERE provider = ? AND outcome = 'open' AND started_s > ?"
            trying = connection.execute(query, (provider, latest[0].ended_s)).fetchall()
            if not all(_is_abandoned(row["process"], row["started_s"], now_s) for row in trying):
                raise ProviderResting(provider, settings.failures, settings.open_s)

    def _insert(self, connection: sqlite3.Connection, asking: Asking, now_s: float) -> int:
        row = (
            asking.call, asking.owner, asking.run, asking.provider, asking.model, now_s, None, None,
            _within(asking.most_prompt_tokens), _within(asking.most_completion_tokens), asking.most_parts,
            str(RequestOutcome.OPEN), 0, self._process,
        )  # fmt: skip
        number = connection.execute(_INSERT, row).lastrowid
        assert number is not None
        return number


def _check_rate(connection: sqlite3.Connection, column: str, name: str, rate: Rate, tokens: int, now_s: float) -> None:
    whose = f"{column} {name!r}"
    if rate.tokens is not None and tokens > rate.tokens:
        raise CallAboveRate(whose, rate, tokens)
    wait_s = rates.wait_s(_window(connection, column, name, now_s), rate, tokens, now_s)
    if wait_s > 0:
        raise RateExceeded(whose, rate, wait_s)


def _window(connection: sqlite3.Connection, column: str, name: str, now_s: float) -> Sequence[Spent]:
    query = f"""
        SELECT started_s, prompt_tokens + completion_tokens AS tokens FROM requests
        WHERE {column} = ? AND started_s > ? AND NOT cached ORDER BY started_s
    """
    rows = connection.execute(query, (name, now_s - rates.WINDOW_S))
    return [Spent(row["started_s"], row["tokens"]) for row in rows]


def _latest(connection: sqlite3.Connection, provider: str, count: int) -> Sequence[Tried]:
    query = """
        SELECT ended_s, well FROM requests WHERE provider = ? AND well IS NOT NULL
        ORDER BY ended_s DESC, id DESC LIMIT ?
    """
    return [Tried(row["ended_s"], not row["well"]) for row in connection.execute(query, (provider, count))]


def _used(connection: sqlite3.Connection, account: Account) -> Amount:
    if account.run is not None:
        query = "SELECT sum(prompt_tokens + completion_tokens), sum(parts) FROM requests WHERE run = ? AND owner = ?"
        found = connection.execute(query, (account.run, account.owner)).fetchone()
    else:
        conditions, values = ["1"], list[str | int]()
        if account.since_s is not None:
            conditions.append("day >= ?")
            values.append(int(account.since_s // _DAY_S))
        if account.owner is not None:
            conditions.append("owner = ?")
            values.append(account.owner)
        query = f"SELECT sum(tokens), sum(parts) FROM totals WHERE {' AND '.join(conditions)}"
        found = connection.execute(query, values).fetchone()
    return Amount(found[0] or 0, found[1] or 0)


def _line(row: sqlite3.Row, abandoned: int) -> UsageLine:
    return UsageLine(
        key=str(row["key"]),
        calls=row["calls"],
        answered=int(row["answered"]),
        failed=int(row["failed"]),
        cached=int(row["cached"]),
        abandoned=abandoned,
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        parts=row["parts"],
        unpriced=int(row["unpriced"]),
    )


def _is_abandoned(process: str, started_s: float, now_s: float) -> bool:
    """Whether nobody will end an open request any more.

    Of a process of another boot or container nothing can be seen, but no request outlives the longest deadline.
    """
    return is_orphan(process) or started_s < now_s - 2 * MAX_DEADLINE_S


def _within(tokens: int) -> int:
    """Return a count that cannot give anything back: what says so comes from outside."""
    return max(0, min(tokens, _MOST_TOKENS))
