"""The floor of the heavier benchmark: cdp-use's client over a WebSocket, with the fewest commands that do the work."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

from cdp_use.cdp.fetch.types import HeaderEntry
from cdp_use.client import CDPClient

from bench.chromium import ListeningChromium
from bench.heavy_subject import HeavySubject, Session
from bench.subjects.raw_cdp import RawCdp

_ROWS = """[...document.querySelectorAll('#rows tr')].map(row =>
  ['number', 'name', 'state'].map(name => row.querySelector('.' + name).textContent))"""


class _Session(RawCdp):
    """A connection of its own, as the engine has one for each context."""

    async def attach(self, url: str) -> None:
        self._client = CDPClient(url)
        await self._client.start()
        send = self._client.send
        self._context = (await send.Target.createBrowserContext())["browserContextId"]
        target = await send.Target.createTarget(
            params={
                "url": "about:blank",
                "browserContextId": self._context,
                "width": 1280,
                "height": 720,
                "newWindow": True,
            }
        )
        await self.follow(target["targetId"])
        self._seen = 0

    async def close(self) -> None:
        await self._client.send.Target.disposeBrowserContext(params={"browserContextId": self._context})
        await self._client.stop()

    async def evaluate(self, expression: str) -> Any:
        answer = await self._client.send.Runtime.evaluate(
            params={"expression": expression, "returnByValue": True, "awaitPromise": True}, session_id=self._session
        )
        return answer["result"].get("value")

    async def intercept_all(self) -> None:
        going_on: set[asyncio.Task[Any]] = set()

        def paused(event: Any, session: str | None) -> None:
            self._seen += 1
            headers: list[HeaderEntry] = [
                {"name": name, "value": value} for name, value in event["request"]["headers"].items()
            ]
            going_on.add(
                task := asyncio.ensure_future(
                    self._client.send.Fetch.continueRequest(
                        params={
                            "requestId": event["requestId"],
                            "headers": [*headers, {"name": "X-Seen", "value": "1"}],
                        },
                        session_id=session,
                    )
                )
            )
            task.add_done_callback(going_on.discard)

        self._client.register.Fetch.requestPaused(paused)
        await self._client.send.Fetch.enable(params={"patterns": [{"urlPattern": "*"}]}, session_id=self._session)

    async def intercepted(self) -> int:
        return self._seen

    async def full_page(self) -> bytes:
        sizes = await self._client.send.Page.getLayoutMetrics(session_id=self._session)
        size = sizes["cssContentSize"]
        answer = await self._client.send.Page.captureScreenshot(
            params={
                "format": "png",
                "captureBeyondViewport": True,
                "clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1},
            },
            session_id=self._session,
        )
        return base64.b64decode(answer["data"])

    async def rows(self) -> Sequence[Sequence[str]]:
        rows: list[list[str]] = await self.evaluate(_ROWS)
        return rows


class RawHeavy:
    """Starts the browser as the others do."""

    async def start(self, chromium: str) -> None:
        self._chromium = ListeningChromium()
        self._url = await self._chromium.start(chromium)

    async def stop(self) -> None:
        await self._chromium.stop()

    async def open(self) -> Session:
        session = _Session()
        await session.attach(self._url)
        return session


def make() -> HeavySubject:
    """Return the driver."""
    return RawHeavy()
