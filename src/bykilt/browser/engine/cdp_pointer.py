"""Pointer actions on the CDP engine: click, hover, drag, tick, scroll, raw mouse.

A click is aimed in the page (visible, still, enabled, not covered), sent as real input, and checked at the
trusted event: an event that would land elsewhere is stopped before any script of the page sees it, and the
action goes on waiting.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from bykilt.browser.cdp.commands import (
    DOM_GET_FRAME_OWNER,
    DOM_RESOLVE_NODE,
    INPUT_DISPATCH_DRAG_EVENT,
    INPUT_SET_INTERCEPT_DRAGS,
    RUNTIME_CALL_FUNCTION_ON,
)
from bykilt.browser.cdp.connection import Session
from bykilt.browser.cdp.errors import CdpError, SessionClosed
from bykilt.browser.cdp.frames import Frame, Navigation
from bykilt.browser.cdp.input import all_answered
from bykilt.browser.cdp.keyboard_layout import MODIFIER_BITS
from bykilt.browser.cdp.page import Page
from bykilt.browser.cdp.protocol_events import INPUT_DRAG_INTERCEPTED
from bykilt.browser.cdp.realms import RealmLost, json_value
from bykilt.browser.engine.actions import (
    Check,
    Click,
    DoubleClick,
    Drag,
    Hover,
    Mouse,
    PointerAction,
    Scroll,
    Uncheck,
)
from bykilt.browser.engine.blocked import blocker_for, shown
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.cdp_target import Pages, Target, find_target, present, reported_hit
from bykilt.browser.engine.errors import WrongElement
from bykilt.browser.engine.field_kinds import Button, Modifier, MouseKind, Position
from bykilt.browser.engine.progress import Progress
from bykilt.events.model import Box, Point

if TYPE_CHECKING:
    from bykilt.browser.engine.cdp_engine import CDPEngine

_tokens = itertools.count(1)
_READY = {"visible": True, "enabled": True, "editable": False, "still": True, "free": True}
HOVERABLE = {**_READY, "enabled": False}
_FORCED = {"visible": False, "enabled": False, "editable": False, "still": False, "free": False}
_REPORT_PATIENCE_S = 0.5
_DRAG_STEPS = 5
_DRAG_PATIENCE_S = 0.3

# Called on the element of a frame with a point inside that frame: where the point is in the document around it,
# and whether a pointer event there would reach the frame at all. Scrolls that document if that is what it takes.
_FRAME_ORIGIN = """function (x, y) {
  const look = () => {
    const rect = this.getBoundingClientRect();
    const style = getComputedStyle(this);
    const left = rect.left + this.clientLeft + parseFloat(style.paddingLeft);
    const top = rect.top + this.clientTop + parseFloat(style.paddingTop);
    const hit = bykiltVisibility.hitTarget(left + x, top + y);
    const seen = hit ? bykiltVisibility.describe(hit) : "nothing is hit there";
    return { x: left, y: top, free: hit === this, seen };
  };
  let found = look();
  for (const block of ["nearest", "center", "start", "end"]) {
    if (found.free) return found;
    this.scrollIntoView({ block, inline: block, behavior: "instant" });
    found = look();
  }
  if (!found.free) {
    // A frame larger than the viewport: its point itself goes to the middle.
    scrollBy({ left: found.x + x - innerWidth / 2, top: found.y + y - innerHeight / 2, behavior: "instant" });
    found = look();
  }
  return found;
}"""


@dataclass(frozen=True, slots=True)
class Aim:
    """Where an element is: the point and box in the frame, and the same point for the session's input events."""

    session: Session
    x: float
    y: float
    point: Point
    box: Box


@dataclass(frozen=True, slots=True)
class Placed:
    """A point of a frame: as the session that takes its input counts it, and in the page's viewport."""

    session: Session
    input_x: float
    input_y: float
    x: float
    y: float


def modifier_bits(modifiers: tuple[Modifier, ...]) -> int:
    """Return the protocol's bits of modifiers."""
    bits = 0
    for modifier in modifiers:
        bits |= MODIFIER_BITS[modifier]
    return bits


