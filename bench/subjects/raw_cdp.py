"""The floor: cdp-use's client over a WebSocket, with the fewest commands that have the effect and no checks."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from cdp_use.client import CDPClient

from bench.chromium import ListeningChromium
from bench.subject import Subject


class RawCdp:
    """No waiting for elements, no check of what is hit."""

    async def start(self, chromium: str) -> None:
        self._chromium = ListeningChromium()
        url = await self._chromium.start(chromium)
        self._client = CDPClient(url)
        await self._client.start()
        send = self._client.send
        targets = await send.Target.getTargets()
        page = next(target for target in targets["targetInfos"] if target["type"] == "page")
        await self.follow(page["targetId"])

    async def follow(self, target_id: str) -> None:
        """Attach to a page."""
        send = self._client.send
        attached = await send.Target.attachToTarget(params={"targetId": target_id, "flatten": True})
        self._session = attached["sessionId"]
        self._loaded = asyncio.Event()
        self._client.register.Page.loadEventFired(lambda *_: self._loaded.set())
        await send.Page.enable(session_id=self._session)

    async def stop(self) -> None:
        await self._client.send.Browser.close()
        await self._client.stop()
        await self._chromium.ended()

    async def navigate(self, url: str) -> None:
        self._loaded.clear()
        await self._client.send.Page.navigate(params={"url": url}, session_id=self._session)
        await self._loaded.wait()

    async def evaluate(self, expression: str) -> Any:
        answer = await self._client.send.Runtime.evaluate(
            params={"expression": expression, "returnByValue": True}, session_id=self._session
        )
        return answer["result"].get("value")

    async def click(self, selector: str) -> None:
        point = await self.evaluate(
            f"(r => ({{x: r.x + r.width / 2, y: r.y + r.height / 2}}))"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self._client.send.Input.dispatchMouseEvent(
                params={"type": kind, "x": point["x"], "y": point["y"], "button": "left", "clickCount": 1},
                session_id=self._session,
            )

    async def fill(self, selector: str, text: str) -> None:
        await self.evaluate(f"(e => {{e.focus(); e.select()}})(document.querySelector({json.dumps(selector)}))")
        await self._client.send.Input.insertText(params={"text": text}, session_id=self._session)

    async def screenshot(self) -> bytes:
        answer = await self._client.send.Page.captureScreenshot(params={"format": "png"}, session_id=self._session)
        return base64.b64decode(answer["data"])

    async def wait_for(self, selector: str) -> None:
        expression = (
            f"new Promise(done => {{const look = () => document.querySelector({json.dumps(selector)})"
            " ? done(true) : setTimeout(look, 5); look()})"
        )
        while True:
            try:
                answer = await self._client.send.Runtime.evaluate(
                    params={"expression": expression, "awaitPromise": True}, session_id=self._session
                )
            except RuntimeError:
                # The page was just being replaced; cdp-use has no other class of error.
                continue
            if answer["result"].get("value"):
                return

    async def text(self, selector: str) -> str:
        return str(await self.evaluate(f"document.querySelector({json.dumps(selector)}).textContent"))


def make() -> Subject:
    """Return the driver."""
    return RawCdp()
