"""One call to the model: what may be asked for, and the answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bykilt.errors import InvalidInput

MODEL = "smollm2-135m-instruct"
CONTEXT_TOKENS = 2048
MAX_PROMPT_BYTES = 256 << 10
DEFAULT_DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """How to answer: greedily unless `temperature` is above 0, `deadline_s` seconds at most."""

    model: str = MODEL
    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 1
    system: str | None = None
    deadline_s: float = DEFAULT_DEADLINE_S

    def __post_init__(self) -> None:
        _within("max_tokens", self.max_tokens, 1, CONTEXT_TOKENS, whole=True)
        _within("temperature", self.temperature, 0, 2)
        _within("seed", self.seed, 1, (1 << 31) - 1, whole=True)
        _within("deadline_s", self.deadline_s, 0.01, 3600)
        if not isinstance(self.system, str | None):
            raise InvalidInput("system must be a text")

    @classmethod
    def parse(cls, context: Mapping[str, Any] | None, model: str) -> CallOptions:
        """Read a call's `context`.

        Raises:
            InvalidInput: A name or a value cannot be used, or it asks for another model.
        """
        given = dict(context or {})
        if unknown := given.keys() - set(cls.__dataclass_fields__):
            raise InvalidInput(
                f"the context has no {', '.join(sorted(unknown))}",
                hint=f"it may have {', '.join(cls.__dataclass_fields__)}",
            )
        options = cls(**{"model": model, **given})
        if options.model != model:
            raise InvalidInput(
                f"there is no model {options.model!r} in the sandbox", hint=f"leave `model` out, or give {model!r}"
            )
        return options

    def request(self, call: str, prompt: str, schema: Mapping[str, Any] | None, *, stream: bool) -> dict[str, Any]:
        """Return the call as the worker reads it.

        Raises:
            InvalidInput: The texts are longer than any model here could read.
        """
        if (
            len(prompt.encode("utf-8", "replace")) + len((self.system or "").encode("utf-8", "replace"))
            > MAX_PROMPT_BYTES
        ):
            raise InvalidInput(f"the prompt is longer than {MAX_PROMPT_BYTES} bytes", hint="shorten it")
        messages = [{"role": "system", "content": self.system}] if self.system is not None else []
        message: dict[str, Any] = {"op": "chat", "id": call, "stream": stream}
        message["messages"] = [*messages, {"role": "user", "content": prompt}]
        message |= {"max_tokens": self.max_tokens, "temperature": self.temperature, "seed": self.seed}
        return message | ({"schema": schema} if schema is not None else {})

    @property
    def max_output_bytes(self) -> int:
        """What an honest worker can have to say, with room to spare."""
        return (256 << 10) + 2048 * self.max_tokens


@dataclass(frozen=True, slots=True)
class Completion:
    """The model's answer; `finish` is `stop`, `length` (max_tokens were not enough) or `cancelled`."""

    text: str
    finish: str
    prompt_tokens: int
    completion_tokens: int


def _within(name: str, value: object, least: float, most: float, *, whole: bool = False) -> None:
    kinds = int if whole else int | float
    if not isinstance(value, kinds) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidInput(f"{name}={value!r}: {'a whole number' if whole else 'a number'} from {least:g} to {most:g}")
