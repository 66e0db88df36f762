"""The bodies of answers: asked for once each as they come, and handed to everybody who wants them.

Knows who wants what, and how to wait for the last ones. How a body is got is each engine's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import anyio

from bykilt.events.model import Fact

_PATIENCE_S = 2.0


class BodyTaker(Protocol):
    """What wants bodies."""

    def hear(self, fact: Fact, now_s: float) -> None:
        """Take a fact of the engine; that of a request comes before its body is asked for."""

    def wants_body(self, request_id: str) -> bool: ...

    def add_body(self, request_id: str, body: bytes, *, is_text: bool) -> None: ...

    def lacks_body(self, request_id: str) -> None:
        """Take note that a body that was wanted could not be had."""


class ResponseBodies:
    """Nothing waits for a body but the end: `ask` and `came` are called as events come in."""

    def __init__(self, takers: Sequence[BodyTaker]) -> None:
        self._takers = takers
        self._asked: dict[str, list[BodyTaker]] = {}
        self._quiet = anyio.Event()

    @property
    def wanted(self) -> bool:
        """Whether anybody takes bodies at all."""
        return bool(self._takers)

    def hear(self, fact: Fact, now_s: float) -> None:
        """Tell everybody of a fact of the engine."""
        for taker in self._takers:
            taker.hear(fact, now_s)

    def ask(self, request_id: str) -> bool:
        """Whether the body of a finished request is wanted; if so, `came` must follow."""
        wanting = [taker for taker in self._takers if taker.wants_body(request_id)]
        if wanting:
            self._asked.setdefault(request_id, []).extend(wanting)
        return bool(wanting)

    def came(self, request_id: str, body: bytes | None, *, is_text: bool = False) -> None:
        """Take a body that was asked for; None when it could not be had."""
        for taker in self._asked.pop(request_id, ()):
            if body is None:
                taker.lacks_body(request_id)
            else:
                taker.add_body(request_id, body, is_text=is_text)
        if not self._asked:
            self._quiet.set()
            self._quiet = anyio.Event()

    async def settle(self) -> None:
        """Return when no body is on its way any more, or after a while."""
        with anyio.move_on_after(_PATIENCE_S, shield=True):
            while self._asked:
                await self._quiet.wait()
