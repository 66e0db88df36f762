"""Closed shadow roots on the Playwright engine: found over its CDP session, told to our scripts in Playwright's world.

Knows how to find that world from outside: our scripts give it a name, and every context is asked for it.
"""

from __future__ import annotations

import itertools
from typing import Any, cast

from playwright.async_api import CDPSession, Frame
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout

from bykilt.browser.cdp.shadow_roots import GROUP, nodes_in_closed_roots
from bykilt.browser.engine.piercing import ADOPT
from bykilt.browser.engine.playwright_selectors import question

_names = itertools.count(1)
_MARK_MS = 2000.0


async def tell_closed_roots(frame: Frame) -> None:
    """Have our scripts in the frame know the closed shadow roots of its document.

    What cannot be found because the document changes just now is left for the next time.

    Raises:
        PlaywrightError: The page or the frame is gone.
    """
    name = f"world-{next(_names)}"
    try:
        await frame.text_content(question("mark", name), timeout=_MARK_MS)
    except PlaywrightTimeout:
        return
    session = await _session_of(frame)
    try:
        context = await _context_called(session, name)
        if context is not None:
            await _tell(session, context["id"], context["auxData"]["frameId"])
    finally:
        await _detached(session)


async def _session_of(frame: Frame) -> CDPSession:
    """Return a new session with the process that the frame lives in: its own, or that of a frame around it."""
    context = frame.page.context
    at: Frame | None = frame
    while at is not None and at.parent_frame is not None:
        try:
            return await context.new_cdp_session(at)
        except PlaywrightError:
            at = at.parent_frame  # it shares its parent's process
    return await context.new_cdp_session(frame.page)


async def _context_called(session: CDPSession, name: str) -> dict[str, Any] | None:
    contexts: list[dict[str, Any]] = []

    def note(event: dict[str, Any]) -> None:
        contexts.append(event["context"])

    session.on("Runtime.executionContextCreated", note)
    await session.send("Runtime.enable")
    # The newest world of a frame is the one in use.
    for context in contexts[::-1]:
        if context["auxData"].get("isDefault"):
            continue
        try:
            answer = await session.send(
                "Runtime.evaluate",
                {"expression": "globalThis.bykiltOperations?.name()", "contextId": context["id"]},
            )
        except PlaywrightError:
            continue  # its document is gone
        if answer["result"].get("value") == name:
            return context
    return None


async def _tell(session: CDPSession, context_id: int, frame_id: str) -> None:
    snapshot: Any = await session.send("DOMSnapshot.captureSnapshot", {"computedStyles": []})
    objects: list[str] = []
    for node in nodes_in_closed_roots(cast("Any", snapshot), frame_id):
        wanted = {"backendNodeId": node, "executionContextId": context_id, "objectGroup": GROUP}
        try:
            objects.append((await session.send("DOM.resolveNode", wanted))["object"]["objectId"])
        except PlaywrightError:
            continue  # this node is gone; what comes in its place is found the next time
    call = {
        "functionDeclaration": f"function (...nodes) {{ {ADOPT}(nodes); }}",
        "executionContextId": context_id,
        "arguments": [{"objectId": each} for each in objects],
    }
    try:
        await session.send("Runtime.callFunctionOn", call)
    except PlaywrightError:
        pass  # the document is gone; the next one is asked


async def _detached(session: CDPSession) -> None:
    try:
        await session.detach()
    except PlaywrightError:
        pass  # the page is gone, and the session with it
