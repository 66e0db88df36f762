"""The one stream of events of a run: facts go in, numbered events come out.

Knows the order of events, who listens, and what happens to a listener that fails or is slow. Does not know
what is done with an event. A listener can never change a run.
Belongs to one event loop: everything here is called from its thread.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import anyio
import anyio.lowlevel

from bykilt.clock import Clock, SystemClock
from bykilt.errors import BykiltError
from bykilt.events.model import Event, Fact, Warned
from bykilt.events.redactor import KEEP_ALL, Redactor, masked_fact
from bykilt.ids import RunId

_log = logging.getLogger(__name__)

KEPT_EVENTS = 2048
"""How many of the latest events a stream keeps in memory for its subscribers."""


class EventListener(Protocol):
    """Told of every event as it happens, in order. Must be quick and must not wait."""

    def on_event(self, event: Event) -> None: ...


class SubscriberLagged(BykiltError):
    """A subscriber asked for events that the stream has let go of."""

    code = "subscriber_lagged"

    def __init__(self, after_seq: int, oldest_kept: int) -> None:
        super().__init__(
            f"events {after_seq + 1} to {oldest_kept - 1} are no longer in memory",
            hint="read them from the run's events.jsonl, then subscribe again",
        )
        self.after_seq = after_seq
        self.oldest_kept = oldest_kept


class EventStream:
    """Numbers facts from 1 without gaps and hands them on, first to the listeners, then to the subscribers."""

    def __init__(
        self,
        run_id: RunId,
        *,
        clock: Clock | None = None,
        earlier: Sequence[Event] = (),
        kept_events: int = KEPT_EVENTS,
        redactor: Redactor = KEEP_ALL,
    ) -> None:
        """Make a stream that goes on after the events that are written down already; subscribers get them too.

        What `redactor` knows as secret is masked before anybody is told.
        """
        self.run_id = run_id
        self.dropped = 0
        self._clock = clock or SystemClock()
        self._redactor = redactor
        self._next_seq = earlier[-1].seq + 1 if earlier else 1
        self._kept: deque[Event] = deque(earlier, maxlen=kept_events)
        self._listeners: list[EventListener] = []
        self._pending: deque[Fact] = deque()
        self._delivering = False
        self._closed = False
        self._changed: anyio.Event | None = None

    @property
    def last_seq(self) -> int:
        """The number of the latest event; 0 before the first."""
        return self._next_seq - 1

    @property
    def latest(self) -> Event:
        """The latest event.

        Raises:
            IndexError: There is none yet.
        """
        return self._kept[-1]

    @property
    def closed(self) -> bool:
        """Whether the run has said its last."""
        return self._closed

    def listen(self, listener: EventListener) -> None:
        """Tell `listener` of every event from now on. One that raises is disconnected, which is an event too."""
        self._listeners.append(listener)

    def publish(self, fact: Fact) -> None:
        """Number a fact and hand it on. Never waits, never fails; after `close` it is only counted as dropped.

        A fact that a listener publishes follows the event that the listener was told of.
        """
        if self._closed:
            self.dropped += 1
            return
        self._pending.append(fact)
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._pending:
                self._deliver(self._pending.popleft())
        finally:
            self._delivering = False
        self._wake()

    def close(self) -> None:
        """End the stream: subscribers get what is left and then stop."""
        self._closed = True
        self._listeners.clear()
        self._wake()

    def subscribe(self, after_seq: int = 0) -> Subscription:
        """Return the events numbered above `after_seq`, those to come included, until the stream closes.

        Subscribers never hold a run up: the stream keeps its latest events only (`KEPT_EVENTS` by default),
        and one that has fallen behind those gets `SubscriberLagged` and can go on from the run's file.
        """
        return Subscription(self, after_seq)

    def _deliver(self, fact: Fact) -> None:
        # Microseconds are what the file keeps: an event read back equals the one that was seen.
        told = masked_fact(fact, self._redactor)
        event = Event(self.run_id, self._next_seq, round(self._clock.wall_s(), 6), told)
        self._next_seq += 1
        self._kept.append(event)
        for listener in tuple(self._listeners):
            try:
                listener.on_event(event)
            except Exception as error:  # noqa: BLE001 - a bug in a listener must not end the run
                self._disconnect(listener, error)

    def _disconnect(self, listener: EventListener, error: Exception) -> None:
        name = type(listener).__name__
        _log.info("the listener %s failed and was disconnected", name, exc_info=error)
        self._listeners.remove(listener)
        self._pending.append(
            Warned(
                "listener_failed",
                f"{name} failed and hears nothing more of this run: {type(error).__name__}: {error}",
                hint="the run itself goes on; what that listener writes down is incomplete",
            )
        )

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def _event_after(self, seq: int) -> Event | None:
        if seq >= self.last_seq:
            return None
        oldest = self._next_seq - len(self._kept)
        if seq + 1 < oldest:
            raise SubscriberLagged(seq, oldest)
        return self._kept[seq + 1 - oldest]

    async def _wait_until_changed(self) -> None:
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()


class Subscription(AsyncIterator[Event]):
    """One reader's place in a stream. Holds nothing but its place, so it needs no closing."""

    def __init__(self, stream: EventStream, after_seq: int) -> None:
        self._stream = stream
        self.seq = after_seq
        """The number of the event read last."""

    async def __anext__(self) -> Event:
        """Wait for the next event.

        Raises:
            SubscriberLagged: It is no longer in memory.
        """
        await anyio.lowlevel.checkpoint_if_cancelled()
        while (event := self._stream._event_after(self.seq)) is None:
            if self._stream.closed:
                raise StopAsyncIteration
            await self._stream._wait_until_changed()
        self.seq = event.seq
        return event
