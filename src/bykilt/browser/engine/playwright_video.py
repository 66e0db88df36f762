"""The screencast of the Playwright engine's current page, past Playwright's own commands.

Knows the commands; see `video_recorder` for what is made of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError

from bykilt.browser.engine.playwright_pages import PageEntry
from bykilt.browser.engine.video_recorder import JPEG_QUALITY, LONGEST_SIDE, VideoRecorder

_FRAME = "Page.screencastFrame"


class PlaywrightScreencast:
    """Follows the page that is the current one each time that it is renewed; see `Screencast`."""

    def __init__(self, current: Callable[[], PageEntry | None], recorder: VideoRecorder) -> None:
        self._current = current
        self._recorder = recorder
        self._session: CDPSession | None = None

    async def renew(self) -> None:
        entry = self._current()
        if entry is None or entry.crashed:
            return
        try:
            session = await entry.cdp_session()
            if session is not self._session:
                left, self._session = self._session, session
                session.on(_FRAME, self._came)
                await _leave(left, self._came)
            await session.send("Page.stopScreencast")
            await session.send(
                "Page.startScreencast",
                {"format": "jpeg", "quality": JPEG_QUALITY, "maxWidth": LONGEST_SIDE, "maxHeight": LONGEST_SIDE},
            )
        except PlaywrightError:
            return  # the page is gone: the next one is asked for after the next action

    async def acknowledge(self, number: int) -> None:
        if self._session is None:
            return
        try:
            await self._session.send("Page.screencastFrameAck", {"sessionId": number})
        except PlaywrightError:
            return

    def _came(self, event: dict[str, Any]) -> None:
        self._recorder.offer(event["sessionId"], event["data"])


async def _leave(session: CDPSession | None, listener: Callable[[dict[str, Any]], None]) -> None:
    """End the screencast of a page that is not the current one any more, if it is still there."""
    if session is None:
        return
    session.remove_listener(_FRAME, listener)
    try:
        await session.send("Page.stopScreencast")
    except PlaywrightError:
        return
