"""What may be asked of the model."""

from __future__ import annotations

from typing import Any

import pytest

from bykilt.errors import InvalidInput
from bykilt.llm.calls import MAX_PROMPT_BYTES, MODEL, CallOptions


@pytest.mark.parametrize(
    "context",
    [
        {"max_tokens": 0},
        {"max_tokens": 10**9},
        {"max_tokens": True},
        {"max_tokens": "9"},
        {"temperature": -1},
        {"temperature": float("nan")},
        {"seed": 0},
        {"deadline_s": 0},
        {"system": 7},
        {"model": "gpt-4"},
        {"tools": []},
    ],
    ids=str,
)
def test_a_context_that_cannot_be_used_is_refused(context: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        CallOptions.parse(context, MODEL)


def test_a_call_is_written_as_the_worker_reads_it() -> None:
    options = CallOptions.parse({"max_tokens": 5, "system": "Be short.", "model": MODEL}, MODEL)
    assert options.request("c", "Hi", {"type": "object"}, stream=True) == {
        "op": "chat",
        "id": "c",
        "stream": True,
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}],
        "max_tokens": 5,
        "temperature": 0.0,
        "seed": 1,
        "schema": {"type": "object"},
    }


def test_a_prompt_that_no_model_here_could_read_is_refused() -> None:
    with pytest.raises(InvalidInput, match="longer"):
        CallOptions().request("c", "x" * (MAX_PROMPT_BYTES + 1), None, stream=False)
