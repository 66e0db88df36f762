"""Uploads on the Playwright engine: into a file input, through a file chooser, or dropped on an element.

Knows how files that are checked reach the page. Which files may is decided before (`upload_files`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import FileChooser

from bykilt.browser.engine.actions import FileUpload
from bykilt.browser.engine.blocked import shown
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.errors import ElementDetached
from bykilt.browser.engine.playwright_pointer import aim_at
from bykilt.browser.engine.playwright_selectors import file_input
from bykilt.browser.engine.playwright_target import ANY, Needs, Target
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.upload_files import check_files
from bykilt.browser.engine.uploading import (
    may_have_files,
    no_chooser,
    refused_by_chooser,
    refused_drop,
    refused_files,
    undroppable,
    upload_output,
)

if TYPE_CHECKING:
    from bykilt.browser.engine.playwright_engine import PlaywrightEngine

_CLICKABLE = Needs(("visible", "enabled", "uncovered"), still=True)
_DROPPABLE = Needs(("visible", "uncovered"), still=True)
_COPY = 1
# What the injected script says of the input that a chooser is for, in the world of Playwright's handles.
_REFUSAL = """(input, count) => {
  if (input.webkitdirectory) return "the file input takes a whole folder, no single files";
  return count > 1 && !input.multiple ? "the file input takes one file only" : null;
}"""


async def upload(engine: PlaywrightEngine, action: FileUpload, progress: Progress) -> ActionOutput:
    files = check_files(action.files, engine.context.upload_limits)
    target = await engine.target(action, progress)
    staged = await engine.stage_uploads(files, dropped=action.drop)
    if staged.paths is None:
        raise undroppable(files)
    if action.drop:
        await _drop(target, action.selector, staged.paths)
    else:
        await _hand_over(target, action.selector, staged.paths)
    return upload_output(files)


async def _hand_over(target: Target, selector: tuple[str, ...], staged: Sequence[str]) -> None:
    progress = target.progress
    progress.waiting_for(f"{shown(selector)} to take files")
    async with target.explained(selector, ANY):
        way = await target.ask("fileWay", list(selector), len(staged))
    if "refused" in way:
        raise refused_files(selector, way["refused"], progress.waited_s)
    if way["by"] == "click":
        await _through_chooser(target, selector, staged, way["seen"])
        return
    async with target.explained(selector, ANY):
        await target.frame.set_input_files(file_input(selector), list(staged), timeout=target.timeout_ms)


# ---- through a file chooser


async def _through_chooser(target: Target, selector: tuple[str, ...], staged: Sequence[str], seen: str) -> None:
    progress = target.progress
    async with _choosers(target) as opened:
        progress.waiting_for(f"{shown(selector)} to be clicked")
        aim = await aim_at(target, selector, None, _CLICKABLE)
        async with target.explained(selector, _CLICKABLE):
            await target.frame.click(aim.selector, position=aim.position, timeout=target.timeout_ms)
        progress.blocked_by(no_chooser(selector, seen))
        chooser = await _first_for(target, opened)
        async with target.explained():
            refused = await chooser.element.evaluate(_REFUSAL, len(staged))
            if refused is not None:
                raise refused_by_chooser(selector, refused, progress.waited_s)
            await chooser.set_files(list(staged), timeout=target.timeout_ms)


@asynccontextmanager
async def _choosers(target: Target) -> AsyncIterator[list[FileChooser]]:
    """Collect the file choosers that would open inside, instead of letting them open."""
    opened: list[FileChooser] = []

    def note(chooser: FileChooser) -> None:
        opened.append(chooser)
        target.entry.changed()

    page = target.entry.page
    page.on("filechooser", note)
    try:
        yield opened
    finally:
        page.remove_listener("filechooser", note)


async def _first_for(target: Target, opened: list[FileChooser]) -> FileChooser:
    """Return the first chooser that may have the files, waiting for it."""
    while True:
        change = target.entry.next_change
        while opened:
            chooser = opened.pop(0)
            try:
                asking = await chooser.element.owner_frame()
            except PlaywrightError:
                continue  # its document is gone
            url = asking.url if asking is not None else ""
            if may_have_files(target.frame.url, url, same_frame=asking is target.frame):
                return chooser
        gone = target.gone()
        if gone is not None:
            raise gone
        await change.wait()


# ---- dropped


async def _drop(target: Target, selector: tuple[str, ...], staged: Sequence[str]) -> None:
    target.progress.waiting_for(f"{shown(selector)} to take a drop")
    aim = await aim_at(target, selector, None, _DROPPABLE)
    async with target.explained(selector, _DROPPABLE):
        await target.frame.hover(aim.selector, position=aim.position, trial=True, timeout=target.timeout_ms)
        element = await target.frame.wait_for_selector(aim.selector, timeout=target.timeout_ms)
        box = await element.bounding_box() if element is not None else None
        if box is None:
            raise ElementDetached(shown(selector), target.progress.waited_s)
        await target.ask("watchDrops")
        session = await target.entry.cdp_session()
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        data = {"items": [], "files": list(staged), "dragOperationsMask": _COPY}

        async def drag(*kinds: str) -> None:
            for kind in kinds:
                await session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})

        # The second time over it, the page has answered the first.
        await drag("dragEnter", "dragOver", "dragOver")
        accepted = (await target.ask("accepting"))["accepted"]
        if accepted is False:
            # Out of the viewport, so that the page hears that the files have left.
            place = {"x": -1.0, "y": -1.0}
            await drag("dragOver", "dragCancel")
        else:
            await drag("drop")
        dropped = (await target.ask("dropped"))["accepted"]
    if dropped is False:
        raise refused_drop(selector, target.progress.waited_s)
