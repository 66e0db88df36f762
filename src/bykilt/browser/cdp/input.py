"""Mouse and keyboard of one page, as trusted input events.

Knows buttons, modifiers and where the pointer is. Does not know elements: callers give points.
Commands are sent without waiting for each other; the browser keeps their order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Literal

import anyio

from bykilt.browser.cdp.commands import INPUT_DISPATCH_KEY_EVENT, INPUT_DISPATCH_MOUSE_EVENT, INPUT_INSERT_TEXT
from bykilt.browser.cdp.connection import Session
from bykilt.browser.cdp.keyboard_layout import MODIFIER_BITS, Key, find_key

if TYPE_CHECKING:
    from cdp_use.cdp.input.commands import DispatchKeyEventParameters, DispatchMouseEventParameters

ButtonName = Literal["left", "middle", "right"]
MouseEventType = Literal["mouseMoved", "mousePressed", "mouseReleased"]
_BUTTON_BITS: dict[str, int] = {"left": 1, "right": 2, "middle": 4}

# What a key does in an editable field beyond its text, in the words of Blink's editing commands; the browser
# process would otherwise translate the shortcut, and input events of the protocol do not pass there.
# Source: third_party/blink/renderer/core/editing/editing_behavior.cc
_EDITING_COMMANDS = {
    ("Control", "KeyA"): ["selectAll"],
    ("Control", "KeyC"): ["copy"],
    ("Control", "KeyV"): ["paste"],
    ("Control", "KeyX"): ["cut"],
    ("Control", "KeyZ"): ["undo"],
    ("Control", "KeyY"): ["redo"],
}


async def all_answered(answers: Iterable[Awaitable[object]]) -> None:
    """Wait for every answer, in the order in which the commands were sent."""
    for answer in answers:
        await answer


class Mouse:
    """The pointer. Points are in CSS pixels of the viewport of the session that is given.

    Modifiers held on the keyboard count for the mouse too, beside those given.
    """

    def __init__(self, keyboard: Keyboard) -> None:
        self.x = 0.0
        self.y = 0.0
        self._held = 0
        self._keyboard = keyboard

    def move(self, session: Session, x: float, y: float, *, modifiers: int = 0) -> list[Awaitable[object]]:
        """Move to a point, in one event."""
        self.x, self.y = x, y
        return [self._send(session, "mouseMoved", x, y, modifiers, button="left" if self._held & 1 else None)]

    async def travel(self, session: Session, x: float, y: float, *, steps: int) -> None:
        """Move to a point, in as many events as there are steps.

        Each waits for the one before: Chromium makes one event of movements that are still on their way.
        """
        from_x, from_y = self.x, self.y
        for step in range(1, steps + 1):
            part = step / steps
            for answer in self.move(session, from_x + (x - from_x) * part, from_y + (y - from_y) * part):
                await answer

    def press(
        self, session: Session, x: float, y: float, button: ButtonName, *, modifiers: int = 0, click_count: int = 1
    ) -> Awaitable[object]:
        """Press a button at a point."""
        self._held |= _BUTTON_BITS[button]
        return self._send(session, "mousePressed", x, y, modifiers, button=button, click_count=click_count)

    def release(
        self, session: Session, x: float, y: float, button: ButtonName, *, modifiers: int = 0, click_count: int = 1
    ) -> Awaitable[object]:
        """Release a button at a point."""
        self._held &= ~_BUTTON_BITS[button]
        return self._send(session, "mouseReleased", x, y, modifiers, button=button, click_count=click_count)

    def click(
        self, session: Session, x: float, y: float, button: ButtonName, *, modifiers: int = 0, count: int = 1
    ) -> list[Awaitable[object]]:
        """Move, press and release, `count` times in a row."""
        answers = self.move(session, x, y, modifiers=modifiers)
        for number in range(1, count + 1):
            answers.append(self.press(session, x, y, button, modifiers=modifiers, click_count=number))
            answers.append(self.release(session, x, y, button, modifiers=modifiers, click_count=number))
        return answers

    def wheel(self, session: Session, x: float, y: float, delta_x: float, delta_y: float) -> Awaitable[object]:
        """Turn the wheel at a point, by pixels."""
        return session.send(
            INPUT_DISPATCH_MOUSE_EVENT(
                {
                    "type": "mouseWheel",
                    "x": x,
                    "y": y,
                    "deltaX": delta_x,
                    "deltaY": delta_y,
                    "modifiers": self._keyboard.modifiers,
                }
            ),
        )

    def _send(
        self,
        session: Session,
        kind: MouseEventType,
        x: float,
        y: float,
        modifiers: int,
        *,
        button: ButtonName | None,
        click_count: int = 0,
    ) -> Awaitable[object]:
        params: DispatchMouseEventParameters = {
            "type": kind,
            "x": x,
            "y": y,
            "modifiers": modifiers | self._keyboard.modifiers,
            "buttons": self._held,
            "clickCount": click_count,
        }
        if button is not None:
            params["button"] = button
        return session.send(INPUT_DISPATCH_MOUSE_EVENT(params))


class Keyboard:
    """The keyboard. Keys go to whatever has the focus in the page."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._held: dict[str, int] = {}

    @property
    def modifiers(self) -> int:
        """The bits of the modifiers that are held down."""
        bits = 0
        for name in self._held:
            bits |= MODIFIER_BITS.get(name, 0)
        return bits

    def down(self, key: Key) -> Awaitable[object]:
        """Press a key and hold it; a key that is held already repeats."""
        repeat = key.key in self._held
        self._held[key.key] = 1
        modifiers = self.modifiers
        # With Control or Alt held a key types nothing.
        text = "" if modifiers & (MODIFIER_BITS["Control"] | MODIFIER_BITS["Alt"] | MODIFIER_BITS["Meta"]) else key.text
        params: DispatchKeyEventParameters = {
            "type": "keyDown" if text else "rawKeyDown",
            "modifiers": modifiers,
            "key": key.key,
            "code": key.code,
            "windowsVirtualKeyCode": key.key_code,
            "autoRepeat": repeat,
            "location": key.location,
            "isKeypad": key.location == 3,
        }
        if text:
            params["text"] = text
            params["unmodifiedText"] = text
        if modifiers == MODIFIER_BITS["Control"] and ("Control", key.code) in _EDITING_COMMANDS:
            params["commands"] = _EDITING_COMMANDS["Control", key.code]
        return self._session.send(INPUT_DISPATCH_KEY_EVENT(params))

    def up(self, key: Key) -> Awaitable[object]:
        """Release a key."""
        self._held.pop(key.key, None)
        return self._session.send(
            INPUT_DISPATCH_KEY_EVENT(
                {
                    "type": "keyUp",
                    "modifiers": self.modifiers,
                    "key": key.key,
                    "code": key.code,
                    "windowsVirtualKeyCode": key.key_code,
                    "location": key.location,
                }
            ),
        )

    def press(self, modifiers: Iterable[str], key: Key) -> list[Awaitable[object]]:
        """Press and release a key while modifiers are held."""
        held = [found for name in modifiers if (found := find_key(name)) is not None]
        answers = [self.down(modifier) for modifier in held]
        answers.append(self.down(key))
        answers.append(self.up(key))
        answers.extend(self.up(modifier) for modifier in reversed(held))
        return answers

    def insert(self, text: str) -> Awaitable[object]:
        """Put text in at the caret at once, as an input method does."""
        return self._session.send(INPUT_INSERT_TEXT({"text": text}))

    async def type(self, text: str, delay_s: float) -> None:
        """Type character by character; one that this keyboard lacks is put in as an input method would."""
        answers: list[Awaitable[object]] = []
        for character in text:
            key = find_key(character)
            if key is None:
                answers.append(self.insert(character))
            else:
                answers.extend(self.press(["Shift"] if key.shifted else [], key))
            if delay_s:
                await all_answered(answers)
                answers.clear()
                await anyio.sleep(delay_s)
        await all_answered(answers)
