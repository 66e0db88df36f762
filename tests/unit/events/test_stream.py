"""The event stream of a run: numbers, listeners and subscribers."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
from anyio import fail_after
from anyio.lowlevel import checkpoint

from bykilt.events.model import Event, Fact, Warned
from bykilt.events.stream import EventStream, SubscriberLagged
from bykilt.ids import RunId

RUN = RunId("run")


def fact(number: int) -> Warned:
    return Warned("n", str(number))


class Recorder:
    """A listener that keeps what it heard."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


class Failing:
    """A listener with a bug."""

    def __init__(self) -> None:
        self.calls = 0

    def on_event(self, event: Event) -> None:
        self.calls += 1
        raise KeyError("a bug")


class Echo:
    """A listener that answers the first event with a fact of its own."""

    def __init__(self, publish: Callable[[Fact], None]) -> None:
        self._publish = publish

    def on_event(self, event: Event) -> None:
        if event.seq == 1:
            self._publish(Warned("echo", "answer"))


class Steps:
    """A clock that the test sets."""

    def __init__(self, *times: float) -> None:
        self._times = list(times)

    def wall_s(self) -> float:
        return self._times.pop(0)

    def monotonic_s(self) -> float:
        return 0.0


def test_events_are_numbered_from_one_without_gaps() -> None:
    stream, heard = EventStream(RUN), Recorder()
    stream.listen(heard)

    for number in range(5):
        stream.publish(fact(number))

    assert [event.seq for event in heard.events] == [1, 2, 3, 4, 5]
    assert [event.fact for event in heard.events] == [fact(n) for n in range(5)]
    assert {event.run_id for event in heard.events} == {RUN}
    assert stream.last_seq == 5


def test_times_are_rounded_to_what_the_file_keeps() -> None:
    stream, heard = EventStream(RUN, clock=Steps(1.123456789)), Recorder()
    stream.listen(heard)

    stream.publish(fact(1))

    assert heard.events[0].wall_s == 1.123457


def test_a_listener_that_fails_is_disconnected_and_reported_once() -> None:
    """Contract: a listener can never change a run."""
    stream, before, failing, after = EventStream(RUN), Recorder(), Failing(), Recorder()
    for listener in (before, failing, after):
        stream.listen(listener)

    stream.publish(fact(1))
    stream.publish(fact(2))

    assert failing.calls == 1
    assert before.events == after.events
    assert [event.seq for event in before.events] == [1, 2, 3]
    warning = before.events[1].fact
    assert isinstance(warning, Warned)
    assert warning.code == "listener_failed"
    assert "Failing" in warning.message
    assert "a bug" in warning.message


def test_a_fact_published_by_a_listener_follows_the_event_it_heard() -> None:
    """Every listener sees the same order."""
    stream, first, last = EventStream(RUN), Recorder(), Recorder()
    for listener in (first, Echo(stream.publish), last):
        stream.listen(listener)

    stream.publish(fact(1))
    stream.publish(fact(2))

    assert [event.fact for event in last.events] == [fact(1), Warned("echo", "answer"), fact(2)]
    assert first.events == last.events


def test_facts_after_the_end_are_counted_and_not_numbered() -> None:
    stream, heard = EventStream(RUN), Recorder()
    stream.listen(heard)
    stream.publish(fact(1))
    stream.close()

    stream.publish(fact(2))

    assert stream.closed
    assert stream.dropped == 1
    assert len(heard.events) == 1


async def test_a_subscriber_gets_what_was_and_what_comes_until_the_end() -> None:
    stream, got = EventStream(RUN), []
    stream.publish(fact(1))

    async def read() -> None:
        async for event in stream.subscribe():
            got.append(event.seq)

    with fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await checkpoint()
            stream.publish(fact(2))
            await checkpoint()
            stream.publish(fact(3))
            stream.close()

    assert got == [1, 2, 3]


async def test_a_subscriber_may_start_anywhere() -> None:
    stream = EventStream(RUN)
    for number in range(5):
        stream.publish(fact(number))
    stream.close()

    assert [event.seq async for event in stream.subscribe(after_seq=3)] == [4, 5]
    assert [event.seq async for event in stream.subscribe(after_seq=9)] == []


async def test_a_slow_subscriber_is_told_what_it_missed_and_where_to_go_on() -> None:
    """Policy: a subscriber never holds the run up; the oldest events leave memory first."""
    stream = EventStream(RUN, kept_events=3)
    events = stream.subscribe()
    stream.publish(fact(1))
    assert (await anext(events)).seq == 1
    for number in range(2, 8):
        stream.publish(fact(number))

    with pytest.raises(SubscriberLagged) as lagged:
        await anext(events)

    assert (lagged.value.after_seq, lagged.value.oldest_kept) == (1, 5)
    assert events.seq == 1
    stream.close()
    assert [event.seq async for event in stream.subscribe(lagged.value.oldest_kept - 1)] == [5, 6, 7]


async def test_many_subscribers_get_the_same() -> None:
    stream = EventStream(RUN)
    got: list[list[int]] = [[] for _ in range(20)]

    async def read(into: list[int]) -> None:
        async for event in stream.subscribe():
            into.append(event.seq)

    with fail_after(5):
        async with anyio.create_task_group() as tasks:
            for each in got:
                tasks.start_soon(read, each)
            for number in range(100):
                stream.publish(fact(number))
                if number % 7 == 0:
                    await checkpoint()
            stream.close()

    assert got == [list(range(1, 101))] * 20


async def test_a_waiting_subscriber_can_be_cancelled_and_the_stream_goes_on() -> None:
    stream = EventStream(RUN)
    with anyio.move_on_after(0) as scope:
        await anext(stream.subscribe())
    assert scope.cancelled_caught

    stream.publish(fact(1))
    stream.close()
    assert [event.seq async for event in stream.subscribe()] == [1]


async def test_a_stream_goes_on_after_what_is_written_down_already() -> None:
    """Contract: subscribers get the earlier events, listeners hear only what is new."""
    earlier = Event(RUN, 1, 1.0, fact(0))
    stream, heard = EventStream(RUN, earlier=[earlier]), Recorder()
    stream.listen(heard)

    stream.publish(fact(1))
    stream.close()

    assert [event.seq for event in heard.events] == [2]
    assert [event async for event in stream.subscribe()] == [earlier, *heard.events]


async def test_events_before_the_earliest_of_a_continued_stream_are_in_the_file() -> None:
    stream = EventStream(RUN, earlier=[Event(RUN, 7, 1.0, fact(0))])

    with pytest.raises(SubscriberLagged) as lagged:
        await anext(stream.subscribe())

    assert lagged.value.oldest_kept == 7
