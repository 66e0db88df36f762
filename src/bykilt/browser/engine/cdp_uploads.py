"""Uploads on the CDP engine: into a file input, through a file chooser, or dropped on an element.

Knows how files that are checked reach the page. Which files may is decided before (`upload_files`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from bykilt.browser.cdp.commands import (
    DOM_RESOLVE_NODE,
    DOM_SET_FILE_INPUT_FILES,
    INPUT_DISPATCH_DRAG_EVENT,
    PAGE_SET_INTERCEPT_FILE_CHOOSER_DIALOG,
    RUNTIME_CALL_FUNCTION_ON,
    RUNTIME_EVALUATE,
)
from bykilt.browser.cdp.errors import CdpError
from bykilt.browser.cdp.protocol_events import PAGE_FILE_CHOOSER_OPENED
from bykilt.browser.cdp.realms import Realm, RealmLost, encode_arguments, json_value
from bykilt.browser.engine.actions import FileUpload
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.cdp_pointer import (
    HOVERABLE,
    aim_at,
    click_element,
    navigating_frames,
    wait_for_started_navigations,
)
from bykilt.browser.engine.cdp_sent_files import sent_files
from bykilt.browser.engine.cdp_target import Pages, Target, find_target
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.upload_files import StagedUpload, check_files
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
    from cdp_use.cdp.input.types import DragData
    from cdp_use.cdp.page.events import FileChooserOpenedEvent

    from bykilt.browser.engine.cdp_engine import CDPEngine

_COPY = 1


async def upload(engine: CDPEngine, pages: Pages, action: FileUpload, progress: Progress) -> ActionOutput:
    files = check_files(action.files, engine.context.upload_limits)
    staged = await engine.stage_uploads(files)
    target = await find_target(pages, action, progress)
    before = navigating_frames(target.page)
    if action.drop:
        await _drop(target, action.selector, staged)
    else:
        await _hand_over(target, action.selector, staged)
    await wait_for_started_navigations(target, before)
    return upload_output(files)


async def _hand_over(target: Target, selector: tuple[str, ...], staged: StagedUpload) -> None:
    spec = {"alternatives": list(selector), "count": len(staged.files)}
    while True:
        way = (await target.until_ok("bykiltActions.fileWay", spec, selector))["value"]
        if "refused" in way:
            raise refused_files(selector, way["refused"], target.progress.waited_s)
        if way["by"] == "click":
            await _through_chooser(target, selector, staged, way["seen"])
            return
        if await _into_input(target, selector, staged):
            return


async def _into_input(target: Target, selector: tuple[str, ...], staged: StagedUpload) -> bool:
    """Put the files into the element's file input; false if it is gone again."""
    realm = await target.isolated()
    try:
        if staged.paths is None:
            keys = await sent_files(realm, staged.files)
            return bool(await realm.call("bykiltActions.giveFiles", list(selector), keys))
        found = await realm.session.send(
            RUNTIME_EVALUATE(
                {
                    "expression": f"bykiltActions.findFileInput({encode_arguments(list(selector))})",
                    "contextId": realm.context_id,
                    "objectGroup": "bykilt",
                }
            )
        )
        object_id = found["result"].get("objectId")
        if object_id is None:
            return False
        await realm.session.send(DOM_SET_FILE_INPUT_FILES({"files": list(staged.paths), "objectId": object_id}))
    except (CdpError, RealmLost):
        if target.page.frames.realms.isolated(target.frame.id) is realm:
            raise
        return False
    return True


# ---- through a file chooser


async def _through_chooser(target: Target, selector: tuple[str, ...], staged: StagedUpload, seen: str) -> None:
    async with _choosers(target) as opened:
        await click_element(target, selector)
        target.progress.blocked_by(no_chooser(selector, seen))
        chooser = await target.page.wait_until(lambda: opened[0] if opened else None)
        node = chooser.get("backendNodeId")
        if node is None:
            # `showOpenFilePicker`: it is for no input, and nothing but a person can answer it.
            raise no_chooser(selector, seen)(target.progress.waited_s)
        frame = target.page.frames.tree.get(chooser["frameId"]) or target.frame
        realm = await target.page.frames.isolated(frame)
        refused = await _ask_of_node(realm, node, "bykiltFiles.refusal", len(staged.files))
        if refused is not None:
            raise refused_by_chooser(selector, refused, target.progress.waited_s)
        if staged.paths is None:
            await _ask_of_node(realm, node, "bykiltFiles.give", await sent_files(realm, staged.files))
        else:
            await realm.session.send(DOM_SET_FILE_INPUT_FILES({"files": list(staged.paths), "backendNodeId": node}))


@asynccontextmanager
async def _choosers(target: Target) -> AsyncIterator[list[FileChooserOpenedEvent]]:
    """Collect the file choosers that would open inside, instead of letting them open."""
    frames = target.page.frames
    session = frames.session_of(target.frame)
    opened: list[FileChooserOpenedEvent] = []

    def note(event: FileChooserOpenedEvent) -> None:
        asking = frames.tree.get(event["frameId"])
        url = asking.url if asking is not None else ""
        if may_have_files(target.frame.url, url, same_frame=asking is target.frame):
            opened.append(event)
            frames.changed.fire()

    stop = session.on(PAGE_FILE_CHOOSER_OPENED, note)
    try:
        await session.send(PAGE_SET_INTERCEPT_FILE_CHOOSER_DIALOG({"enabled": True}))
        yield opened
    finally:
        stop()
        session.post(PAGE_SET_INTERCEPT_FILE_CHOOSER_DIALOG({"enabled": False}))


async def _ask_of_node(realm: Realm, node: int, function: str, *args: Any) -> Any:
    """Return what an injected function says of a node of the realm's document."""
    found = await realm.session.send(
        DOM_RESOLVE_NODE({"backendNodeId": node, "executionContextId": realm.context_id, "objectGroup": "bykilt"})
    )
    answer = await realm.session.send(
        RUNTIME_CALL_FUNCTION_ON(
            {
                "functionDeclaration": f"function (...args) {{ return {function}(this, ...args); }}",
                "objectId": found["object"]["objectId"],
                "arguments": [{"value": arg} for arg in args],
                "returnByValue": True,
            }
        )
    )
    return json_value(answer["result"])


# ---- dropped


async def _drop(target: Target, selector: tuple[str, ...], staged: StagedUpload) -> None:
    if staged.paths is None:
        raise undroppable(staged.files)
    aim = await aim_at(target, selector, None, HOVERABLE)
    target.progress.pointed(aim.point, aim.box)
    await target.ask("bykiltFiles.watchDrops")
    data: DragData = {"items": [], "files": list(staged.paths), "dragOperationsMask": _COPY}

    async def drag(*kinds: Literal["dragEnter", "dragOver", "drop", "dragCancel"]) -> None:
        for kind in kinds:
            await aim.session.send(INPUT_DISPATCH_DRAG_EVENT({"type": kind, "x": aim.x, "y": aim.y, "data": data}))

    # The second time over it, the page has answered the first.
    await drag("dragEnter", "dragOver", "dragOver")
    accepted = await target.ask("bykiltFiles.accepting")
    if accepted is False:
        # Out of the viewport, so that the page hears that the files have left.
        aim = replace(aim, x=-1.0, y=-1.0)
        await drag("dragOver", "dragCancel")
    else:
        await drag("drop")
    if await target.ask("bykiltFiles.dropped") is False:
        raise refused_drop(selector, target.progress.waited_s)
