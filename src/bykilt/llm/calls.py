"""One call to a model: what may be asked for, and the answer. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bykilt.errors import InvalidInput

MODEL = "smollm2-135m-instruct"
MAX_PROMPT_BYTES = 256 << 10
MAX_TOKENS = 1 << 17
DEFAULT_DEADLINE_S = 120.0
MAX_DEADLINE_S = 3600.0
DEFAULT_OWNER = "default"
_MAX_MESSAGES = 256
_MAX_NAME = 128


class Role(StrEnum):
    """Who says a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class LocalEngine(StrEnum):
    """The library that runs a model in the container."""

    CYLLAMA = "cyllama"
    LLAMA_CPP = "llama_cpp"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Role
    content: str


Prompt = str | Sequence[Message | Mapping[str, str]]
"""A text, or a list of messages such as `{"role": "user", "content": "Hi"}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """How to answer: greedily unless `temperature` is above 0, `deadline_s` seconds at most.

    `model` and `provider` are the gateway's choice where they are None. `owner` is the trust domain: what one owner
    says and gets never reaches another one. `run` is the run that a budget belongs to.
    """

    model: str | None = None
    provider: str | None = None
    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 1
    system: str | None = None
    deadline_s: float = DEFAULT_DEADLINE_S
    owner: str = DEFAULT_OWNER
    run: str | None = None

    def __post_init__(self) -> None:
        _within("max_tokens", self.max_tokens, 1, MAX_TOKENS, whole=True)
        _within("temperature", self.temperature, 0, 2)
        _within("seed", self.seed, 1, (1 << 31) - 1, whole=True)
        _within("deadline_s", self.deadline_s, 0.01, MAX_DEADLINE_S)
        if not isinstance(self.system, str | None):
            raise InvalidInput("system must be a text")
        for name in ("model", "provider", "run"):
            _named(name, getattr(self, name), or_none=True)
        _named("owner", self.owner)

    @classmethod
    def parse(cls, context: Mapping[str, Any] | None) -> CallOptions:
        """Read a call's `context`.

        Raises:
            InvalidInput: A name or a value cannot be used.
        """
        given = dict(context or {})
        if unknown := given.keys() - set(cls.__dataclass_fields__):
            raise InvalidInput(
                f"the context has no {', '.join(sorted(map(str, unknown)))}",
                hint=f"it may have {', '.join(cls.__dataclass_fields__)}",
            )
        return cls(**given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked. With a JSON Schema the answer is a document that fits it."""

    messages: tuple[Message, ...]
    options: CallOptions = field(default_factory=CallOptions)
    schema: Mapping[str, Any] | None = None

    @classmethod
    def parse(
        cls,
        prompt: Prompt,
        context: Mapping[str, Any] | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Call:
        """Read a call.

        Raises:
            InvalidInput: It cannot be used, or is longer than any model here could read.
        """
        options = CallOptions.parse(context)
        messages = [Message(Role.USER, _text(prompt))] if isinstance(prompt, str) else [_message(one) for one in prompt]
        if not 0 < len(messages) <= _MAX_MESSAGES:
            raise InvalidInput(f"a call has 1 to {_MAX_MESSAGES} messages, got {len(messages)}")
        if options.system is not None:
            messages.insert(0, Message(Role.SYSTEM, _text(options.system)))
        if sum(len(one.content.encode("utf-8", "replace")) for one in messages) > MAX_PROMPT_BYTES:
            raise InvalidInput(f"the prompt is longer than {MAX_PROMPT_BYTES} bytes", hint="shorten it")
        return cls(messages=tuple(messages), options=options, schema=schema)

    def request(self, call: str, *, stream: bool) -> dict[str, Any]:
        """Return the call as the worker reads it; `call` is its id."""
        options = self.options
        message: dict[str, Any] = {"op": "chat", "id": call, "stream": stream}
        message["messages"] = [{"role": str(one.role), "content": one.content} for one in self.messages]
        message |= {"max_tokens": options.max_tokens, "temperature": options.temperature, "seed": options.seed}
        return message | ({"schema": dict(self.schema)} if self.schema is not None else {})

    @property
    def schema_text(self) -> str:
        """The schema as it is written; nothing where there is none."""
        return "" if self.schema is None else json.dumps(dict(self.schema))

    @property
    def max_output_bytes(self) -> int:
        """What an honest worker can have to say, with room to spare."""
        return (256 << 10) + 2048 * self.options.max_tokens


@dataclass(frozen=True, slots=True)
class Completion:
    """The model's answer; `finish` is `stop`, `length` (max_tokens were not enough) or `cancelled`.

    Where the tokens are a guess, since whoever answered does not count them, `is_counted` is false.
    """

    text: str
    finish: str
    prompt_tokens: int
    completion_tokens: int
    is_counted: bool = True


def _message(given: Message | Mapping[str, str]) -> Message:
    if isinstance(given, Message):
        return Message(Role(given.role), _text(given.content))
    if set(given) != {"role", "content"}:
        raise InvalidInput("a message has a role and a content", hint='such as {"role": "user", "content": "Hi"}')
    role, content = given["role"], given["content"]
    if role not in list(Role) or not isinstance(content, str):
        raise InvalidInput(f"a message of {role!r} cannot be used", hint=f"its role is one of {', '.join(Role)}")
    return Message(Role(role), _text(content))


def _text(content: str) -> str:
    # A reference to a secret is a kind of text, too; it means that a value is to be put there, and no value ever is.
    if type(content) is not str:
        raise InvalidInput("a secret cannot be put into a prompt", hint="ask without it; a model needs no secret")
    return content


def _named(name: str, value: object, *, or_none: bool = False) -> None:
    if value is None and or_none:
        return
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_NAME or not value.isprintable():
        raise InvalidInput(f"{name}={value!r}: a name of 1 to {_MAX_NAME} printable characters")


def _within(name: str, value: object, least: float, most: float, *, whole: bool = False) -> None:
    kinds = int if whole else int | float
    if not isinstance(value, kinds) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidInput(f"{name}={value!r}: {'a whole number' if whole else 'a number'} from {least:g} to {most:g}")
