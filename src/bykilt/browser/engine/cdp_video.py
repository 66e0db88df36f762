"""The screencast of the CDP engine's current page. Knows the commands; see `video_recorder` for what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bykilt.browser.cdp.commands import (
    PAGE_SCREENCAST_FRAME_ACK,
    PAGE_START_SCREENCAST,
    PAGE_STOP_SCREENCAST,
)
from bykilt.browser.cdp.connection import Session
from bykilt.browser.cdp.page import Page
from bykilt.browser.cdp.protocol_events import PAGE_SCREENCAST_FRAME
from bykilt.browser.engine.video_recorder import JPEG_QUALITY, LONGEST_SIDE, VideoRecorder

if TYPE_CHECKING:
    from cdp_use.cdp.page.events import ScreencastFrameEvent


class CdpScreencast:
    """Follows the page that is the current one each time that it is renewed; see `Screencast`."""

    def __init__(self, current: Callable[[], Page | None], recorder: VideoRecorder) -> None:
        self._current = current
        self._recorder = recorder
        self._session: Session | None = None
        self._stop_listening: Callable[[], None] = lambda: None

    async def renew(self) -> None:
        page = self._current()
        if page is None:
            return
        if page.session is not self._session:
            self._leave()
            self._session = page.session
            self._stop_listening = page.session.on(PAGE_SCREENCAST_FRAME, self._came)
        page.session.post(PAGE_STOP_SCREENCAST({}))
        page.session.post(
            PAGE_START_SCREENCAST(
                {"format": "jpeg", "quality": JPEG_QUALITY, "maxWidth": LONGEST_SIDE, "maxHeight": LONGEST_SIDE}
            )
        )

    async def acknowledge(self, number: int) -> None:
        if self._session is not None:
            self._session.post(PAGE_SCREENCAST_FRAME_ACK({"sessionId": number}))

    def _leave(self) -> None:
        self._stop_listening()
        if self._session is not None:
            self._session.post(PAGE_STOP_SCREENCAST({}))

    def _came(self, event: ScreencastFrameEvent) -> None:
        self._recorder.offer(event["sessionId"], event["data"])
