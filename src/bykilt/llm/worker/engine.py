"""What the worker needs of a library that runs models; there are two, and one contract for both.

Knows no library.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

BATCH_TOKENS = 512


class RefusedCall(Exception):
    """A call that cannot be carried out as it is; `code` is for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Sampler(Protocol):
    """Chooses the next token by what the model has read."""

    def choose(self) -> int:
        """Return the token."""
        ...


class Decoder(Protocol):
    """Makes text of tokens, whose bytes may end in the middle of a character."""

    def decode(self, token: int) -> str:
        """Return the text that has become whole with this token."""
        ...

    def flush(self) -> str:
        """Return what is left."""
        ...


class Engine(Protocol):
    """One model and one conversation's worth of memory. Only `cancel` may come from another thread."""

    template: str
    """The chat template of the model's file."""

    def tokens(self, text: str, *, begins: bool, reads_marks: bool) -> list[int]:
        """Return the tokens of a text; at the beginning of a prompt with what the model wants there."""
        ...

    def filled(self, messages: Sequence[dict[str, str]]) -> str:
        """Return the template with these messages, ready for an answer.

        Raises:
            ValueError: It cannot be used.
        """
        ...

    def is_end(self, token: int) -> bool:
        """Whether a token ends an answer."""
        ...

    def decoder(self) -> Decoder:
        """Return what makes text of the tokens of one answer."""
        ...

    def sampler(self, schema: Any, temperature: float, seed: int) -> Sampler:
        """Return what chooses the tokens of one answer, held to a JSON Schema unless it is None; the one before ends.

        Raises:
            RefusedCall: No grammar can be made of the schema.
        """
        ...

    def read(self, tokens: Sequence[int], at: int) -> None:
        """Read at most `BATCH_TOKENS` tokens, behind the `at` that are in the memory.

        Raises:
            InterruptedError: It was cancelled.
        """
        ...

    def forget(self, keep: int) -> bool:
        """Drop all but the first `keep` tokens from the memory; False if only all of them can be dropped."""
        ...

    def cancel(self, is_cancelled: bool) -> None:
        """Stop reading soon, or go on again."""
        ...
