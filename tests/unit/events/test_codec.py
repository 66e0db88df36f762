"""Events as lines: what goes in comes out, and lines of other versions do no harm."""

from __future__ import annotations

import dataclasses
import json
import types
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.events.codec import (
    FACT_TYPES,
    MAX_LINE_BYTES,
    UnknownEvent,
    UnreadableEvent,
    decode,
    encode,
    format_time,
    parse_time,
)
from bykilt.events.model import (
    ActionFinished,
    ConsoleMessage,
    Event,
    Failure,
    Outcome,
    RunSubmitted,
    StepFinished,
    StepStarted,
    Warned,
)
from bykilt.ids import CallId, PageId, RunId

RUN = RunId("run")

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.text(st.characters(codec="utf-8")), json_values, max_size=3)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Return what may stand in a field of a fact, by its declared type."""
    hint = getattr(hint, "__supertype__", hint)
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        arms = [arm for arm in get_args(hint) if arm is not types.NoneType]
        return st.none() | values_of(arms[0]) if len(arms) == 1 else json_values
    if origin is tuple:
        arms = list(get_args(hint))
        if arms[-1] is Ellipsis:
            return st.lists(values_of(arms[0]), max_size=3).map(tuple)
        return st.tuples(*map(values_of, arms))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return facts_of(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    scalars: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(st.characters(codec="utf-8")),
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
    }
    return scalars.get(hint, objects)


def facts_of(cls: type) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls)
    return st.builds(cls, **{field.name: values_of(hints[field.name]) for field in dataclasses.fields(cls)})


events = st.builds(
    Event,
    run_id=st.just(RUN),
    seq=st.integers(1, 2**53),
    wall_s=st.integers(0, 4_000_000_000_000_000).map(lambda micros: micros / 1_000_000),
    fact=st.one_of([facts_of(cls) for cls in FACT_TYPES.values()]),
)


@given(events)
def test_every_event_comes_back_from_its_line_as_it_was(event: Event) -> None:
    line = encode(event)

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line, RUN) == event


def test_a_line_starts_with_number_time_and_kind() -> None:
    """Contract: other programs read these lines."""
    event = Event(RUN, 1, 1795493159.12, StepStarted("login", "/steps/0", "Log in", "fill", 0, 1))

    assert encode(event) == (
        b'{"seq":1,"time":"2026-11-24T04:05:59.120000Z","kind":"step.started","step_id":"login","path":"/steps/0",'
        b'"title":"Log in","action":"fill","depth":0,"attempt":1}\n'
    )


def test_no_fact_has_a_field_that_the_line_needs_for_itself() -> None:
    taken = {"seq", "time", "kind", "cut"}
    assert {
        kind for kind, cls in FACT_TYPES.items() if taken & {field.name for field in dataclasses.fields(cls)}
    } == set()


def test_every_kind_has_a_name_of_its_own() -> None:
    assert len(FACT_TYPES) == len(set(FACT_TYPES.values()))
    assert all(kind == cls.kind for kind, cls in FACT_TYPES.items())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "read_back"),
    [
        ("half \ud83d pair", "half \ufffd pair"),
        (2**70, str(2**70)),
        ({1: "a"}, {"1": "a"}),
        ({"k\ud800": [float("nan"), float("inf")]}, {"k\ufffd": [None, None]}),
        ([{"deep": ("x", 2**65)}], [{"deep": ["x", str(2**65)]}]),
    ],
)
def test_what_json_cannot_hold_is_replaced_and_the_rest_kept(value: Any, read_back: Any) -> None:
    event = Event(RUN, 1, 1.0, StepFinished("a", "/a", Outcome.SUCCEEDED, 1.0, 1, Failure("c", "\udfff"), value))

    back = decode(encode(event), RUN)

    assert isinstance(back, Event)
    assert isinstance(back.fact, StepFinished)
    assert back.fact.result == read_back
    assert back.fact.failure == Failure("c", "\ufffd")


def test_a_value_nested_without_end_is_cut_off() -> None:
    loop: list[Any] = []
    loop.append(loop)

    back = decode(encode(Event(RUN, 1, 1.0, RunSubmitted("f", "s", "cdp", {"loop": loop}))), RUN)

    assert isinstance(back, Event)


def tree(depth: int) -> Any:
    """Return a value of 20 ** depth texts."""
    return {str(n): tree(depth - 1) for n in range(20)} if depth else "x" * 20


@pytest.mark.parametrize(
    "fact",
    [
        ConsoleMessage(PageId("page@1"), "log", "x" * 5_000_000, ("y" * 3_000_000,), "http://a", 1, 2, 3.0),
        StepFinished("a", "/a", Outcome.SUCCEEDED, 1.0, 1, None, [{"name": f"row {n}"} for n in range(200_000)]),
        StepFinished("a", "/a", Outcome.SUCCEEDED, 1.0, 1, None, {f"key {n}" * 9: n for n in range(100_000)}),
        StepFinished("a", "/a", Outcome.FAILED, 1.0, 1, Failure("c", "m" * 2_000_000), {"k" * 2_000_000: 1}),
        RunSubmitted("f", "s", "cdp", {"tree": tree(4)}),
    ],
    ids=["console", "rows", "keys", "failure", "tree"],
)
def test_a_huge_event_is_cut_and_stays_an_event_of_its_kind(fact: Any) -> None:
    line = encode(Event(RUN, 7, 1.0, fact))

    assert len(line) <= MAX_LINE_BYTES
    assert json.loads(line)["cut"] is True
    back = decode(line, RUN)
    assert isinstance(back, Event)
    assert type(back.fact) is type(fact)


def test_an_unknown_kind_is_kept_as_it_stands() -> None:
    """A newer version wrote the file."""
    line = b'{"seq":3,"time":"2026-11-24T04:05:59Z","kind":"video.recorded","file":"a.webm"}\n'

    assert decode(line, RUN) == UnknownEvent(RUN, 3, 1795493159.0, "video.recorded", {"file": "a.webm"})


def test_an_unknown_field_is_left_out_and_a_missing_one_takes_its_default() -> None:
    """Newer and older versions wrote these."""
    newer = b'{"seq":1,"time":"2026-11-24T04:05:59Z","kind":"warning","code":"c","message":"m","hint":"h","extra":[1]}'
    older = b'{"seq":1,"time":"2026-11-24T04:05:59Z","kind":"warning","code":"c","message":"m"}'

    assert decode(newer, RUN) == Event(RUN, 1, 1795493159.0, Warned("c", "m", "h"))
    assert decode(older, RUN) == Event(RUN, 1, 1795493159.0, Warned("c", "m"))


@pytest.mark.parametrize(
    "fields",
    [
        {"code": "c"},
        {"code": "c", "message": 1},
        {"code": None, "message": "m"},
    ],
)
def test_a_known_kind_in_a_shape_that_is_not_ours_is_kept_as_unknown(fields: dict[str, Any]) -> None:
    line = orjson.dumps({"seq": 1, "time": "2026-11-24T04:05:59Z", "kind": "warning", **fields})

    assert decode(line, RUN) == UnknownEvent(RUN, 1, 1795493159.0, "warning", fields)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"\0\0\0\0",
        b"[]",
        b"7",
        b'"text"',
        b"{}",
        b'{"seq":1,"time":"2026-11-24T04:05:59Z"}',
        b'{"seq":0,"time":"2026-11-24T04:05:59Z","kind":"warning"}',
        b'{"seq":true,"time":"2026-11-24T04:05:59Z","kind":"warning"}',
        b'{"seq":1,"time":"yesterday","kind":"warning"}',
        b'{"seq":1,"time":"2026-11-24T04:05:59","kind":"warning"}',
        b'{"seq":1,"time":5,"kind":"warning"}',
        b'{"seq":1,"time":"2026-11-24T04:05:59Z","kind":["warning"]}',
        b'{"seq":1,"time":"2026-11-24T04:05:59Z","kind":"warn',
        b"\xff\xfe",
    ],
)
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        decode(line, RUN)


@given(st.binary(max_size=200))
def test_no_bytes_whatever_break_the_reader(line: bytes) -> None:
    try:
        decode(line, RUN)
    except UnreadableEvent:
        pass


@given(st.integers(0, 250_000_000_000_000_000))
def test_times_keep_their_microseconds(micros: int) -> None:
    assert round(parse_time(format_time(micros / 1_000_000)) * 1_000_000) == micros or micros > 2**52


def test_ids_come_back_as_plain_text() -> None:
    event = Event(RUN, 1, 1.0, ActionFinished(CallId("call@1"), "click", Outcome.SUCCEEDED, 1.0, 1.0))

    assert decode(encode(event), RUN) == event
