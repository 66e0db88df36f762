"""What the heavier benchmark asks of a driver. Knows no driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bench.subject import Subject


class Session(Subject, Protocol):
    """One page in a context of its own."""

    async def close(self) -> None: ...

    async def intercept_all(self) -> None:
        """Hold every request from now on, and let it go on with one more header."""
        ...

    async def intercepted(self) -> int:
        """Return how many requests were seen."""
        ...

    async def full_page(self) -> bytes:
        """Return a PNG of the whole page."""
        ...

    async def rows(self) -> Sequence[Sequence[str]]:
        """Return the texts of the cells of `#rows tr`, row by row."""
        ...


class HeavySubject(Protocol):
    """One browser."""

    async def start(self, chromium: str) -> None: ...

    async def stop(self) -> None: ...

    async def open(self) -> Session:
        """Open a page in a context of its own."""
        ...
