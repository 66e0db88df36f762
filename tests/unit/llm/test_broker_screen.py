"""What a provider answers, on its way in: without the key, and counted."""

from __future__ import annotations

import base64
import html
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.errors import InvalidInput
from bykilt.llm.broker.answer_screen import AnswerScreen, Usage
from bykilt.llm.broker.key_removal import KeyRemover
from bykilt.llm.errors import ProviderFailed

KEY = "sk-/proj+7fQ2&xZb9Lw4'Kd8Vn1Rt6Ys3"
FORMS = {
    "plain": KEY,
    "base64": base64.b64encode(f"key={KEY};".encode()).decode(),
    "hex": KEY.encode().hex(),
    "HEX": KEY.encode().hex().upper(),
    "url": quote(KEY, safe=""),
    "html": html.escape(KEY),
    "json": json.dumps(KEY),
    "json with slashes": json.dumps(KEY).replace("/", "\\/"),
    "json letter by letter": "".join(f"\\u{ord(sign):04x}" for sign in KEY),
    "url letter by letter": "".join(f"%{ord(sign):02X}" for sign in KEY),
}


def passed(remover: KeyRemover, *pieces: bytes) -> bytes:
    return b"".join([*map(remover.feed, pieces), remover.finish()])


@pytest.mark.parametrize("form", FORMS)
def test_the_key_is_taken_out_in_every_form(form: str) -> None:
    text = passed(KeyRemover(KEY), b"before " + FORMS[form].encode() + b" after")
    assert text.startswith(b"before ")
    assert text.endswith(b" after")
    assert b"***" in text
    assert len(text) < len("before  after") + 20


@given(st.integers(1, 40), st.sampled_from(sorted(FORMS)))
def test_the_key_is_taken_out_however_it_is_cut(size: int, form: str) -> None:
    text = b"before " + FORMS[form].encode() + b" after"
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert passed(KeyRemover(KEY), *pieces) == passed(KeyRemover(KEY), text)


@given(st.lists(st.binary(max_size=30)))
def test_other_bytes_pass_unchanged(pieces: list[bytes]) -> None:
    """The control: what holds no key comes out as it went in, with a key to look for and without."""
    assert passed(KeyRemover("\x7e" * 20), *pieces) == b"".join(pieces)
    assert passed(KeyRemover(None), *pieces) == b"".join(pieces)


def test_only_what_could_begin_a_key_is_held_back() -> None:
    remover = KeyRemover(KEY)
    assert remover.feed(b"hello sk-") == b"hello "
    assert remover.feed(b"y and sk") == b"sk-y and "
    assert remover.finish() == b"sk"


@pytest.mark.parametrize("key", ["", "short", "with\nline end", "with\r\nX: y", "schlüssel-schlüssel", "x" * 5000])
def test_a_key_that_cannot_be_sent_or_told_apart_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput) as error:
        KeyRemover(key)
    assert not key or key not in str(error.value)


def event(text: str, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text}}
    return f"data: {json.dumps({'choices': [choice], **more})}\n\n".encode()


def screen(*, is_stream: bool = True, max_bytes: int = 1 << 20) -> AnswerScreen:
    return AnswerScreen(KeyRemover(KEY), is_stream=is_stream, max_bytes=max_bytes)


def test_events_pass_one_by_one_and_the_count_is_read() -> None:
    answer = screen()
    first = event("hello")
    assert answer.feed(first[:10]) == b""
    assert answer.feed(first[10:]) == first
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}\n\n'
    assert answer.feed(usage + b"data: [DO") == usage
    has_ended_early = answer.has_ended
    assert answer.feed(b"NE]\n\n") == b"data: [DONE]\n\n"
    assert (has_ended_early, answer.has_ended) == (False, True)
    assert answer.finish() == b""
    assert answer.usage == Usage(3, 4)


def test_a_document_passes_whole_and_the_count_is_read() -> None:
    answer = screen(is_stream=False)
    whole = json.dumps({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}).encode()
    assert answer.feed(whole[:20]) == b""
    assert answer.feed(whole[20:]) == b""
    assert answer.finish() == whole
    assert answer.usage == Usage(3, 4)


