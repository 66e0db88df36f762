"""Answers that are kept: for whom, for how long, and that the file tells nobody what they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bykilt.llm.answer_cache import PURPOSE, AnswerCache
from bykilt.llm.calls import Call, Completion
from bykilt.llm.settings import CacheSettings
from bykilt.security.master_key import MasterKey
from bykilt.security.sealing import Sealer
from tests.support.vaults import SetClock, everything_in

PROMPT = "what is in the marmalade"
ANSWER = Completion("oranges from seville", "stop", 7, 3)
KEY = MasterKey.generate()


def call(prompt: str = PROMPT, schema: dict[str, Any] | None = None, **context: Any) -> Call:
    return Call.parse(prompt, {"owner": "alice", **context}, schema)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def cache(tmp_path: Path, clock: SetClock) -> Iterator[AnswerCache]:
    opened = AnswerCache(tmp_path / "cache.sqlite3", Sealer(KEY, PURPOSE), CacheSettings(True, 60, 3), clock)
    yield opened
    opened.close()


def test_the_same_question_has_the_same_answer(cache: AnswerCache) -> None:
    cache.put(call(), "p", "m", ANSWER)
    assert cache.get(call(), "p", "m") == ANSWER
    assert cache.get(call(run="r2", deadline_s=5), "p", "m") == ANSWER


@pytest.mark.parametrize(
    "other",
    [
        call(owner="bob"),
        call("what is in the marmalade?"),
        call(schema={"type": "object"}),
        call(max_tokens=5),
        call(seed=2),
        call(system="be brief"),
        call(temperature=0.1),
    ],
    ids=["owner", "prompt", "schema", "max_tokens", "seed", "system", "temperature"],
)
def test_whatever_decides_the_answer_makes_another_question(cache: AnswerCache, other: Call) -> None:
    cache.put(call(), "p", "m", ANSWER)
    assert cache.get(other, "p", "m") is None
    assert cache.get(call(), "p", "another") is None
    assert cache.get(call(), "another", "m") is None


def test_chance_and_cut_answers_are_not_kept(cache: AnswerCache) -> None:
    cache.put(call(temperature=0.5), "p", "m", ANSWER)
    assert cache.get(call(temperature=0.5), "p", "m") is None
    cache.put(call(), "p", "m", replace(ANSWER, finish="length"))
    assert cache.get(call(), "p", "m") is None


def test_an_answer_is_forgotten_after_its_time(cache: AnswerCache, clock: SetClock, tmp_path: Path) -> None:
    cache.put(call(), "p", "m", ANSWER)
    clock.now_s += 59
    assert cache.get(call(), "p", "m") == ANSWER
    clock.now_s += 1
    assert cache.get(call(), "p", "m") is None
    with sqlite3.connect(tmp_path / "cache.sqlite3") as connection:  # nor does it come back by the column
        connection.execute("UPDATE answers SET expires_s = expires_s + 1000")
    assert cache.get(call(), "p", "m") is None
    connection.close()


def test_the_oldest_make_room(cache: AnswerCache, clock: SetClock) -> None:
    for number in range(5):
        clock.now_s += 1
        cache.put(call(f"question {number}"), "p", "m", ANSWER)
    kept = [number for number in range(5) if cache.get(call(f"question {number}"), "p", "m")]
    assert kept == [2, 3, 4]


def test_the_oldest_make_room_for_what_is_large(tmp_path: Path, clock: SetClock) -> None:
    settings = CacheSettings(True, 60, 100, max_bytes=20_000)
    cache = AnswerCache(tmp_path / "small.sqlite3", Sealer(KEY, PURPOSE), settings, clock)
    for number in range(6):
        clock.now_s += 1
        cache.put(call(f"question {number}"), "p", "m", replace(ANSWER, text="x" * 6_000))
    assert [number for number in range(6) if cache.get(call(f"question {number}"), "p", "m")] == [3, 4, 5]
    clock.now_s += 1
    cache.put(call("question 6"), "p", "m", replace(ANSWER, text="x" * 30_000))
    assert cache.get(call("question 6"), "p", "m") is None
    cache.close()


def test_the_file_tells_nothing(cache: AnswerCache, tmp_path: Path) -> None:
    """Contract: neither question nor answer nor owner is in it, in the write-ahead log neither."""
    cache.put(call(), "p", "m", ANSWER)
    content = b"".join(everything_in(tmp_path).values())
    assert len(content) > 1000
    for word in (b"marmalade", b"seville", b"alice", b"oranges"):
        assert word not in content


def test_an_answer_cannot_be_put_in_anothers_place(cache: AnswerCache, tmp_path: Path) -> None:
    cache.put(call(), "p", "m", ANSWER)
    cache.put(call("another question"), "p", "m", replace(ANSWER, text="another answer"))
    with sqlite3.connect(tmp_path / "cache.sqlite3") as connection:
        (first, second) = [row[0] for row in connection.execute("SELECT sealed FROM answers ORDER BY mark")]
        connection.execute("UPDATE answers SET sealed = CASE sealed WHEN ? THEN ? ELSE ? END", (first, second, first))
    connection.close()
    assert cache.get(call(), "p", "m") is None
    assert cache.get(call("another question"), "p", "m") is None


def test_another_key_finds_nothing(cache: AnswerCache, tmp_path: Path) -> None:
    cache.put(call(), "p", "m", ANSWER)
    other = AnswerCache(
        tmp_path / "cache.sqlite3", Sealer(MasterKey.generate(), PURPOSE), CacheSettings(True), SetClock()
    )
    assert other.get(call(), "p", "m") is None
    other.close()
