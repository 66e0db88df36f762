"""Playwright for Python: one browser, a context for each session, as its documentation says to use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playwright.async_api import Route, async_playwright

from bench.heavy_subject import HeavySubject, Session
from bench.subjects.playwright_python import PlaywrightPython


class _Session(PlaywrightPython):
    def __init__(self, context: Any, page: Any) -> None:
        self._context = context
        self._page = page
        self._seen = 0

    async def close(self) -> None:
        await self._context.close()

    async def intercept_all(self) -> None:
        async def go_on(route: Route) -> None:
            self._seen += 1
            await route.continue_(headers={**route.request.headers, "x-seen": "1"})

        await self._context.route("**/*", go_on)

    async def intercepted(self) -> int:
        return self._seen

    async def full_page(self) -> bytes:
        picture: bytes = await self._page.screenshot(full_page=True)
        return picture

    async def rows(self) -> Sequence[Sequence[str]]:
        columns = [await self._page.locator(f"#rows tr .{name}").all_text_contents() for name in _COLUMNS]
        return list(zip(*columns, strict=True))


_COLUMNS = ("number", "name", "state")


class PlaywrightHeavy:
    """One browser."""

    async def start(self, chromium: str) -> None:
        self._playwright = await async_playwright().start()
        self._browser = await self._playwright.chromium.launch(executable_path=chromium, chromium_sandbox=True)

    async def stop(self) -> None:
        await self._browser.close()
        await self._playwright.stop()

    async def open(self) -> Session:
        context = await self._browser.new_context(viewport={"width": 1280, "height": 720})
        return _Session(context, await context.new_page())


def make() -> HeavySubject:
    """Return the driver."""
    return PlaywrightHeavy()