@pytest.mark.parametrize("count", [-1, True, 1.5, "3", None, 1 << 40, [], {}])
def test_a_count_that_is_none_is_not_taken(count: object) -> None:
    answer = screen(is_stream=False)
    answer.feed(json.dumps({"usage": {"prompt_tokens": count, "completion_tokens": 1}}).encode())
    answer.finish()
    assert answer.usage is None


@given(st.integers(1, 20))
def test_a_key_in_pieces_of_text_never_passes_whole(size: int) -> None:
    """Four letters of it pass at most; the answer ends before the rest."""
    seen: list[bytes] = []
    events = (event(KEY[start : start + size]) for start in range(0, len(KEY), size))
    with pytest.raises(ProviderFailed, match="key in it"):
        seen.extend(map(screen().feed, events))
    lines = b"".join(seen).split(b"\n\n")
    texts = [json.loads(line[6:])["choices"][0]["delta"]["content"] for line in lines if line]
    assert len("".join(texts)) < 4


def test_a_key_that_is_written_in_two_ways_at_once_ends_the_answer() -> None:
    half = "".join(f"\\u{ord(sign):04x}" for sign in KEY[:6]) + KEY[6:]
    with pytest.raises(ProviderFailed, match="key in it"):
        screen().feed(f'data: {{"x": ["{half}"]}}\n\n'.encode())
    document = screen(is_stream=False)
    document.feed(f'{{"x": "{half}"}}'.encode())
    with pytest.raises(ProviderFailed, match="key in it"):
        document.finish()


def test_text_that_only_begins_like_the_key_passes_in_the_end() -> None:
    answer = screen()
    begun = event(f"see {KEY[:10]}")
    assert answer.feed(begun) == b""
    assert answer.feed(event(" and so on")) == begun + event(" and so on")
    assert answer.feed(event(KEY[:10])) == b""
    assert answer.finish() == event(KEY[:10])


def test_too_long_an_answer_ends() -> None:
    answer = screen(max_bytes=1000)
    answer.feed(b"x" * 1000)
    with pytest.raises(ProviderFailed, match="longer than the 1000 bytes"):
        answer.feed(b"x")


def test_an_answer_in_a_thousand_places_ends() -> None:
    choices = [{"index": index, "delta": {"content": "x"}} for index in range(100)]
    with pytest.raises(ProviderFailed, match="more answers"):
        screen().feed(f"data: {json.dumps({'choices': choices})}\n\n".encode())


def test_what_was_said_is_known_whole_and_piece_by_piece() -> None:
    """A letter that was cut in two is one in the whole, and two question marks in the pieces."""
    answer = screen()
    answer.feed(event("a") + event("") + b'data: {"choices": [{"delta": {"content": "\\ud83d"}}]}\n\n')
    answer.feed(b'data: {"choices": [{"delta": {"content": "\\ude00"}, "finish_reason": "length"}]}\n\n')
    answer.feed(b"data: [DONE]\n\n" + event("after the end"))
    assert (answer.text, answer.finish_reason) == ("a😀", "length")
    assert [answer.is_next_piece(text) for text in ("a", "?", "x", "?")] == [True, True, False, False]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_may_have_several_lines_and_comments(end: str) -> None:
    lines = [": hello", "event: x", "data: {", 'data:"choices": [{"delta": {"content": "a"}}]}', "id: 1", "", ""]
    answer = screen()
    raw = end.join(lines).encode() + event("b")
    assert b"".join(answer.feed(raw[at : at + 7]) for at in range(0, len(raw), 7)) + answer.finish() == raw
    assert answer.text == "ab"


def test_what_is_no_field_or_no_whole_event_is_not_said() -> None:
    answer = screen()
    cut_off = event("cut off")[:-1]
    answer.feed(b" " + event("indented") + b"datax" + event("x")[4:] + cut_off)
    assert answer.finish() == cut_off
    assert answer.text == ""


@given(st.lists(st.binary(max_size=60)), st.booleans())
def test_nonsense_passes_for_others_to_refuse(pieces: list[bytes], is_stream: bool) -> None:
    answer = screen(is_stream=is_stream)
    out = b"".join(map(answer.feed, pieces)) + answer.finish()
    assert out == b"".join(pieces)
