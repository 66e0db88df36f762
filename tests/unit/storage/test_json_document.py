"""JSON documents, written without fail and read with care."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.storage.errors import StorageError
from bykilt.storage.json_document import compact_json, decode_object, encode_json


@dataclass
class Pair:
    left: str
    right: int


def test_a_document_is_indented_and_ends_with_a_newline() -> None:
    assert encode_json({"name": "結果"}) == '{\n  "name": "結果"\n}\n'.encode()
    assert compact_json({"name": ["結果", 1]}) == '{"name":["結果",1]}'


@pytest.mark.parametrize(
    ("value", "read_back"),
    [
        ("half \ud83d pair", "half \ufffd pair"),
        (2**70, str(2**70)),
        ({1: {None: Path("/a")}}, {"1": {"None": "PosixPath('/a')"}}),
        ([float("nan"), float("-inf"), 2**65], [None, None, str(2**65)]),
        ({"pair": Pair("\udc00", 2)}, {"pair": {"left": "\ufffd", "right": 2}}),
    ],
)
def test_what_json_cannot_hold_is_replaced(value: Any, read_back: Any) -> None:
    assert json.loads(encode_json(value)) == read_back


def test_a_value_that_holds_itself_is_cut_off() -> None:
    loop: list[Any] = []
    loop.append(loop)

    assert b"\xe2\x80\xa6" in encode_json(loop)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()) | st.integers(), inner),
    max_leaves=10,
)


@given(values)
def test_no_value_whatever_breaks_the_encoder(value: Any) -> None:
    json.loads(encode_json(value))


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", "null"])
def test_what_is_no_object_is_an_error(content: bytes | str) -> None:
    with pytest.raises(StorageError):
        decode_object(content)


def test_an_object_is_read_from_bytes_and_from_text() -> None:
    assert decode_object(b'{"a":[1]}') == decode_object('{"a":[1]}') == {"a": [1]}
