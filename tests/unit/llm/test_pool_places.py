"""Whose container is whose, and when a start is tried again: rules without any container."""

from __future__ import annotations

import pytest

from bykilt.llm.errors import StartPaused, WorkerCrashed
from bykilt.llm.pool_places import Place, PlaceKey, Places
from bykilt.llm.start_pauses import LONGEST_S, StartPauses

A, B = PlaceKey("a", "m"), PlaceKey("b", "m")


def full_of(*keys: PlaceKey) -> tuple[Places[str], list[Place[str]]]:
    places: Places[str] = Places(len(keys))
    made = [Place(key, f"container of {key.owner}") for key in keys]
    for place in made:
        places.put(place)
    return places, made


def test_a_place_is_given_to_its_owner_alone() -> None:
    places, (a, b) = full_of(A, B)
    assert places.claim(A) is a
    assert places.claim(B) is b
    assert places.claim(PlaceKey("a", "another model")) is None
    assert not places.has_room()


def test_only_what_nobody_uses_can_go_and_the_longest_idle_goes_first() -> None:
    places, (a, b) = full_of(A, B)
    assert places.take_longest_idle() is None
    places.release(b, 5.0)
    places.release(a, 7.0)
    assert places.take_longest_idle() is b
    assert places.has_room()
    assert places.take_longest_idle() is a


def test_a_place_that_is_waited_for_is_in_use() -> None:
    places, (a,) = full_of(A)
    places.claim(A)
    places.release(a, 1.0)
    assert places.take_longest_idle() is None
    assert places.next_expiry_s(10) is None
    places.release(a, 2.0)
    assert places.next_expiry_s(10) == 12.0


def test_a_place_expires_once_it_has_idled_for_so_long() -> None:
    places, (a, b) = full_of(A, B)
    places.release(a, 1.0)
    assert places.take_expired(10.9, 10) is None
    assert places.take_expired(11.0, 10) is a
    assert places.take_expired(1000.0, 10) is None
    assert places.present() == [b]
    assert places.take_all() == [b]
    assert places.present() == []


def test_each_failed_start_doubles_the_pause_up_to_a_limit() -> None:
    pauses, now_s = StartPauses(), 100.0
    pauses.check(now_s)
    waited = []
    for _ in range(9):
        pauses.failed(WorkerCrashed("it ended"), now_s)
        with pytest.raises(StartPaused, match="it ended; it is tried again in") as told:
            pauses.check(now_s)
        waited.append(told.value.retry_after_s)
        now_s += told.value.retry_after_s
        pauses.check(now_s)
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60, LONGEST_S]


def test_a_start_that_worked_ends_the_pauses() -> None:
    pauses = StartPauses()
    pauses.failed(WorkerCrashed("it ended"), 0.0)
    pauses.worked()
    pauses.check(0.0)
    pauses.failed(WorkerCrashed("it ended"), 0.0)
    with pytest.raises(StartPaused, match=r"1 in a row.*1\.0 s"):
        pauses.check(0.0)
