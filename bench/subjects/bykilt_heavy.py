"""bykilt's cdp engine: one browser, an engine attached to it for each context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.chromium import ListeningChromium
from bench.heavy_subject import HeavySubject, Session
from bench.subjects.bykilt_engine import BykiltEngine
from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.json_types import JsonObject


class _Session(BykiltEngine):
    async def attach(self, url: str) -> None:
        await self._engine.launch(LaunchContext(cdp_url=url))

    async def close(self) -> None:
        await self._engine.shutdown()

    async def intercept_all(self) -> None:
        rule: JsonObject = {"url": "*", "change_request": {"headers": {"X-Seen": "1"}}}
        await self._engine.enable_network_interception(["*"], [rule])

    async def intercepted(self) -> int:
        # The record keeps the latest ones; each of them was held and let go by the engine.
        return len(await self._engine.get_intercepted_requests())

    async def full_page(self) -> bytes:
        return await self.picture(full_page=True)

    async def rows(self) -> Sequence[Sequence[str]]:
        fields = {name: {"selector": f".{name}"} for name in ("number", "name", "state")}
        result = await self._do(type="extract", selector="#rows tr", records={"fields": fields})
        found: list[dict[str, Any]] = result.metadata["result"]
        return [[row["number"], row["name"], row["state"]] for row in found]


class BykiltHeavy:
    """Starts the browser as the others do."""

    async def start(self, chromium: str) -> None:
        self._chromium = ListeningChromium()
        self._url = await self._chromium.start(chromium)

    async def stop(self) -> None:
        await self._chromium.stop()

    async def open(self) -> Session:
        session = _Session("cdp")
        await session.attach(self._url)
        return session


def make() -> HeavySubject:
    """Return the driver."""
    return BykiltHeavy()