async def aim_at(
    target: Target,
    selector: tuple[str, ...],
    position: Position | None,
    needs: dict[str, bool],
    *,
    token: str = "",
    careful: bool = False,
) -> Aim:
    """Wait until the element is ready for the pointer and return where it is; sets the guard if there is a token."""
    spec: dict[str, Any] = {"alternatives": list(selector), "needs": needs, "token": token, "careful": careful}
    if position is not None:
        spec["position"] = {"x": position.x, "y": position.y}
    while True:
        answer = await target.until_ok("bykiltPointer.aim", spec, selector)
        point, box = answer["point"], answer["box"]
        x, y = point["x"], point["y"]
        session = target.page.session
        if target.frame.parent is not None:
            placed = await place_in_page(target, selector, x, y, check=needs["free"])
            if placed is None:
                continue
            session, x, y = placed.session, placed.input_x, placed.input_y
        return Aim(session, x, y, Point(point["x"], point["y"]), Box(**box))


async def place_in_page(target: Target, selector: tuple[str, ...], x: float, y: float, *, check: bool) -> Placed | None:
    """Return where a frame's point is; None if with `check` something around is in the way, or the page changed."""
    frames = target.page.frames
    frame: Frame = target.frame
    session = frames.session_of(frame)
    root = frames.local_root(frame)
    inside_root = True
    input_x, input_y = x, y
    while frame.parent is not None:
        origin = await _origin_of(target.page, frame, x, y)
        if origin is None:
            return None
        if check and not origin["free"]:
            blocked = {"blocked": "covered", "seen": f"{origin['seen']} over the frame"}
            target.progress.blocked_by(blocker_for(selector, blocked))
            await anyio.sleep(0.02)
            return None
        x, y = x + origin["x"], y + origin["y"]
        inside_root = inside_root and frame is not root
        if inside_root:
            input_x, input_y = x, y
        frame = frame.parent
    return Placed(session, input_x, input_y, x, y)


async def _origin_of(page: Page, frame: Frame, x: float, y: float) -> Any:
    parent = present(frame).parent
    assert parent is not None
    realm = page.frames.realms.isolated(parent.id)
    if realm is None:
        await page.wait_until(lambda: page.frames.realms.isolated(present(parent).id))
        return None
    try:
        owner = await realm.session.send(DOM_GET_FRAME_OWNER({"frameId": frame.id}))
        node = await realm.session.send(
            DOM_RESOLVE_NODE(
                {
                    "backendNodeId": owner["backendNodeId"],
                    "executionContextId": realm.context_id,
                    "objectGroup": "bykilt",
                }
            )
        )
        answer = await realm.session.send(
            RUNTIME_CALL_FUNCTION_ON(
                {
                    "functionDeclaration": _FRAME_ORIGIN,
                    "objectId": node["object"]["objectId"],
                    "arguments": [{"value": x}, {"value": y}],
                    "returnByValue": True,
                }
            )
        )
    except CdpError:
        # The frame or its document was replaced in between: the caller looks again.
        await anyio.sleep(0.01)
        return None
    return json_value(answer["result"])


async def click_element(
    target: Target,
    selector: tuple[str, ...],
    *,
    button: Button = Button.LEFT,
    count: int = 1,
    modifiers: int = 0,
    position: Position | None = None,
    force: bool = False,
    wait_after: bool = True,
) -> Aim:
    """Click the element and return where; only once the element itself has received the event."""
    careful = False
    while True:
        token = "" if force else f"t{next(_tokens)}"
        aim = await aim_at(target, selector, position, _FORCED if force else _READY, token=token, careful=careful)
        target.progress.pointed(aim.point, aim.box)
        before = navigating_frames(target.page)
        page = target.page
        answers = page.mouse.click(aim.session, aim.x, aim.y, button.value, modifiers=modifiers, count=count)
        if await _landed(target, selector, answers, token, ask=wait_after):
            if wait_after:
                await wait_for_started_navigations(target, before)
            return aim
        careful = True


