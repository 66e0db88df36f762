"""Keyboard and form actions on the CDP engine: fill, type, press, focus, select.

Text goes in as real input; what would reach another element than the one aimed at is stopped at the event.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from bykilt.browser.cdp.errors import SessionClosed
from bykilt.browser.cdp.input import all_answered
from bykilt.browser.cdp.keyboard_layout import Key, find_key, parse_combination
from bykilt.browser.cdp.realms import RealmLost
from bykilt.browser.engine.actions import Fill, Focus, KeyDown, KeyUp, Press, SelectOption, Type
from bykilt.browser.engine.blocked import blocker_for, refused_choice, shown
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.cdp_dom import target_frame
from bykilt.browser.engine.cdp_pointer import navigating_frames, wait_for_started_navigations
from bykilt.browser.engine.cdp_target import Pages, Target, find_target, reported_hit
from bykilt.browser.engine.errors import InvalidAction, WrongElement
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.secret_text import SecretReference
from bykilt.browser.engine.secret_typing import put_secret

if TYPE_CHECKING:
    from bykilt.browser.engine.cdp_engine import CDPEngine

_tokens = itertools.count(1)
_EDITABLE = {"visible": True, "enabled": True, "editable": True}
_FOCUSABLE = {"visible": True, "enabled": False, "editable": False}


async def _take_keyboard(
    target: Target, selector: tuple[str, ...], needs: dict[str, bool], fill: str | None = None
) -> tuple[str, str]:
    """Focus the element and set the guard; returns the guard's token and what kind of filling is to follow."""
    token = f"k{next(_tokens)}"
    spec: dict[str, Any] = {"alternatives": list(selector), "needs": needs, "token": token}
    if fill is not None:
        spec["fill"] = fill
    while True:
        answer = await target.until_ok("bykiltPointer.takeKeyboard", spec, selector)
        if "refused" in answer:
            raise WrongElement(
                shown(selector),
                f"{fill!r} cannot stand there: {answer['refused']}",
                target.progress.waited_s,
                hint="give the value in the form that the field takes",
            )
        return token, answer["kind"]


async def _reached(target: Target, selector: tuple[str, ...], token: str) -> bool:
    """Whether the element received the keys; says what did if not."""
    realm = target.page.frames.realms.isolated(target.frame.id)
    verdict: Any = None
    if realm is not None:
        try:
            verdict = await realm.call("bykiltPointer.settle", token)
        except (RealmLost, SessionClosed):
            verdict = None
    if verdict is None:
        return reported_hit(target.page, token)
    if verdict["hit"] is False:
        seen = f"the focus moved to {verdict['seen']}"
        target.progress.blocked_by(blocker_for(selector, {"blocked": "covered", "seen": seen}))
    # No event at all: a field may cancel what it is given (a mask, a maximum length).
    return verdict["hit"] is not False


async def fill(engine: CDPEngine, pages: Pages, action: Fill, progress: Progress) -> ActionOutput:
    target = await find_target(pages, action, progress)
    before = navigating_frames(target.page)
    if isinstance(action.text, SecretReference):
        await put_secret(engine, target_frame(target), action.selector, action.text, progress, replace=True)
    else:
        await _insert(target, action.selector, action.text)
    await wait_for_started_navigations(target, before)
    return ActionOutput()


async def _insert(target: Target, selector: tuple[str, ...], text: str) -> None:
    while True:
        token, kind = await _take_keyboard(target, selector, _EDITABLE, fill=text)
        if kind == "set":
            return
        await target.page.keyboard.insert(text)
        if await _reached(target, selector, token):
            return


async def type_text(engine: CDPEngine, pages: Pages, action: Type, progress: Progress) -> ActionOutput:
    target = await find_target(pages, action, progress)
    before = navigating_frames(target.page)
    if isinstance(action.text, SecretReference) and action.selector is not None:
        await put_secret(engine, target_frame(target), action.selector, action.text, progress, replace=False)
    else:
        if action.selector is not None:
            await _take_keyboard(target, action.selector, _FOCUSABLE)
        await target.page.keyboard.type(action.text, action.delay_ms / 1000)
    await wait_for_started_navigations(target, before)
    return ActionOutput()


async def press(_: CDPEngine, pages: Pages, action: Press, progress: Progress) -> ActionOutput:
    modifiers, key = _combination(action.key)
    target = await find_target(pages, action, progress)
    before = navigating_frames(target.page)
    while True:
        token = ""
        if action.selector is not None:
            token, _kind = await _take_keyboard(target, action.selector, _FOCUSABLE)
        try:
            await all_answered(target.page.keyboard.press(modifiers, key))
        except SessionClosed:
            if not token or reported_hit(target.page, token):
                return ActionOutput()
            raise
        if action.selector is None or await _reached(target, action.selector, token):
            break
    await wait_for_started_navigations(target, before)
    return ActionOutput()


def _combination(text: str) -> tuple[tuple[str, ...], Key]:
    try:
        return parse_combination(text)
    except ValueError as error:
        raise InvalidAction(f"press: {error}", field="key", hint="for instance Enter, a, Control+a") from None


def _key(text: str) -> Key:
    key = find_key(text)
    if key is None:
        raise InvalidAction(f"{text!r} is not a key", field="key", hint="for instance Shift, Enter, a")
    return key


async def key_down(_: CDPEngine, pages: Pages, action: KeyDown, progress: Progress) -> ActionOutput:
    key = _key(action.key)
    target = await find_target(pages, action, progress)
    await target.page.keyboard.down(key)
    return ActionOutput()


async def key_up(_: CDPEngine, pages: Pages, action: KeyUp, progress: Progress) -> ActionOutput:
    key = _key(action.key)
    target = await find_target(pages, action, progress)
    await target.page.keyboard.up(key)
    return ActionOutput()


async def focus(_: CDPEngine, pages: Pages, action: Focus, progress: Progress) -> ActionOutput:
    target = await find_target(pages, action, progress)
    spec = {"alternatives": list(action.selector), "needs": {}}
    await target.until_ok("bykiltActions.focus", spec, action.selector)
    return ActionOutput()


async def select_option(_: CDPEngine, pages: Pages, action: SelectOption, progress: Progress) -> ActionOutput:
    target = await find_target(pages, action, progress)
    before = navigating_frames(target.page)
    wanted: dict[str, Any] = {}
    for name in ("value", "label", "index"):
        given = getattr(action, name)
        if given is not None:
            wanted[name] = list(given)
    spec = {"alternatives": list(action.selector), "needs": {"visible": True, "enabled": True}, "wanted": wanted}
    answer = await target.until_ok("bykiltActions.select", spec, action.selector)
    result = answer["value"]
    if "values" not in result:
        raise refused_choice(shown(action.selector), result, progress.waited_s)
    await wait_for_started_navigations(target, before)
    return ActionOutput({"values": result["values"]})
