"""What a pool does besides answering: it keeps a spare container, and removes those that idle.

Both are calls to Docker that block, so they are made in a thread of its own and no call waits for them. Does not know
whose containers there are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from bykilt.clock import Clock
from bykilt.errors import BykiltError


class Preparable(Protocol):
    """A container that can be had ready in any thread."""

    def prepare(self) -> None:
        """Have it come up; blocks."""
        ...


S = TypeVar("S", bound=Preparable)


class PoolKeeper(Generic[S]):
    """One thread. `start` it; `close` must be called."""

    def __init__(
        self, make: Callable[[], S], expire: Callable[[], float | None], first: S, *, refill: bool, clock: Clock
    ) -> None:
        """Take what makes a container, what removes those that idle and says when to look again, and a first spare."""
        self._make = make
        self._expire = expire
        self._spare: S | None = first
        self._refill = refill
        self._clock = clock
        self._changed = threading.Condition()
        self._wants_spare = self._is_woken = self._is_closed = False
        self._problem: BykiltError | None = None
        # A program that never stops its pool ends all the same; its containers end with their input.
        self._thread = threading.Thread(target=self._keep, name="bykilt-llm-pool", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def spare(self) -> S | None:
        """The spare that is ready, if one is."""
        return self._spare

    @property
    def problem(self) -> BykiltError | None:
        """Why the last spare could not be had; None if it could."""
        return self._problem

    def take(self) -> S | None:
        """Return the spare, which is nobody's until now, and have another one made; None if none is ready."""
        with self._changed:
            spare, self._spare = self._spare, None
            self._wants_spare = self._refill
            self._changed.notify()
        return spare

    def wake(self) -> None:
        """Have it look anew when the next container will have idled."""
        with self._changed:
            self._is_woken = True
            self._changed.notify()

    def close(self) -> S | None:
        """End the thread; return the spare that is left. Blocks while one is being made."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()
        return self._spare

    def _keep(self) -> None:
        while True:
            again_s = self._expire()
            with self._changed:
                if not (self._is_closed or self._wants_spare or self._is_woken):
                    self._changed.wait(None if again_s is None else max(0.0, again_s - self._clock.monotonic_s()))
                if self._is_closed:
                    return
                self._is_woken = False
                is_wanted, self._wants_spare = self._wants_spare and self._spare is None, False
            if is_wanted:
                self._fill()

    def _fill(self) -> None:
        spare = self._make()
        try:
            spare.prepare()
        except BykiltError as error:
            self._problem = error
            return
        self._problem = None
        with self._changed:
            self._spare = spare
