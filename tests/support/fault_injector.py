"""A road to the browser on which the n-th command meets a fault.

Knows messages and what can happen to them. Knows no action.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Any

import orjson

from bykilt.browser.cdp.transport import OnClose, OnMessage, Transport
from bykilt.browser.engine.cdp_engine import CDPEngine
from bykilt.browser.engine.launch_context import LaunchContext

LATE_S = 0.15
_OWN_ID = 1_000_000_000


class Fault(StrEnum):
    """What happens to one command."""

    REFUSED = "refused"
    LATE = "late"
    LOST = "lost"
    TARGET_CLOSED = "target_closed"
    PIPE_CLOSED = "pipe_closed"


class FaultyTransport:
    """Passes everything on, until it is armed; then counts commands, and lets the n-th meet its fault."""

    def __init__(self, inner: Transport) -> None:
        self.commands: list[str] = []
        self._inner = inner
        self._loop = asyncio.get_running_loop()
        self._fault: Fault | None = None
        self._at = 0
        self._target_id = ""
        self._lost: set[int] = set()
        self._late: set[int] = set()
        self._on_message: OnMessage = lambda _: None

    def arm(self, fault: Fault | None, at: int, target_id: str) -> None:
        """Count from here; the command number `at` (from 1) meets the fault. `target_id` is the one to close."""
        self.commands = []
        self._fault, self._at, self._target_id = fault, at, target_id

    def disarm(self) -> None:
        """Pass everything on again."""
        self._fault = None

    def start(self, on_message: OnMessage, on_close: OnClose) -> None:
        self._on_message = on_message
        self._inner.start(self._arrived, on_close)

    def send(self, message: bytes) -> None:
        command = orjson.loads(message)
        self.commands.append(command["method"])
        if self._fault is None or len(self.commands) != self._at:
            self._inner.send(message)
            return
        fault = self._fault
        if fault is Fault.REFUSED:
            self._loop.call_soon(self._on_message, _refusal(command))
            return
        if fault is Fault.PIPE_CLOSED:
            self._inner.close("the pipe was cut")
        if fault is Fault.TARGET_CLOSED:
            closing = {"id": _OWN_ID, "method": "Target.closeTarget", "params": {"targetId": self._target_id}}
            self._inner.send(orjson.dumps(closing))
        if fault is Fault.LOST:
            self._lost.add(command["id"])
        if fault is Fault.LATE:
            self._late.add(command["id"])
        self._inner.send(message)

    async def wait_until_gone(self) -> None:
        """Return once nothing is left of the real road."""
        await self._inner.wait_until_gone()

    def close(self, reason: str) -> None:
        self._inner.close(reason)

    def _arrived(self, message: bytes) -> None:
        number = orjson.loads(message).get("id")
        if number == _OWN_ID or number in self._lost:
            return
        if number in self._late:
            self._loop.call_later(LATE_S, self._on_message, message)
            return
        self._on_message(message)


class FaultyEngine(CDPEngine):
    """The CDP engine on such a road."""

    transport: FaultyTransport

    async def _reach_browser(self, context: LaunchContext) -> Transport:
        self.transport = FaultyTransport(await super()._reach_browser(context))
        return self.transport

    async def meets(self, fault: Fault | None, at: int, action: dict[str, Any]) -> tuple[Any, list[str]]:
        """Carry out an action whose command number `at` meets the fault; return the result and the commands sent."""
        page = self._current()
        self.transport.arm(fault, at, page.target_id if page else "")
        try:
            return await self.dispatch(action), self.transport.commands
        finally:
            self.transport.disarm()

    def held(self) -> dict[str, int]:
        """Return how much the engine holds that an action should have let go of."""
        page, browser = self._current(), self._browser
        assert page is not None
        assert browser is not None
        return {
            "handlers of the page": sum(map(len, page.session._handlers.values())),
            "handlers of the browser": sum(map(len, browser.connection.root._handlers.values())),
            "sessions": len(browser.connection._sessions),
            "tasks": len(asyncio.all_tasks()),
        }

    @property
    def unanswered(self) -> list[str]:
        """The commands that still wait for an answer."""
        assert self._browser is not None
        return [pending.method for pending in self._browser.connection._pending.values()]


def _refusal(command: dict[str, Any]) -> bytes:
    answer = {"id": command["id"], "error": {"code": -32000, "message": "refused by the fault injector"}}
    if "sessionId" in command:
        answer["sessionId"] = command["sessionId"]
    return orjson.dumps(answer)
