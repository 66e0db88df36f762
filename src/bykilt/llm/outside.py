"""What a worker without a network may have of the world outside, as its sandbox sees it. Ports, and no policy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from bykilt.llm.calls import Call, Completion
from bykilt.llm.errors import LLMError
from bykilt.llm.protocol import Asked, Done, Dropped, Refusal

Send = Callable[[bytes], Awaitable[None]]
"""Writes one line to the worker."""


class Exchange(Protocol):
    """What goes in and out for one call."""

    @property
    def is_waiting(self) -> bool:
        """Whether the call waits for somebody outside and not for the worker."""
        ...

    async def admit(self, asked: Asked) -> None:
        """Look at a request.

        Raises:
            LLMError: No honest worker makes it; the worker is to be killed.
        """
        ...

    async def carry(self, asked: Asked, send: Send) -> None:
        """Carry an admitted request out, and its answer in. What goes wrong is kept for `outcome`."""
        ...

    def hear(self, text: str) -> None:
        """Take note of a piece of the answer that the worker gives.

        Raises:
            ProtocolViolation: Nobody outside has said it.
        """
        ...

    def drop(self, dropped: Dropped) -> None:
        """Give up a request that the worker has no use for.

        Raises:
            LLMError: There is no such request.
        """
        ...

    async def settle(self) -> None:
        """Give what is under way a moment to end, once the worker has said its last."""
        ...

    def outcome(self, said: Done | Refusal) -> Completion:
        """Return what became of the call, by what was seen from here rather than by what the worker says.

        Raises:
            ProtocolViolation: It cannot be as the worker says.
            BykiltError: There is no answer.
        """
        ...

    def too_late(self) -> LLMError:
        """Return what to tell if the deadline passes while the call waits for somebody outside."""
        ...

    async def close(self) -> None:
        """Record how a call ended that nobody waits for any more."""
        ...


class Outside(Protocol):
    """Makes the exchanges of one sandbox's calls."""

    name: str
    environment: Mapping[str, str]
    """What the container is told at its start."""

    def open(self, call: Call, name: str, *, stream: bool) -> tuple[dict[str, Any], Exchange]:
        """Return the call as the worker reads it, and its exchange; `name` is the call's id.

        Raises:
            InvalidInput: The call cannot be carried out as it is.
        """
        ...
