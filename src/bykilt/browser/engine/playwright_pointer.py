"""Pointer actions on the Playwright engine: click, hover, drag, tick, scroll, raw mouse.

Playwright waits and clicks; where it touched the page is asked just before, in one short round trip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Position as PlaywrightPosition

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
from bykilt.browser.engine.blocked import shown
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.errors import WrongElement
from bykilt.browser.engine.field_kinds import MouseKind, Position
from bykilt.browser.engine.playwright_inner_frames import with_inner_documents
from bykilt.browser.engine.playwright_selectors import clickable, picked
from bykilt.browser.engine.playwright_target import ANY, Needs, Target
from bykilt.browser.engine.progress import Progress
from bykilt.events.model import Box, Point
from bykilt.json_types import JsonValue

if TYPE_CHECKING:
    from bykilt.browser.engine.playwright_engine import PlaywrightEngine

_ClickButton = Literal["left", "middle", "right"]
_KeyModifier = Literal["Alt", "Control", "ControlOrMeta", "Meta", "Shift"]
_AIM_MS = 250.0
_DRAG_STEPS = 5
# When a document began: another one has another.
_DOCUMENT = "performance.timeOrigin"


class _Pointing(TypedDict):
    """What every pointer call of Playwright takes."""

    modifiers: list[_KeyModifier] | None
    position: PlaywrightPosition | None
    force: bool
    timeout: float


class Aim:
    """Where an action touches its element, as far as that is known; positions as Playwright counts them."""

    def __init__(self, selector: tuple[str, ...], answer: Any, position: Position | None) -> None:
        self.selector = picked(selector)
        if answer and answer["through"]:
            self.selector = clickable(selector, {"x": position.x, "y": position.y} if position else None)
            position = None
        self.point = Point(**answer["point"]) if answer else None
        self.box = Box(**answer["box"]) if answer else None
        self.position: PlaywrightPosition | None = None
        if position is not None:
            # Playwright counts from inside the border.
            inset = answer["inset"] if answer else {"x": 0, "y": 0}
            self.position = {"x": position.x - inset["x"], "y": position.y - inset["y"]}

    def output(self) -> ActionOutput:
        """The result of a pointer action."""
        if self.point is None or self.box is None:
            return ActionOutput()
        box, point = self.box, self.point
        return ActionOutput(
            {
                "box": {"x": box.x, "y": box.y, "width": box.width, "height": box.height},
                "point": {"x": point.x, "y": point.y},
            }
        )


async def aim_at(target: Target, selector: tuple[str, ...], position: Position | None, needs: Needs) -> Aim:
    """Return where the element is, once it can be seen; at once and without knowing, if anything is permitted."""
    wanted: JsonValue = {"x": position.x, "y": position.y} if position is not None else None
    is_forced = needs is ANY
    async with target.explained(selector, needs):
        try:
            answer = await target.ask(
                "aim", list(selector), wanted, timeout_ms=min(_AIM_MS, target.timeout_ms) if is_forced else None
            )
        except PlaywrightError:
            if not is_forced:
                raise
            answer = None
    aim = Aim(selector, answer, position)
    if aim.point is not None and aim.box is not None:
        target.progress.pointed(aim.point, aim.box)
    return aim


def _needs(action: PointerAction, *states: str) -> Needs:
    if action.force:
        return ANY
    position = (action.position.x, action.position.y) if action.position else None
    return Needs((*states, "uncovered"), still=True, position=position)


def _pointing(target: Target, action: PointerAction, aim: Aim) -> _Pointing:
    return {
        # None leaves the keys that are held down as they are.
        "modifiers": [modifier.value for modifier in action.modifiers] or None,
        "position": aim.position,
        "force": action.force,
        "timeout": target.timeout_ms,
    }


async def click(engine: PlaywrightEngine, action: Click, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    needs = _needs(action, "visible", "enabled")
    progress.waiting_for(f"{shown(action.selector)} to be clicked")
    aim = await aim_at(target, action.selector, action.position, needs)
    button: _ClickButton = action.button.value

    async def press() -> None:
        await target.frame.click(
            aim.selector,
            button=button,
            click_count=action.click_count,
            no_wait_after=action.no_wait_after,
            **_pointing(target, action, aim),
        )

    async with target.explained(action.selector, needs):
        if action.no_wait_after:
            await press()
        else:
            async with with_inner_documents(engine, target):
                await press()
    return aim.output()


async def double_click(engine: PlaywrightEngine, action: DoubleClick, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    needs = _needs(action, "visible", "enabled")
    progress.waiting_for(f"{shown(action.selector)} to be double-clicked")
    aim = await aim_at(target, action.selector, action.position, needs)
    async with target.explained(action.selector, needs), with_inner_documents(engine, target):
        await target.frame.dblclick(aim.selector, **_pointing(target, action, aim))
    return aim.output()


async def hover(engine: PlaywrightEngine, action: Hover, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    needs = _needs(action, "visible")
    progress.waiting_for(f"{shown(action.selector)} to be pointed at")
    aim = await aim_at(target, action.selector, action.position, needs)
    async with target.explained(action.selector, needs):
        await target.frame.hover(aim.selector, **_pointing(target, action, aim))
    return aim.output()


async def check(engine: PlaywrightEngine, action: Check, progress: Progress) -> ActionOutput:
    return await _set_checked(engine, action, progress, wanted=True)


async def uncheck(engine: PlaywrightEngine, action: Uncheck, progress: Progress) -> ActionOutput:
    return await _set_checked(engine, action, progress, wanted=False)


async def _set_checked(
    engine: PlaywrightEngine, action: Check | Uncheck, progress: Progress, *, wanted: bool
) -> ActionOutput:
    target = await engine.target(action, progress)
    progress.waiting_for(f"{shown(action.selector)} to be {'checked' if wanted else 'cleared'}")
    if await _checked(target, action.selector) == wanted:
        return ActionOutput({"checked": wanted, "changed": False})
    needs = Needs(("visible", "enabled", "uncovered"), still=True)
    aim = await aim_at(target, action.selector, None, needs)
    async with target.explained(action.selector, needs):
        document = await target.frame.evaluate(_DOCUMENT)
        async with with_inner_documents(engine, target):
            await target.frame.click(aim.selector, timeout=target.timeout_ms)
        is_another = await target.frame.evaluate(_DOCUMENT) != document
    if is_another:
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
    async with target.explained(selector):
        state = (await target.ask("checked", list(selector)))["checked"]
    if state is None:
        raise WrongElement(
            shown(selector),
            "it is neither a checkbox nor a radio button",
            target.progress.waited_s,
            hint="use click for elements that have no checked state",
        )
    return state is True


async def scroll(engine: PlaywrightEngine, action: Scroll, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    selector = action.selector or ()
    progress.waiting_for(f"{shown(selector) or 'the page'} to scroll")
    async with target.explained(selector):
        place = await target.ask("scroll", list(selector), {"x": action.x, "y": action.y})
    return ActionOutput({"scroll": place})


async def mouse(engine: PlaywrightEngine, action: Mouse, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    device, x, y = target.entry.page.mouse, action.x, action.y
    button: _ClickButton = action.button.value
    progress.waiting_for("the mouse")
    async with target.explained():
        if action.kind is MouseKind.CLICK:
            await device.click(x, y, button=button)
            return ActionOutput()
        await device.move(x, y, steps=action.steps)
        if action.kind is MouseKind.DOWN:
            await device.down(button=button)
        elif action.kind is MouseKind.UP:
            await device.up(button=button)
        elif action.kind is MouseKind.WHEEL:
            await device.wheel(action.delta_x, action.delta_y)
    return ActionOutput()


async def drag(engine: PlaywrightEngine, action: Drag, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    progress.waiting_for(f"{shown(action.selector)} to be dragged")
    ready = Needs(("visible", "enabled", "uncovered"), still=True)
    await _seen(target, action.target)
    onto = await aim_at(target, action.target, action.target_position, Needs(("visible",)))
    source = await aim_at(target, action.selector, action.source_position, ready)
    async with target.explained(action.selector, ready, (action.target, Needs(("visible", "uncovered"), still=True))):
        await target.frame.drag_and_drop(
            picked(action.selector),
            picked(action.target),
            source_position=source.position,
            target_position=onto.position,
            steps=_DRAG_STEPS,
            timeout=target.timeout_ms,
        )
    return source.output()


async def _seen(target: Target, selector: tuple[str, ...]) -> None:
    async with target.explained(selector, Needs(("visible",))):
        await target.ask("box", list(selector))
