"""The document that leaves for a provider: a container that was taken over cannot ask for anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bykilt.llm.broker.asked import chat_document, encode_document, require_same
from bykilt.llm.calls import Call
from bykilt.llm.errors import BrokerRefused
from bykilt.llm.providers import Price, Provider

PROVIDER = Provider(name="p", url="https://api.example/v1", models={"small": Price(), "dear": Price()})
DOCUMENT = chat_document(Call.parse("hi", {"max_tokens": 40}), PROVIDER, "small", stream=False)


def test_the_same_document_may_be_written_in_any_way() -> None:
    """The control of the table below."""
    require_same(encode_document(DOCUMENT), DOCUMENT)
    require_same(json.dumps(dict(reversed(DOCUMENT.items())), indent=1).encode(), DOCUMENT)
    japanese = chat_document(Call.parse("やあ"), PROVIDER, "small", stream=True)
    require_same(json.dumps(japanese, ensure_ascii=True).encode(), japanese)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "dear"},
        {"max_tokens": 41},
        {"max_tokens": 4000},
        {"max_completion_tokens": 4000},
        {"temperature": 0},
        {"seed": True},
        {"n": 1},
        {"n": 100},
        {"stream": True},
        {"stream": False},
        {"service_tier": "priority"},
        {"tools": []},
        {"web_search_options": {}},
        {"logprobs": True},
        {"store": True},
        {"user": "x"},
        {"messages": []},
        {"messages": [{"role": "user", "content": "what was said before"}]},
        {"messages": [{"role": "system", "content": "hi"}]},
        {"messages": [{"role": "user", "content": "hi", "name": "x"}]},
        {"messages": [{"role": "user", "content": "hi"}] * 2},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://a.example"}}]}]},
    ],
    ids=str,
)
def test_a_request_for_something_else_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BrokerRefused, match=next(iter(change))):
        require_same(json.dumps({**DOCUMENT, **change}).encode(), DOCUMENT)


def test_a_request_that_leaves_something_out_is_refused() -> None:
    for name in DOCUMENT:
        with pytest.raises(BrokerRefused, match=name):
            require_same(json.dumps({key: value for key, value in DOCUMENT.items() if key != name}).encode(), DOCUMENT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"model=dear",
        b'{"model": "dear", ' + encode_document(DOCUMENT)[1:],
        encode_document(DOCUMENT)[:-1] + b', "max_tokens": 40}',
        encode_document(DOCUMENT)[:-1] + b', "x": NaN}',
        encode_document(DOCUMENT) + b"{}",
        b"[" * 100_000,
        b"\xff\xfe" + encode_document(DOCUMENT),
    ],
    ids=range(11),
)
def test_what_could_be_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(BrokerRefused):
        require_same(body, DOCUMENT)


def test_half_a_letter_is_not_sent() -> None:
    assert b"?" in encode_document(chat_document(Call.parse("\ud800"), PROVIDER, "small", stream=False))


@pytest.mark.parametrize(
    ("city", "strict"),
    [({"type": "string"}, True), ({"type": "string", "maxLength": 9}, False)],
    ids=["free", "bounded"],
)
def test_a_provider_holds_answers_to_a_schema_only_where_it_knows_all_of_it(
    city: dict[str, object], strict: bool
) -> None:
    """Otherwise it would refuse the call; the answer is held against the schema here in any case."""
    schema = {"type": "object", "properties": {"city": city}, "required": ["city"], "additionalProperties": False}
    document = chat_document(Call.parse("hi", schema=schema), PROVIDER, "small", stream=False)
    assert document["response_format"]["json_schema"] == {"name": "answer", "schema": schema, "strict": strict}
