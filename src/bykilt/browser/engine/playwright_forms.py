"""Keyboard and form actions on the Playwright engine: fill, type, press, focus, select."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from bykilt.browser.cdp.keyboard_layout import find_key, parse_combination
from bykilt.browser.engine.actions import Fill, Focus, KeyDown, KeyUp, Press, SelectOption, Type
from bykilt.browser.engine.blocked import refused_choice, shown
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.errors import InvalidAction, WrongElement
from bykilt.browser.engine.piercing import is_piercing
from bykilt.browser.engine.playwright_inner_frames import with_inner_documents
from bykilt.browser.engine.playwright_selectors import picked
from bykilt.browser.engine.playwright_target import ANY, EDITABLE, USABLE, VISIBLE, Target
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.scripted_frame import ScriptedFrame
from bykilt.browser.engine.secret_text import SecretReference
from bykilt.browser.engine.secret_typing import put_secret
from bykilt.json_types import JsonValue

if TYPE_CHECKING:
    from bykilt.browser.engine.playwright_engine import PlaywrightEngine


async def fill(engine: PlaywrightEngine, action: Fill, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    if isinstance(action.text, SecretReference):
        await _put_secret(engine, target, action.selector, action.text, replace=True)
        return ActionOutput()
    progress.waiting_for(f"{shown(action.selector)} to be filled")
    async with target.explained(action.selector, EDITABLE):
        answer = await target.ask("fill", list(action.selector), action.text)
        if "refused" in answer:
            raise WrongElement(
                shown(action.selector),
                f"{action.text!r} cannot stand there: {answer['refused']}",
                progress.waited_s,
                hint="give the value in the form that the field takes",
            )
        if not answer["typed"]:
            await target.entry.page.keyboard.insert_text(action.text)
    return ActionOutput()


async def type_text(engine: PlaywrightEngine, action: Type, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    if isinstance(action.text, SecretReference) and action.selector is not None:
        await _put_secret(engine, target, action.selector, action.text, replace=False)
        return ActionOutput()
    if action.selector is not None:
        await _focus(target, action.selector)
    keyboard = target.entry.page.keyboard
    progress.waiting_for("the text to be typed")
    async with target.explained():
        if not action.delay_ms:
            await keyboard.type(action.text)
            return ActionOutput()
        # One by one, so that nothing goes on typing when the action has been given up.
        for character in action.text:
            await keyboard.type(character)
            await anyio.sleep(action.delay_ms / 1000)
    return ActionOutput()


async def _put_secret(
    engine: PlaywrightEngine, target: Target, selector: tuple[str, ...], secret: SecretReference, *, replace: bool
) -> None:
    """Past Playwright's own typing, which reaches whatever has the focus by then, and through its driver's memory."""
    if is_piercing(selector) or any(alternative.startswith("ref=") for alternative in selector):
        raise InvalidAction(
            f"{shown(selector)}: on this engine a secret goes into fields found by CSS, text=, role= or xpath=",
            field="selector",
            hint="write another selector, or use the cdp engine",
        )

    async def find() -> ScriptedFrame | None:
        gone = target.gone()
        if gone is not None:
            raise gone
        return await engine.dom.frame_for(target.entry, target.frame)

    await put_secret(engine, find, selector, secret, target.progress, replace=replace)


async def _focus(target: Target, selector: tuple[str, ...]) -> None:
    target.progress.waiting_for(f"{shown(selector)} to take the focus")
    async with target.explained(selector, VISIBLE):
        await target.ask("focus", list(selector))


async def press(engine: PlaywrightEngine, action: Press, progress: Progress) -> ActionOutput:
    try:
        parse_combination(action.key)
    except ValueError as error:
        raise InvalidAction(f"press: {error}", field="key", hint="for instance Enter, a, Control+a") from None
    target = await engine.target(action, progress)
    if action.selector is not None:
        await _focus(target, action.selector)
    progress.waiting_for(f"{action.key} to be pressed")
    # Pressed through an element, Playwright waits for the navigation that the key starts; the root takes no focus.
    selector = picked(action.selector) if action.selector is not None else ":root"
    async with target.explained(), with_inner_documents(engine, target):
        await target.frame.press(selector, action.key, timeout=target.timeout_ms)
    return ActionOutput()


async def key_down(engine: PlaywrightEngine, action: KeyDown, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    key = _checked_key(action.key)
    async with target.explained():
        await target.entry.page.keyboard.down(key)
    return ActionOutput()


async def key_up(engine: PlaywrightEngine, action: KeyUp, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    key = _checked_key(action.key)
    async with target.explained():
        await target.entry.page.keyboard.up(key)
    return ActionOutput()


def _checked_key(text: str) -> str:
    if find_key(text) is None:
        raise InvalidAction(f"{text!r} is not a key", field="key", hint="for instance Shift, Enter, a")
    return text


async def focus(engine: PlaywrightEngine, action: Focus, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    progress.waiting_for(f"{shown(action.selector)} to take the focus")
    async with target.explained(action.selector, ANY):
        await target.ask("focus", list(action.selector), {"hidden": True})
    return ActionOutput()


async def select_option(engine: PlaywrightEngine, action: SelectOption, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    wanted: dict[str, JsonValue] = {}
    for name, given in (("value", action.value), ("label", action.label), ("index", action.index)):
        if given is not None:
            wanted[name] = list(given)
    progress.waiting_for(f"{shown(action.selector)} to be chosen from")
    async with target.explained(action.selector, USABLE), with_inner_documents(engine, target):
        result = await target.ask("select", list(action.selector), wanted)
    if "values" not in result:
        raise refused_choice(shown(action.selector), result, progress.waited_s)
    return ActionOutput({"values": result["values"]})
