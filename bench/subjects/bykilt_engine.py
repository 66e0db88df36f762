"""Both of our engines, through the contract."""

from __future__ import annotations

import os
from typing import Any

import anyio

from bykilt.browser.engine.browser_engine import ActionResult, LaunchContext
from bykilt.browser.engine.loader import EngineLoader


class BykiltEngine:
    """Every action goes through `dispatch`, as in a run."""

    def __init__(self, name: str) -> None:
        self._engine = EngineLoader.load_engine(name)

    async def start(self, chromium: str) -> None:
        # The engine drops root and makes the profile by itself.
        os.environ.pop("CHROME_PATH", None)
        await self._engine.launch(LaunchContext())

    async def stop(self) -> None:
        await self._engine.shutdown()

    async def _do(self, **action: Any) -> ActionResult:
        result = await self._engine.dispatch(action)
        if not result.success:
            raise SystemExit(f"{action}: {result.error}")
        return result

    async def navigate(self, url: str) -> None:
        await self._do(type="navigate", url=url)

    async def click(self, selector: str) -> None:
        await self._do(type="click", selector=selector)

    async def fill(self, selector: str, text: str) -> None:
        await self._do(type="fill", selector=selector, text=text)

    async def evaluate(self, expression: str) -> Any:
        return (await self._do(type="evaluate_js", expression=expression)).metadata["result"]

    async def screenshot(self) -> bytes:
        return await self.picture()

    async def picture(self, **fields: Any) -> bytes:
        """Return a PNG, of the viewport or of more."""
        result = await self._do(type="screenshot", path="bench.png", **fields)
        return await anyio.Path(result.artifacts["screenshot_path"]).read_bytes()

    async def wait_for(self, selector: str) -> None:
        await self._do(type="wait_for", selector=selector)

    async def text(self, selector: str) -> str:
        return str((await self._do(type="extract", selector=selector)).metadata["result"])
