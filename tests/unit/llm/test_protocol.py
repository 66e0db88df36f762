"""The lines of a hostile worker: every amount is bounded, and nothing it says is taken on trust."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.llm.errors import ProtocolViolation
from bykilt.llm.protocol import MAX_LINE_BYTES, MAX_STDERR_BYTES, AttachedStream, Done, Ready, Refusal, Token, decode


def frame(kind: int, payload: bytes) -> bytes:
    return bytes([kind, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


@given(st.lists(st.binary(max_size=40).map(lambda part: part.replace(b"\n", b"")), max_size=6), st.integers(1, 50))
def test_lines_come_out_however_they_are_cut(lines: list[bytes], size: int) -> None:
    sent = b"".join(frame(1, line[:7]) + frame(2, b"noise") + frame(1, line[7:] + b"\n") for line in lines)
    stream = AttachedStream()
    found = [line for start in range(0, len(sent), size) for line in stream.feed(sent[start : start + size])]
    assert found == lines


def test_a_line_that_never_ends_is_refused() -> None:
    stream = AttachedStream()
    stream.allow(1 << 40)
    assert list(stream.feed(frame(1, b"x" * MAX_LINE_BYTES))) == []
    with pytest.raises(ProtocolViolation, match="a line of more"):
        list(stream.feed(frame(1, b"x")))


def test_a_flood_of_short_lines_is_refused() -> None:
    stream = AttachedStream()
    stream.allow(1000)
    with pytest.raises(ProtocolViolation, match="more output"):
        list(stream.feed(frame(1, b"{}\n" * 1000)))


def test_errors_are_kept_to_their_last_part_and_made_harmless() -> None:
    stream = AttachedStream()
    for _ in range(4):
        list(stream.feed(frame(2, b"x" * MAX_STDERR_BYTES)))
    list(stream.feed(frame(2, b"\x1b[2Jend")))
    assert len(stream.stderr) == MAX_STDERR_BYTES
    assert stream.stderr.endswith("�[2Jend")


def test_a_frame_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ProtocolViolation, match="unknown kind"):
        list(AttachedStream().feed(frame(7, b"x")))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"no json",
        b"[]",
        b"1" * 5000,
        b"[" * 100_000,
        b'{"ev":"done"}',
        b'{"ev":"ready","limits":{}}',
        b'{"id":"other","ev":"token","text":"x"}',
        b'{"id":"c","ev":"token"}',
        b'{"id":"c","ev":"token","text":7}',
        b'{"id":"c","ev":"ready","limits":{}}',
        b'{"id":"c","ev":"run","text":"rm"}',
        b'{"id":"c","ev":"done","text":"x","finish":"because","prompt_tokens":1,"completion_tokens":1}',
        b'{"id":"c","ev":"done","text":"x","finish":"stop","prompt_tokens":-1,"completion_tokens":1}',
        b'{"id":"c","ev":"done","text":"x","finish":"stop","prompt_tokens":true,"completion_tokens":1}',
        b'{"id":"c","ev":"done","text":"x","finish":"stop","prompt_tokens":1,"completion_tokens":1e400}',
    ],
)
def test_a_line_that_no_honest_worker_writes_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        decode(line, "c")


def test_honest_lines_are_understood() -> None:
    def said(**fields: object) -> bytes:
        return json.dumps(fields).encode()

    assert decode(said(ev="ready", second_filter=True, limits={"uid": 1}), None) == Ready(True, {"uid": 1})
    assert decode(said(id="c", ev="token", text="a"), "c") == Token("a")
    done = said(id="c", ev="done", text="a", finish="stop", prompt_tokens=3, completion_tokens=1)
    assert decode(done, "c") == Done("a", "stop", 3, 1)
    assert decode(said(id="c", ev="error", code="x", message="y"), "c") == Refusal("x", "y")


def test_half_a_surrogate_pair_does_not_break_who_prints_it() -> None:
    answer = decode(b'{"id":"c","ev":"token","text":"\\ud800!"}', "c")
    assert isinstance(answer, Token)
    assert answer.text.encode() == b"?!"


def test_a_worker_must_say_that_it_is_ready_before_it_says_anything_else() -> None:
    with pytest.raises(ProtocolViolation):
        decode(b'{"ev":"token","text":"x"}', None)
