"""The frames of a page for the trace's snapshots, on the CDP engine: our world is there already."""

from __future__ import annotations

from typing import Any

from bykilt.browser.cdp.connection import Call, Session
from bykilt.browser.cdp.errors import ProtocolError
from bykilt.browser.cdp.page import Page
from bykilt.browser.engine.cdp_target import Target
from bykilt.browser.engine.scripted_frame import ScriptedFrame, Send
from bykilt.browser.engine.secret_typing import FindFrame
from bykilt.browser.engine.trace_pictures import PATIENCE_S


def dom_frames(page: Page) -> list[ScriptedFrame]:
    """Return the frames that a script can run in now, the main one first; none while that one cannot be asked."""
    frames = []
    for frame in page.main_frame.subtree():
        realm = page.frames.realms.isolated(frame.id)
        if realm is None and frame.parent is None:
            return []
        if realm is not None:
            children = tuple(child.id for child in frame.children)
            world = (realm.session.id, realm.context_id)
            frames.append(ScriptedFrame(frame.id, frame.url, children, _sender(realm.session), realm.context_id, world))
    return frames


def target_frame(target: Target) -> FindFrame:
    """Return what finds the frame that an action is aimed at, once our world is in it; see `FindFrame`."""

    async def find() -> ScriptedFrame:
        realm = await target.isolated()
        world = (realm.session.id, realm.context_id)
        return ScriptedFrame(target.frame.id, target.frame.url, (), _sender(realm.session), realm.context_id, world)

    return find


def _sender(session: Session) -> Send:
    async def send(call: Call[Any]) -> Any:
        try:
            return await session.send(call, timeout_s=PATIENCE_S)
        except ProtocolError:
            return None

    return send
