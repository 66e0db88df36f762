"""Who has which container, how long it has been idle, and whose has to go. Pure; several threads may use it.

A place belongs to one owner and one model, and is given to nobody else: what an owner said stays in a container's
memory.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class PlaceKey(NamedTuple):
    """Whose place it is, and for which model."""

    owner: str
    model: str


@dataclass(slots=True, eq=False)
class Place(Generic[T]):
    """One container's place: `held` is what is in it, `users` how many calls use it or wait for it."""

    key: PlaceKey
    held: T
    users: int = 1
    idle_since_s: float = field(default=0.0)


class Places(Generic[T]):
    """At most `most` places."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._places: dict[PlaceKey, Place[T]] = {}

    def claim(self, key: PlaceKey) -> Place[T] | None:
        """Return the place of a key, which has one user more; None if there is none."""
        with self._lock:
            place = self._places.get(key)
            if place is not None:
                place.users += 1
            return place

    def has_room(self) -> bool:
        """Whether one more place can be made."""
        with self._lock:
            return len(self._places) < self._most

    def put(self, place: Place[T]) -> None:
        """Add a place."""
        with self._lock:
            self._places[place.key] = place

    def release(self, place: Place[T], now_s: float) -> None:
        """Take one user away."""
        with self._lock:
            place.users -= 1
            place.idle_since_s = now_s

    def take_longest_idle(self) -> Place[T] | None:
        """Take out and return the place that has had no user for the longest time; None if all have some."""
        with self._lock:
            return self._take_idle_since(float("inf"))

    def take_expired(self, now_s: float, idle_s: float) -> Place[T] | None:
        """Take out and return a place that has had no user for `idle_s` seconds."""
        with self._lock:
            return self._take_idle_since(now_s - idle_s)

    def take_all(self) -> list[Place[T]]:
        """Take out and return every place, used or not."""
        with self._lock:
            taken = list(self._places.values())
            self._places.clear()
            return taken

    def next_expiry_s(self, idle_s: float) -> float | None:
        """Return when the next place will have been idle for so long; None if none is idle."""
        with self._lock:
            return min(
                (place.idle_since_s + idle_s for place in self._places.values() if not place.users), default=None
            )

    def present(self) -> list[Place[T]]:
        """Return the places as they are."""
        with self._lock:
            return list(self._places.values())

    def _take_idle_since(self, latest_s: float) -> Place[T] | None:
        idle = [place for place in self._places.values() if not place.users and place.idle_since_s <= latest_s]
        if not idle:
            return None
        oldest = min(idle, key=lambda place: place.idle_since_s)
        return self._places.pop(oldest.key)
