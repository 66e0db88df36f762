"""A secret goes into a field: the field is found, the secret is asked for, and it is put there; the same way on both
engines.

Knows the order, and that all three happen in one document: what navigates in between starts over, with nothing typed.
Does not know whether the secret may go there: `Secrets` decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from bykilt.browser.engine.blocked import blocker_for, shown
from bykilt.browser.engine.errors import WrongElement
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.scripted_frame import ScriptedFrame
from bykilt.browser.engine.secret_painting import secret_script
from bykilt.browser.engine.secret_text import SecretPlace, SecretReference, SecretRefused
from bykilt.events.model import SecretUsed

if TYPE_CHECKING:
    from bykilt.browser.engine.browser_engine import BrowserEngine

FindFrame = Callable[[], Awaitable[ScriptedFrame | None]]
"""Returns the frame that the action is aimed at as it is now; None while it cannot be asked."""

_SLICE_MS = 1_000.0
_HEADROOM_MS = 30.0
_PAUSE_S = 0.02


async def put_secret(
    engine: BrowserEngine,
    find_frame: FindFrame,
    selector: tuple[str, ...],
    reference: SecretReference,
    progress: Progress,
    *,
    replace: bool,
) -> None:
    """Put a secret into a field as soon as that can be typed into; with `replace`, in place of what it holds.

    Raises:
        SecretRefused: It may not go there; the value has not left this process.
        ActionError: The field takes no such value.
    """
    progress.blocked_by(blocker_for(selector, {"blocked": "not_found"}))
    while True:
        frame = await find_frame()
        found = await _found(frame, selector, progress) if frame is not None else None
        if frame is None or found is None:
            await anyio.sleep(_PAUSE_S)
            continue
        value = await _value(engine, reference.secret_name, found)
        answer = await frame.call("(text, replace) => bykiltSecrets.put(text, replace)", value, replace)
        if not isinstance(answer, dict):
            await anyio.sleep(_PAUSE_S)
            continue
        if "refused" in answer:
            raise WrongElement(
                shown(selector),
                f"{reference} cannot stand there: {answer['refused']}",
                progress.waited_s,
                hint="give the value in the form that the field takes",
            )
        if answer.get("ok"):
            return
        progress.blocked_by(blocker_for(selector, answer, frame.url))
        await anyio.sleep(_PAUSE_S)


async def _found(frame: ScriptedFrame, selector: tuple[str, ...], progress: Progress) -> SecretPlace | None:
    """Where the secret is to go; None as long as there is no such field, or its document went away."""
    if await frame.call(secret_script()) is None:
        return None
    slice_ms = max(0.0, min(_SLICE_MS, progress.remaining_s * 1000 - _HEADROOM_MS))
    answer = await frame.call("(selector, sliceMs) => bykiltSecrets.find(selector, sliceMs)", list(selector), slice_ms)
    if not isinstance(answer, dict):
        return None
    if not answer.get("ok"):
        progress.blocked_by(blocker_for(selector, answer, frame.url))
        return None
    return SecretPlace(str(answer.get("origin")), answer.get("password") is True)


async def _value(engine: BrowserEngine, name: str, place: SecretPlace) -> str:
    try:
        value = await engine.secrets.value_for(name, place)
    except SecretRefused as refused:
        engine.publish(SecretUsed(name, place.origin, refused.message, engine.clock.monotonic_s() * 1000))
        raise
    engine.painting.typed(value, place.origin)
    engine.publish(SecretUsed(name, place.origin, "", engine.clock.monotonic_s() * 1000))
    return value
