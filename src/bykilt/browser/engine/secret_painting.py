"""Secrets that a page shows are painted over before a picture is taken.

Knows which values were typed into pages of which origin, and which documents have been told to hide them. A document
of another origin is never told: it would learn the value.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cache
from typing import Protocol

import anyio

from bykilt.browser import injected
from bykilt.browser.engine.trace_dom import MAX_FRAMES, DomFrame

_PATIENCE_S = 2.0
_REMEMBERED_DOCUMENTS = 500


@cache
def secret_script() -> str:
    """Return the scripts, as a function that installs them; always the same text, which Chromium compiles once."""
    return f"() => {{ {injected.source(*injected.PASSIVE, injected.SECRETS)}; return globalThis.origin; }}"


class Frames(Protocol):
    """What is needed of an engine."""

    async def dom_frames(self) -> Sequence[DomFrame]: ...


class SecretPainting:
    """Of one engine. As long as no secret was typed, it costs nothing."""

    def __init__(self) -> None:
        self._values: dict[str, set[str]] = {}
        self._told: dict[Hashable, int] = {}

    def typed(self, value: str, origin: str) -> None:
        """Take note of a value that pages of this origin have from now on."""
        self._values.setdefault(origin, set()).add(value)

    async def paint(self, engine: Frames) -> None:
        """Return once every document of the current page that may show a value hides it; in two seconds at most."""
        if not self._values:
            return
        with anyio.move_on_after(_PATIENCE_S):
            for frame in (await engine.dom_frames())[:MAX_FRAMES]:
                await self._paint(frame)

    async def _paint(self, frame: DomFrame) -> None:
        count = sum(map(len, self._values.values()))
        key = (frame.id, frame.world)
        if self._told.get(key) == count:
            return
        origin = await frame.call(secret_script())
        values = self._values.get(origin) if isinstance(origin, str) else None
        if values and not await frame.call("(values) => bykiltSecrets.hide(values)", sorted(values)):
            return
        if origin is not None:
            self._told[key] = count
        if len(self._told) > _REMEMBERED_DOCUMENTS:
            self._told.pop(next(iter(self._told)))
