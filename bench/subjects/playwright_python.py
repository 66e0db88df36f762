"""Playwright for Python, as its documentation says to use it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from bench.subject import Subject


class PlaywrightPython:
    """Locators with their own waiting and checks."""

    async def start(self, chromium: str) -> None:
        self._playwright = await async_playwright().start()
        self._browser = await self._playwright.chromium.launch(executable_path=chromium, chromium_sandbox=True)
        self._page = await self._browser.new_page(viewport={"width": 1280, "height": 720})

    async def stop(self) -> None:
        await self._browser.close()
        await self._playwright.stop()

    async def navigate(self, url: str) -> None:
        await self._page.goto(url)

    async def click(self, selector: str) -> None:
        await self._page.locator(selector).click()

    async def fill(self, selector: str, text: str) -> None:
        await self._page.locator(selector).fill(text)

    async def evaluate(self, expression: str) -> Any:
        return await self._page.evaluate(expression)

    async def screenshot(self) -> bytes:
        return await self._page.screenshot()

    async def wait_for(self, selector: str) -> None:
        await self._page.locator(selector).wait_for()

    async def text(self, selector: str) -> str:
        return await self._page.locator(selector).text_content() or ""


class TracedPlaywright(PlaywrightPython):
    """With its own tracing."""

    def __init__(self, *, snapshots: bool) -> None:
        self._snapshots = snapshots

    async def start(self, chromium: str) -> None:
        await super().start(chromium)
        await self._page.context.tracing.start(screenshots=True, snapshots=self._snapshots)

    async def write_trace(self, folder: Path) -> Path:
        path = folder / "trace.zip"
        await self._page.context.tracing.stop(path=path)
        return path


TRACED = {
    "tracing overhead": partial(TracedPlaywright, snapshots=True),
    "tracing overhead, pictures only": partial(TracedPlaywright, snapshots=False),
}


def make() -> Subject:
    """Return the driver."""
    return PlaywrightPython()
