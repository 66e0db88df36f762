"""Pictures on the Playwright engine: those that a step asks for."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Literal, TypedDict

from playwright.async_api import Locator

from bykilt.browser.engine.actions import Screenshot
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.field_kinds import ImageFormat
from bykilt.browser.engine.piercing import is_piercing
from bykilt.browser.engine.playwright_selectors import every, picked
from bykilt.browser.engine.playwright_target import VISIBLE
from bykilt.browser.engine.progress import Progress
from bykilt.events.model import ScreenshotTaken

if TYPE_CHECKING:
    from bykilt.browser.engine.playwright_engine import PlaywrightEngine

_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class _Settings(TypedDict):
    type: Literal["png", "jpeg"]
    quality: int | None
    mask: list[Locator]
    caret: Literal["initial"]
    scale: Literal["css"]
    timeout: float


async def screenshot(engine: PlaywrightEngine, action: Screenshot, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    is_jpeg = action.format is ImageFormat.JPEG
    path = engine.artifact_path(action.path, "screenshots", "screenshot", ".jpeg" if is_jpeg else ".png")
    progress.waiting_for("the picture")
    settings: _Settings = {
        "type": "jpeg" if is_jpeg else "png",
        "quality": action.quality,
        "mask": [target.frame.locator(every(action.mask))] if action.mask is not None else [],
        "caret": "initial",
        "scale": "css",
        "timeout": target.timeout_ms,
    }
    async with target.explained(action.selector or (), VISIBLE):
        for selector in (action.selector, action.mask):
            if is_piercing(selector):
                await target.ask("box", list(selector or ()))
        if action.selector is not None:
            data = await target.frame.locator(picked(action.selector)).screenshot(**settings)
        else:
            data = await target.entry.page.screenshot(full_page=action.full_page, **settings)
    path.write_bytes(data)
    width, height = image_size(data)
    root = engine.artifact_dir.resolve()
    engine.publish(
        ScreenshotTaken(
            str(path.relative_to(root)) if path.is_relative_to(root) else str(path),
            f"image/{settings['type']}",
            width,
            height,
            engine.clock.monotonic_s() * 1000,
            target.entry.id,
            progress.call_id,
        )
    )
    return ActionOutput({"width": width, "height": height, "size_bytes": len(data)}, {"screenshot_path": str(path)})


def image_size(data: bytes) -> tuple[int, int]:
    """Return width and height of a PNG or JPEG file.

    Source: the IHDR chunk of PNG (https://www.w3.org/TR/png-3/#11IHDR), the frame header of JPEG (ITU T.81, B.2.2)
    """
    if data.startswith(b"\x89PNG"):
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    at = 2
    while at + 9 < len(data):
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length
    return 0, 0
