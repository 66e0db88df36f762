"""Pictures that a step asks for, on the CDP engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bykilt.browser.cdp.commands import PAGE_GET_LAYOUT_METRICS
from bykilt.browser.engine.actions import Screenshot
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.cdp_pointer import place_in_page
from bykilt.browser.engine.cdp_target import Pages, Target, find_target
from bykilt.browser.engine.field_kinds import ImageFormat
from bykilt.browser.engine.progress import Progress
from bykilt.events.model import ScreenshotTaken

if TYPE_CHECKING:
    from cdp_use.cdp.page.types import Viewport as Clip

    from bykilt.browser.engine.cdp_engine import CDPEngine

_MAX_EDGE = 16_384


async def screenshot(engine: CDPEngine, pages: Pages, action: Screenshot, progress: Progress) -> ActionOutput:
    target = await find_target(pages, action, progress)
    path = engine.artifact_path(
        action.path, "screenshots", "screenshot", ".jpeg" if action.format is ImageFormat.JPEG else ".png"
    )
    clip = await _clip(target, action)
    progress.waiting_for("the picture")
    if action.mask is not None:
        await target.ask("bykiltActions.mask", list(action.mask))
    image_format: Literal["png", "jpeg"] = "jpeg" if action.format is ImageFormat.JPEG else "png"
    try:
        data = await target.page.capture(
            image_format, quality=action.quality, clip=clip, beyond_viewport=clip is not None
        )
    finally:
        if action.mask is not None:
            await target.ask("bykiltActions.unmask")
    path.write_bytes(data)
    settings = target.page.settings
    width = round(clip["width"]) if clip else settings.width
    height = round(clip["height"]) if clip else settings.height
    engine.publish(
        ScreenshotTaken(
            _relative(path, engine.artifact_dir),
            f"image/{image_format}",
            width,
            height,
            engine.clock.monotonic_s() * 1000,
            target.page.id,
            progress.call_id,
        )
    )
    return ActionOutput({"width": width, "height": height, "size_bytes": len(data)}, {"screenshot_path": str(path)})


async def _clip(target: Target, action: Screenshot) -> Clip | None:
    if action.selector is not None:
        answer = await target.until_ok(
            "bykiltActions.pictureBox", {"alternatives": list(action.selector)}, action.selector
        )
        box: Any = answer["value"]
        x, y = box["x"], box["y"]
        if target.frame.parent is not None:
            x, y = await _from_frame(target, action.selector, box["left"], box["top"])
        return {"x": x, "y": y, "width": box["width"], "height": box["height"], "scale": 1}
    if action.full_page:
        metrics = await target.page.session.send(PAGE_GET_LAYOUT_METRICS({}))
        size = metrics["cssContentSize"]
        return {
            "x": 0,
            "y": 0,
            "width": min(size["width"], _MAX_EDGE),
            "height": min(size["height"], _MAX_EDGE),
            "scale": 1,
        }
    return None


async def _from_frame(target: Target, selector: tuple[str, ...], left: float, top: float) -> tuple[float, float]:
    """Return a point of a frame's viewport in the coordinates of the page's document."""
    while True:
        placed = await place_in_page(target, selector, left, top, check=False)
        if placed is not None:
            break
    metrics = await target.page.session.send(PAGE_GET_LAYOUT_METRICS({}))
    viewport = metrics["cssVisualViewport"]
    return placed.x + viewport["pageX"], placed.y + viewport["pageY"]


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root.resolve())) if path.is_relative_to(root.resolve()) else str(path)
