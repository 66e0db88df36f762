"""`video.webm` of an engine: the current page, from launch to shutdown.

Knows when the browser is asked for pictures, and how few of them may wait. Does not know how an engine asks
(`Screencast`), nor the file (`browser.video`).

Why not the browser's own recorder: Chromium 15x has `Page.startScreenRecording`, which gives AV1 in MP4 (measured:
24 KB for 6 s, kept over a change of process). It keeps seconds to itself, which are lost when the page
closes or the browser ends; each page is a file of its own; and older browsers at a `cdp_url` lack it. The pictures of
`Page.startScreencast` are ours as soon as they are taken, from any page, into one file. As key frames of VP8 they take
more room, and 25 ms of a processor each at 1280x720; ten a second are the most, and a page that rests gives none.

A thread of its own does the work, so that encoding and the disk hold up nobody; the screencast goes on as its
pictures are acknowledged, which the thread does when it has done with one.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.lowlevel import EventLoopToken, current_token

from bykilt.browser.engine.errors import ActionError
from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.engine.trace_pictures import Picture
from bykilt.browser.video.imaging import BadPicture, PillowMissing
from bykilt.browser.video.preview import Thumbnails
from bykilt.browser.video.video_file import VideoFile, VideoSize
from bykilt.clock import Clock
from bykilt.events.model import Fact, VideoRecorded, Warned
from bykilt.storage.atomic_file import open_atomic
from bykilt.storage.errors import StorageError

VIDEO_NAME = "video.webm"
MEDIA_TYPE = "video/webm"
LONGEST_SIDE = 1280
"""Pictures are made smaller so that no side is longer, in pixels."""

JPEG_QUALITY = 80
_FRAME_S = 0.1
_QUIET_S = 0.3
# Chromium has a few pictures unacknowledged at most and drops what comes meanwhile; of fewer none was dropped.
_BURST = 3
_ASK_S = 2.0
# A screencast that is begun anew gives up the picture that it was about to give.
_PICTURE_S = 1.0
_LAST_PICTURE_S = 2.0
_FINISH_S = 30.0


class Screencast(Protocol):
    """What the recorder needs of an engine. Neither method raises when the page or the browser is gone."""

    async def renew(self) -> None:
        """Begin, or begin anew, to give pictures of the page that is the current one now; the first at once."""

    async def acknowledge(self, number: int) -> None:
        """Let further pictures come after this one."""


@dataclass(frozen=True, slots=True)
class _Frame:
    number: int
    data: str
    at_s: float


class _NothingShown(Exception):
    """No picture came."""


class VideoRecorder:
    """One video. `offer` and `look_again` belong to the event loop; they never wait."""

    def __init__(self, folder: Path, context: LaunchContext, clock: Clock) -> None:
        self.thumbnails = Thumbnails()
        self._path = folder / VIDEO_NAME
        viewport = context.viewport_size
        self._size = VideoSize.of_viewport(viewport.width, viewport.height, LONGEST_SIDE)
        self._max_bytes = context.video_max_bytes
        self._clock = clock
        self._changed = threading.Condition()
        self._frame: _Frame | None = None
        self._skipped: list[int] = []
        self._burst = 0
        self._renew = True
        self._page: str | None = None
        self._asked_page: str | None = None
        self._due_s: float | None = None
        self._end_s: float | None = None
        self._last: bytes | None = None
        self._done = False
        self._recorded: VideoRecorded | None = None
        self._warning: Warned | None = None
        self._thread: threading.Thread | None = None

    # ---- for the event loop

    def start(self, screencast: Screencast) -> None:
        """Begin to record; pictures are to be given to `offer`."""
        work = partial(self._work, screencast, current_token())
        # A daemon, so that an engine that is never shut down does not keep the process.
        self._thread = threading.Thread(target=work, name="bykilt-video", daemon=True)
        self._thread.start()

    def offer(self, number: int, data: str) -> None:
        """Take a picture of the screencast: a JPEG in base64. It takes the place of one that still waits."""
        with self._changed:
            if self._frame is not None:
                self._skipped.append(self._frame.number)
            self._frame = _Frame(number, data, self._clock.monotonic_s())
            self._burst += 1
            self._due_s = None
            self._changed.notify()

    def look_again(self, page: str | None = None) -> None:
        """Have the current page shown as it is: it may be another, or a picture of it may have been dropped."""
        with self._changed:
            self._page = page
            self._renew = True
            self._changed.notify()

    async def stop(self, shutter: Callable[[], Awaitable[Picture | None]]) -> None:
        """End the video with the page as it is now, if it can still be photographed."""
        picture = None
        try:
            with anyio.move_on_after(_LAST_PICTURE_S, shield=True):
                picture = await shutter()
        except ActionError:
            pass  # the browser is gone: the video ends with what came before
        with self._changed:
            self._last = picture.data if picture is not None else None
            self._end_s = self._clock.monotonic_s()
            self._changed.notify()

    async def facts(self) -> list[Fact]:
        """Return, once the file is written after `stop`, what is to be told of it."""
        thread = self._thread
        if thread is not None:
            with anyio.move_on_after(_FINISH_S, shield=True):
                await anyio.to_thread.run_sync(thread.join, abandon_on_cancel=True)
        if not self._done:
            return [_warning("it was not finished", "the disk may be very slow")]
        return [fact for fact in (self._warning, self._recorded) if fact is not None]

    # ---- in the thread

    def _work(self, screencast: Screencast, loop: EventLoopToken) -> None:
        try:
            with open_atomic(self._path) as file:
                video = VideoFile(file, self._size, self._max_bytes)
                self._record(video, screencast, loop)
                self._close(video)
                size_bytes = file.tell()
        except _NothingShown:
            if video.full:
                self._warning = _warning(f"{self._max_bytes} bytes hold no picture", "raise `video_max_bytes`")
            else:
                self._warning = _warning("the browser gave no picture", "it may have ended too soon")
        except (StorageError, PillowMissing) as error:
            self._warning = _warning(error.message, error.hint)
        else:
            size = self._size
            self._recorded = VideoRecorded(
                VIDEO_NAME, MEDIA_TYPE, size_bytes, video.duration_ms, size.width, size.height
            )
        self._done = True

    def _record(self, video: VideoFile, screencast: Screencast, loop: EventLoopToken) -> None:
        while True:
            with self._changed:
                heard = self._changed.wait_for(self._has_news, self._patience_s())
                frame, self._frame = self._frame, None
                skipped, self._skipped = self._skipped, []
                renew = self._may_renew() and (self._renew or not heard)
                if renew:
                    self._renew = False
                    self._burst = 0
                    self._asked_page, self._due_s = self._page, self._clock.monotonic_s() + _PICTURE_S
                is_over = self._end_s is not None
            if frame is not None:
                self._show(video, frame)
                skipped.append(frame.number)
            if is_over:
                return
            wishes: list[Callable[[], Awaitable[None]]] = [screencast.renew] if renew else []
            wishes += [partial(screencast.acknowledge, number) for number in skipped]
            if not all(_asked(wish, loop) for wish in wishes):
                return
            with self._changed:
                self._changed.wait_for(lambda: self._end_s is not None, _FRAME_S)

    def _has_news(self) -> bool:
        return self._frame is not None or self._end_s is not None or (self._renew and self._may_renew())

    def _may_renew(self) -> bool:
        """Whether no picture is lost by it: none is on the way, or it is one of another page, or does not come."""
        return self._due_s is None or self._page != self._asked_page or self._clock.monotonic_s() >= self._due_s

    def _patience_s(self) -> float | None:
        """How long to wait for news before something is to be done without any."""
        if self._renew and self._due_s is not None:
            return max(0.0, self._due_s - self._clock.monotonic_s())
        return _QUIET_S if self._burst >= _BURST else None

    def _show(self, video: VideoFile, frame: _Frame) -> None:
        try:
            picture = base64.b64decode(frame.data, validate=True)
            video.show(picture, frame.at_s)
            self.thumbnails.see(picture)
        except (BadPicture, binascii.Error):
            pass  # a page that is hostile enough to spoil its picture is not shown

    def _close(self, video: VideoFile) -> None:
        end_s = self._end_s
        if end_s is None:
            raise _NothingShown
        if self._last is not None:
            try:
                video.show(self._last, end_s)
                self.thumbnails.see(self._last)
            except BadPicture:
                pass
        if not video.frames:
            raise _NothingShown
        video.finish(end_s)
        if video.full:
            self._warning = Warned(
                "video_full",
                f"{VIDEO_NAME} ends before the run does: it had reached {self._max_bytes} bytes",
                "raise `video_max_bytes`",
            )


def _asked(wish: Callable[[], Awaitable[None]], loop: EventLoopToken) -> bool:
    """Have a wish carried out in the event loop; false when that ends, or has ended, without a shutdown."""

    async def within_bounds() -> bool:
        try:
            with anyio.move_on_after(_ASK_S):
                await wish()
        except anyio.get_cancelled_exc_class():
            # Only the end of the loop cancels this: there is nobody above whom it could be passed on to.
            return False
        return True

    try:
        return anyio.from_thread.run(within_bounds, token=loop)
    except anyio.RunFinishedError:
        return False


def _warning(why: str, hint: str) -> Warned:
    return Warned("video_failed", f"there is no {VIDEO_NAME}: {why}", hint)
