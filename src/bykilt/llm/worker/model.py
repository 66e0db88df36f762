"""The model: a prompt becomes tokens, one after the other, held to a grammar if there is one.

Knows how a conversation becomes an answer. Does not know which library runs the model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from bykilt.llm.worker.engine import BATCH_TOKENS, Engine, RefusedCall, Sampler

_SYSTEM = "You are a helpful assistant."
_CHATML = "<|im_start|>"
_ROLES = ("system", "user", "assistant")


class LocalModel:
    """One model and one conversation's worth of memory; the start that two prompts share is computed once."""

    def __init__(self, engine: Engine, context_tokens: int) -> None:
        """Take an engine that has read nothing.

        Raises:
            ValueError: Its model was not made to answer.
        """
        if not engine.template:
            raise ValueError("the model has no chat template: it was not made to answer")
        self._engine = engine
        self._context_tokens = context_tokens
        self._known: list[int] = []
        self._running = ""
        self._cancelled = ""

    def warm_up(self) -> None:
        """Run every path once: no file can be opened and no thread started afterwards."""
        schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
        message = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2}
        self.chat("warm-up", message, lambda text: None)
        self.chat("warm-up", {**message, "schema": schema, "temperature": 0.5}, None)

    def cancel(self, call: str) -> None:
        """Stop that call soon; called from another thread."""
        self._cancelled = call
        if self._running == call:
            self._engine.cancel(True)

    def chat(self, call: str, message: dict[str, Any], token: Callable[[str], None] | None) -> dict[str, Any]:
        """Return text, why it ended and the count of tokens; `token` is given each piece of text.

        Raises:
            RefusedCall: The messages, the schema or their size cannot be used.
        """
        prompt = self._prompt(_messages(message))
        max_tokens = _whole(message, "max_tokens", 256)
        if len(prompt) + max_tokens > self._context_tokens:
            raise RefusedCall(
                "context_overflow",
                f"the prompt takes {len(prompt)} tokens and the answer may take {max_tokens}; "
                f"the model holds {self._context_tokens}",
            )
        temperature = float(message.get("temperature", 0.0))
        sampler = self._engine.sampler(message.get("schema"), temperature, _whole(message, "seed", 1))
        self._engine.cancel(False)
        self._running = call
        try:
            is_whole = _is_whole_json if message.get("schema") is not None else _is_never_whole
            finish, text, count = self._generate(call, prompt, sampler, max_tokens, token, is_whole)
        finally:
            self._running = ""
        return {"finish": finish, "text": text, "prompt_tokens": len(prompt), "completion_tokens": count}

    def _prompt(self, messages: list[dict[str, str]]) -> list[int]:
        """Return the tokens of a conversation, in the form that the model was trained on.

        The marks of that form inside a message are text like any other, or are taken out: who writes a message must
        not write the next one.
        """
        if _CHATML in self._engine.template:
            return self._engine.tokens(_in_chatml(messages), begins=False, reads_marks=True)
        # The template is filled with marks of ours; only what it puts around them may hold marks of its own.
        standing_in = [{"role": one["role"], "content": f"\ue000{number}\ue001"} for number, one in enumerate(messages)]
        try:
            form = self._engine.filled(standing_in)
        except ValueError as error:
            raise RefusedCall("bad_template", f"the model's chat template cannot be used: {error}") from error
        tokens: list[int] = []
        for number, piece in enumerate(re.split("\ue000([0-9]+)\ue001", form)):
            is_message = number % 2 == 1
            text = messages[int(piece)]["content"] if is_message else piece
            tokens += self._engine.tokens(text, begins=number == 0, reads_marks=not is_message)
        return tokens

    def _generate(
        self,
        call: str,
        prompt: list[int],
        sampler: Sampler,
        max_tokens: int,
        token: Callable[[str], None] | None,
        is_whole: Callable[[list[str]], bool],
    ) -> tuple[str, str, int]:
        pieces: list[str] = []
        decoder = self._engine.decoder()
        finish = "length"
        count = 0
        try:
            self._read(prompt)
            while count < max_tokens:
                if self._cancelled == call:
                    raise InterruptedError
                chosen = sampler.choose()
                if self._engine.is_end(chosen):
                    finish = "stop"
                    break
                count += 1
                pieces.append(decoder.decode(chosen))
                if token is not None and pieces[-1]:
                    token(pieces[-1])
                if is_whole(pieces):
                    finish = "stop"
                    break
                self._engine.read([chosen], len(self._known))
                self._known.append(chosen)
        except InterruptedError:
            finish = "cancelled"
            self._forget(0)
        pieces.append(decoder.flush())
        return finish, "".join(pieces), count

    def _read(self, prompt: list[int]) -> None:
        """Bring the memory to exactly this prompt, keeping what it shares with what is there."""
        shared = 0
        while shared < min(len(self._known), len(prompt) - 1) and self._known[shared] == prompt[shared]:
            shared += 1
        shared = self._forget(shared)
        for start in range(shared, len(prompt), BATCH_TOKENS):
            block = prompt[start : start + BATCH_TOKENS]
            self._engine.read(block, start)
            self._known += block

    def _forget(self, keep: int) -> int:
        """Drop all but the first `keep` tokens from the memory; return how many are left."""
        if not self._engine.forget(keep):
            keep = 0
        self._known = self._known[:keep]
        return keep


def _messages(message: dict[str, Any]) -> list[dict[str, str]]:
    messages = message.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RefusedCall("bad_call", "there are no messages")
    for one in messages:
        if one.get("role") not in _ROLES:
            raise RefusedCall("bad_call", f"there is no role {one.get('role')!r}")
    return [{"role": one["role"], "content": str(one.get("content", ""))} for one in messages]


def _in_chatml(messages: list[dict[str, str]]) -> str:
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": _SYSTEM}, *messages]
    parts = []
    for one in messages:
        content = one["content"].replace(_CHATML, "").replace("<|im_end|>", "")
        parts.append(f"{_CHATML}{one['role']}\n{content}<|im_end|>\n")
    return "".join(parts) + f"{_CHATML}assistant\n"


def _is_never_whole(pieces: list[str]) -> bool:
    return False


def _is_whole_json(pieces: list[str]) -> bool:
    """Whether the document is complete; the grammar would let white space follow it for ever."""
    if not pieces[-1].rstrip().endswith(("}", "]", '"')):
        return False
    try:
        json.loads("".join(pieces))
    except ValueError:
        return False
    return True


def _whole(message: dict[str, Any], name: str, default: int) -> int:
    value = message.get(name, default)
    if not isinstance(value, int) or value < 1:
        raise RefusedCall("bad_call", f"{name} must be a whole number above 0")
    return value