async def _landed(
    target: Target, selector: tuple[str, ...], answers: list[Awaitable[object]], token: str, *, ask: bool
) -> bool:
    """Whether the element received the events, once they are answered.

    Chromium holds back questions to a page that is on its way to another document: without `ask`, what the page
    reported by itself is enough.
    """
    try:
        await all_answered(answers)
    except SessionClosed:
        # A click may close its own page or frame; what it hit was reported before.
        if not token or reported_hit(target.page, token):
            return True
        raise
    if not token or (not ask and reported_hit(target.page, token)):
        return True
    if not ask:
        with anyio.move_on_after(_REPORT_PATIENCE_S):
            return await target.page.wait_until(lambda: reported_hit(target.page, token))
    realm = target.page.frames.realms.isolated(target.frame.id)
    verdict = await _verdict(target, realm, token)
    if verdict is None:
        return reported_hit(target.page, token)
    # A new document knows nothing of the guard of the one before it; what that one reported still counts.
    if verdict["hit"] or (verdict["hit"] is None and reported_hit(target.page, token)):
        return True
    seen = verdict["seen"] or "the event did not reach the frame"
    target.progress.blocked_by(blocker_for(selector, {"blocked": "covered", "seen": seen}))
    return False


async def _verdict(target: Target, realm: Any, token: str) -> Any:
    if realm is None:
        return None
    try:
        return await realm.call("bykiltPointer.settle", token)
    except (RealmLost, SessionClosed):
        return None


def navigating_frames(page: Page) -> set[str]:
    """Return the ids of the frames that are on their way to another document."""
    return {frame.id for frame in page.main_frame.subtree() if frame.navigation is not Navigation.NONE}


async def wait_for_started_navigations(target: Target, before: set[str]) -> None:
    """Return once the navigations that began since `before` have a new document, or came to nothing."""
    page = target.page
    started = navigating_frames(page) - before
    if not started:
        return
    target.progress.waiting_for("the navigation that the action started")
    try:
        await page.wait_until(lambda: not (navigating_frames(page) & started) or None)
    except SessionClosed:
        return


# ---- handlers


def _pointed(aim: Aim) -> ActionOutput:
    box, point = aim.box, aim.point
    return ActionOutput(
        {
            "box": {"x": box.x, "y": box.y, "width": box.width, "height": box.height},
            "point": {"x": point.x, "y": point.y},
        }
    )


async def click(_: CDPEngine, pages: Pages, action: Click, progress: Progress) -> ActionOutput:
    target = await find_target(pages, action, progress)
    aim = await click_element(
        target,
        action.selector,
        button=action.button,
        count=action.click_count,
        modifiers=modifier_bits(action.modifiers),
        position=action.position,
        force=action.force,
        wait_after=not action.no_wait_after,
    )
    return _pointed(aim)


async def double_click(_: CDPEngine, pages: Pages, action: DoubleClick, progress: Progress) -> ActionOutput:
    target = await find_target(pages, action, progress)
    aim = await click_element(
        target,
        action.selector,
        count=2,
        modifiers=modifier_bits(action.modifiers),
        position=action.position,
        force=action.force,
    )
    return _pointed(aim)


async def hover(_: CDPEngine, pages: Pages, action: Hover, progress: Progress) -> ActionOutput:
    target = await find_target(pages, action, progress)
    aim = await _aim_for(target, action)
    await all_answered(target.page.mouse.move(aim.session, aim.x, aim.y, modifiers=modifier_bits(action.modifiers)))
    return _pointed(aim)


async def _aim_for(target: Target, action: PointerAction) -> Aim:
    needs = _FORCED if action.force else HOVERABLE
    aim = await aim_at(target, action.selector, action.position, needs)
    target.progress.pointed(aim.point, aim.box)
    return aim


async def check(engine: CDPEngine, pages: Pages, action: Check, progress: Progress) -> ActionOutput:
    return await _set_checked(pages, action, progress, wanted=True)


async def uncheck(engine: CDPEngine, pages: Pages, action: Uncheck, progress: Progress) -> ActionOutput:
    return await _set_checked(pages, action, progress, wanted=False)


