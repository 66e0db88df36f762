"""pydoll: raw CDP in pure Python, with its own waiting."""

from __future__ import annotations

import tempfile
from typing import Any

import anyio
from pydoll.browser.chromium import Chrome
from pydoll.browser.options import ChromiumOptions

from bench.subject import Subject


class PydollDriver:
    """Elements are looked up by `query`, clicked and filled by their own methods."""

    async def start(self, chromium: str) -> None:
        options = ChromiumOptions()
        options.binary_location = chromium
        options.add_argument("--headless=new")
        options.add_argument("--window-size=1280,720")
        self._browser = Chrome(options=options)
        self._tab = await self._browser.start()

    async def stop(self) -> None:
        await self._browser.stop()

    async def navigate(self, url: str) -> None:
        await self._tab.go_to(url)

    async def click(self, selector: str) -> None:
        element = await self._tab.query(selector)
        await element.click(hold_time=0)

    async def fill(self, selector: str, text: str) -> None:
        element = await self._tab.query(selector)
        await element.execute_script("this.focus(); this.select();")
        await element.insert_text(text)

    async def evaluate(self, expression: str) -> Any:
        answer = await self._tab.execute_script(f"return {expression}", return_by_value=True)
        return answer["result"]["result"].get("value")

    async def screenshot(self) -> bytes:
        # Only a file name can ask for PNG: pydoll's base64 answer is always a JPEG.
        with tempfile.TemporaryDirectory() as folder:
            path = anyio.Path(folder) / "shot.png"
            await self._tab.take_screenshot(path=str(path))
            return await path.read_bytes()

    async def wait_for(self, selector: str) -> None:
        element = await self._tab.query(selector, timeout=10)
        await element.wait_until(is_visible=True, timeout=10)

    async def text(self, selector: str) -> str:
        element = await self._tab.query(selector)
        return str(await element.text())


def make() -> Subject:
    """Return the driver."""
    return PydollDriver()
