"""What the benchmark asks of every driver. Knows no driver."""

from __future__ import annotations

from typing import Protocol


class Subject(Protocol):
    """One driver with one page. Every method returns when its effect is in the page."""

    async def start(self, chromium: str) -> None:
        """Start the browser and open a page."""
        ...

    async def stop(self) -> None: ...

    async def navigate(self, url: str) -> None:
        """Open an address and wait for its load event."""
        ...

    async def click(self, selector: str) -> None: ...

    async def fill(self, selector: str, text: str) -> None: ...

    async def evaluate(self, expression: str) -> object:
        """Return the JSON value of an expression."""
        ...

    async def screenshot(self) -> bytes:
        """Return a PNG of the viewport."""
        ...

    async def wait_for(self, selector: str) -> None:
        """Return once the element is there and visible."""
        ...

    async def text(self, selector: str) -> str: ...