async def _set_checked(pages: Pages, action: Check | Uncheck, progress: Progress, *, wanted: bool) -> ActionOutput:
    target = await find_target(pages, action, progress)
    if await _checked(target, action.selector) == wanted:
        return ActionOutput({"checked": wanted, "changed": False})
    document = target.frame.document
    await click_element(target, action.selector)
    if target.frame.document != document:
        # The box sent its form, or led elsewhere: nothing is left that could be asked.
        return ActionOutput({"checked": wanted, "changed": True})
    now = await _checked(target, action.selector)
    if now != wanted:
        raise WrongElement(
            shown(action.selector),
            f"the click left it {'checked' if now else 'not checked'}",
            progress.waited_s,
            hint="a radio button cannot be cleared; otherwise the page itself undid the click",
        )
    return ActionOutput({"checked": wanted, "changed": True})


async def _checked(target: Target, selector: tuple[str, ...]) -> bool:
    while True:
        answer = await target.until_ok("bykiltActions.checkedState", {"alternatives": list(selector)}, selector)
        state = answer["value"]
        if state is None:
            raise WrongElement(
                shown(selector),
                "it is neither a checkbox nor a radio button",
                target.progress.waited_s,
                hint="use click for elements that have no checked state",
            )
        return bool(state is True)


async def scroll(_: CDPEngine, pages: Pages, action: Scroll, progress: Progress) -> ActionOutput:
    target = await find_target(pages, action, progress)
    spec = {"alternatives": list(action.selector or ()), "x": action.x, "y": action.y}
    answer = await target.until_ok("bykiltActions.scroll", spec, action.selector or ("the page",))
    return ActionOutput({"scroll": answer["value"]})


async def mouse(_: CDPEngine, pages: Pages, action: Mouse, progress: Progress) -> ActionOutput:
    target = await find_target(pages, action, progress)
    page, session, x, y = target.page, target.page.session, action.x, action.y
    before = navigating_frames(page)
    if action.kind is MouseKind.MOVE:
        await page.mouse.travel(session, x, y, steps=action.steps)
    elif action.kind is MouseKind.DOWN:
        await all_answered([*page.mouse.move(session, x, y), page.mouse.press(session, x, y, action.button.value)])
    elif action.kind is MouseKind.UP:
        await all_answered([*page.mouse.move(session, x, y), page.mouse.release(session, x, y, action.button.value)])
    elif action.kind is MouseKind.CLICK:
        await all_answered(page.mouse.click(session, x, y, action.button.value))
    else:
        await page.mouse.wheel(session, x, y, action.delta_x, action.delta_y)
    await wait_for_started_navigations(target, before)
    return ActionOutput()


async def drag(_: CDPEngine, pages: Pages, action: Drag, progress: Progress) -> ActionOutput:
    """Press on the source, move to the target, release; native drag and drop is carried over by its own events."""
    target = await find_target(pages, action, progress)
    page = target.page
    destination = await aim_at(target, action.target, action.target_position, {**HOVERABLE, "free": False})
    source = await aim_at(target, action.selector, action.source_position, _READY)
    progress.pointed(source.point, source.box)
    session = source.session
    await session.send(INPUT_SET_INTERCEPT_DRAGS({"enabled": True}))
    try:
        async with session.expect(INPUT_DRAG_INTERCEPTED) as intercepted:
            answers = page.mouse.move(session, source.x, source.y)
            answers.append(page.mouse.press(session, source.x, source.y, "left"))
            # The source may have scrolled the page: look again where the target is now.
            await all_answered(answers)
            destination = await aim_at(target, action.target, action.target_position, {**HOVERABLE, "free": False})
            await page.mouse.travel(session, destination.x, destination.y, steps=_DRAG_STEPS)
            data: Any = None
            if await _is_native_drag(target, action):
                with anyio.move_on_after(_DRAG_PATIENCE_S):
                    data = (await intercepted.wait())["data"]
        if data is not None:
            for kind in ("dragEnter", "dragOver", "drop"):
                await session.send(
                    INPUT_DISPATCH_DRAG_EVENT({"type": kind, "x": destination.x, "y": destination.y, "data": data})
                )
        await page.mouse.release(session, destination.x, destination.y, "left")
    finally:
        session.post(INPUT_SET_INTERCEPT_DRAGS({"enabled": False}))
    return ActionOutput()


async def _is_native_drag(target: Target, action: Drag) -> bool:
    answer = await target.until_ok(
        "bykiltActions.isDraggable", {"alternatives": list(action.selector)}, action.selector
    )
    return bool(answer["value"])
