"""What may be asked of the model."""

from __future__ import annotations

from typing import Any

import pytest

from bykilt.browser.engine.secret_text import SecretReference
from bykilt.errors import InvalidInput
from bykilt.llm.calls import MAX_PROMPT_BYTES, Call, CallOptions, Message, Role


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
        {"model": ""},
        {"owner": None},
        {"run": "a\nb"},
        {"tools": []},
    ],
    ids=str,
)
def test_a_context_that_cannot_be_used_is_refused(context: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        CallOptions.parse(context)


@pytest.mark.parametrize(
    "prompt",
    [
        SecretReference("shop_password"),
        [Message(Role.USER, SecretReference("shop_password"))],
        [{"role": "user", "content": SecretReference("shop_password")}],
    ],
    ids=["text", "message", "mapping"],
)
def test_a_secret_cannot_be_put_into_a_prompt(prompt: Any) -> None:
    """Spec: secrets cannot be interpolated. The words themselves are only words."""
    with pytest.raises(InvalidInput, match="a secret cannot be put into a prompt"):
        Call.parse(prompt)
    with pytest.raises(InvalidInput, match="a secret cannot be put into a prompt"):
        Call.parse("Hi", {"system": SecretReference("shop_password")})
    assert Call.parse("${secrets.shop_password}").messages[0].content == "${secrets.shop_password}"


def test_a_call_is_written_as_the_worker_reads_it() -> None:
    call = Call.parse("Hi", {"max_tokens": 5, "system": "Be short."}, {"type": "object"})
    assert call.request("c", stream=True) == {
        "op": "chat",
        "id": "c",
        "stream": True,
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}],
        "max_tokens": 5,
        "temperature": 0.0,
        "seed": 1,
        "schema": {"type": "object"},
    }


def test_a_conversation_is_a_list_of_messages() -> None:
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    assert Call.parse([*said, {"role": "user", "content": "Bye"}]).request("c", stream=False)["messages"] == [
        *said,
        {"role": "user", "content": "Bye"},
    ]


@pytest.mark.parametrize(
    "messages",
    [[], [{"role": "user"}], [{"role": "tool", "content": "x"}], [{"role": "user", "content": 7}], [{}] * 300],
    ids=str,
)
def test_messages_that_are_none_are_refused(messages: list[Any]) -> None:
    with pytest.raises(InvalidInput):
        Call.parse(messages)


def test_a_prompt_that_no_model_here_could_read_is_refused() -> None:
    with pytest.raises(InvalidInput, match="longer"):
        Call.parse("x" * (MAX_PROMPT_BYTES + 1))
