"""A frame in which a script is run through protocol commands, on either engine. See `DomFrame`.

Knows the commands. How they get to the frame, and in which world they run, is each engine's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from bykilt.browser.cdp.commands import (
    DOM_GET_FRAME_OWNER,
    DOM_RESOLVE_NODE,
    RUNTIME_CALL_FUNCTION_ON,
    RUNTIME_RELEASE_OBJECT,
)
from bykilt.browser.cdp.connection import Call
from bykilt.json_types import JsonValue

Send = Callable[[Call[Any]], Awaitable[Any]]
"""Sends a command to the session of the frame; returns None instead of failing."""


@dataclass(frozen=True, slots=True)
class ScriptedFrame:
    """One frame with the world of ours in it."""

    id: str
    url: str
    children: Sequence[str]
    send: Send
    context_id: int
    world: Hashable

    async def call(self, function: str, *arguments: JsonValue) -> Any:
        """Return what a JavaScript function returns, or its promise brings.

        None when it threw, or when nobody was there to answer.
        """
        answer = await self.send(
            RUNTIME_CALL_FUNCTION_ON(
                {
                    "functionDeclaration": function,
                    "executionContextId": self.context_id,
                    "arguments": [{"value": argument} for argument in arguments],
                    "returnByValue": True,
                    "awaitPromise": True,
                }
            )
        )
        if answer is None or "exceptionDetails" in answer:
            return None
        return answer["result"].get("value")

    async def mark(self, child: str) -> None:
        """Tell the script which element shows a child; nothing happens if it is gone."""
        owner = await self.send(DOM_GET_FRAME_OWNER({"frameId": child}))
        if owner is None:
            return
        node = await self.send(
            DOM_RESOLVE_NODE({"backendNodeId": owner["backendNodeId"], "executionContextId": self.context_id})
        )
        object_id = node["object"].get("objectId") if node is not None else None
        if object_id is None:
            return
        await self.send(
            RUNTIME_CALL_FUNCTION_ON(
                {
                    "functionDeclaration": "function (frame) { bykiltDom.mark(this, frame); }",
                    "objectId": object_id,
                    "arguments": [{"value": child}],
                }
            )
        )
        await self.send(RUNTIME_RELEASE_OBJECT({"objectId": object_id}))
