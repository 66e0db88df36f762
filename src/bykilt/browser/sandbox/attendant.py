"""Whoever attends one sandbox from outside: hears of its start, opens its way out, and serves it until the end.

Runs in a thread with an event loop of its own. Decisions are handed over to the loop that the sandbox belongs to, by
plain asyncio, which does not make one loop wait for the other.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack

import anyio
import anyio.from_thread
import anyio.to_thread

from bykilt.browser.sandbox.egress.decisions import EgressDecision
from bykilt.browser.sandbox.egress.host_rules import EgressMode, EgressRules
from bykilt.browser.sandbox.egress.netns_listener import NetworkNamespaceFailed, open_listener
from bykilt.browser.sandbox.egress.proxy import open_proxy
from bykilt.browser.sandbox.egress.upstream_proxy import UpstreamProxy
from bykilt.browser.sandbox.errors import SandboxUnavailable
from bykilt.browser.sandbox.profile import NetworkMode, SandboxProfile
from bykilt.clock import Clock
from bykilt.events.model import EgressDecided

PROXY_PORT = 3128
_REPORT_BYTES = 4096


class Attendant:
    """Attends one sandbox. `close` must be called."""

    def __init__(
        self,
        report: int,
        profile: SandboxProfile,
        upstream: UpstreamProxy | None,
        *,
        on_decision: Callable[[EgressDecided], None],
        clock: Clock,
    ) -> None:
        self._report = report
        self._profile = profile
        self._upstream = upstream
        self._on_decision = on_decision
        self._clock = clock
        self._home = asyncio.get_running_loop()
        self._first: Future[int] = Future()
        self._portal = anyio.from_thread.start_blocking_portal()
        portal = self._portal.__enter__()
        self._work = portal.start_task_soon(self._attend)

    async def first_process(self) -> int:
        """Return the pid of the sandbox's first process, once the way out is open.

        Raises:
            SandboxUnavailable: The sandbox could not be made.
        """
        return await anyio.to_thread.run_sync(self._first.result, abandon_on_cancel=True)

    def check(self) -> None:
        """Raise `SandboxUnavailable` if it is known by now that the sandbox could not be made."""
        if self._first.done():
            self._first.result()

    def close(self) -> None:
        """Close the way out. Blocks for a moment."""
        self._work.cancel()
        self._first.cancel()
        self._portal.__exit__(None, None, None)

    async def _attend(self) -> None:
        try:
            first = await self._until_started()
            async with AsyncExitStack() as stack:
                if self._profile.network in (NetworkMode.RESTRICTED, NetworkMode.OPEN):
                    await self._open_way_out(first, stack)
                self._first.set_result(first)
                await anyio.sleep_forever()
        except SandboxUnavailable as error:
            self._first.set_exception(error)

    async def _until_started(self) -> int:
        said = b""
        while b"\n" not in said:
            await anyio.wait_readable(self._report)
            said += os.read(self._report, _REPORT_BYTES)
        report = json.loads(said.split(b"\n", 1)[0])
        if "child-pid" not in report:
            raise SandboxUnavailable(
                f"bubblewrap ended with {report.get('exit')} before the browser could start",
                hint="run `bykilt sandbox check`: it says what this machine refuses and how to mend it",
            )
        return int(report["child-pid"])

    async def _open_way_out(self, first: int, stack: AsyncExitStack) -> None:
        profile = self._profile
        rules = EgressRules.parse(EgressMode(profile.network.value), profile.allowed_hosts)
        try:
            listener = await open_listener(first, PROXY_PORT)
        except NetworkNamespaceFailed as error:
            raise SandboxUnavailable(error.message, hint=error.hint) from error
        await stack.enter_async_context(
            open_proxy([listener], rules, on_decision=self._hand_over, upstream=self._upstream, is_for_browser=True)
        )

    def _hand_over(self, decision: EgressDecision) -> None:
        self._home.call_soon_threadsafe(self._on_decision, fact_of(decision, self._clock.monotonic_s()))


def fact_of(decision: EgressDecision, now_s: float) -> EgressDecided:
    """Return what goes on record: hosts and amounts, no path and no header."""
    return EgressDecided(
        host=decision.host,
        port=decision.port,
        protocol=decision.kind.value,
        allowed=decision.allowed,
        rule=decision.rule,
        reason=decision.reason,
        unreachable=decision.unreachable.value if decision.unreachable else "",
        address=decision.address,
        bytes_up=decision.bytes_up,
        bytes_down=decision.bytes_down,
        time_ms=now_s * 1000,
        duration_ms=decision.duration_ms,
    )
