"""Every command that an action sends may go wrong: the action ends with a clear error, in time, and lets go of all.

The command number n of each action is refused, answered late or never, or its page or the pipe is closed just
before it; for every n. The pipe is cut before the first and the last command only, unless BYKILT_CUTS is `every`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from bykilt.browser.engine.actions import action_types
from bykilt.browser.engine.browser_engine import ActionResult
from bykilt.events.model import BrowserClosed, BrowserStarted, PageClosed
from bykilt.ids import PageId
from tests.support.engines import Facts, processes_of, site_launch, still_living
from tests.support.fault_injector import Fault, FaultyEngine
from tests.support.fault_scenes import SCENES, Scene
from tests.support.site import Site

TIMEOUT_MS = 1_500
LOST_TIMEOUT_MS = 400
SLACK_MS = 1_200
_BOUND_S = 60
_CUTS_BOUND_S = 150
_MAX_COMMANDS = 40


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """What the engine's own road is made for."""
    return "asyncio"


class Kept:
    """One engine for many faults, as long as it lives."""

    def __init__(self, folder: Path) -> None:
        self.bugs: list[dict[str, Any]] = []
        self.facts = Facts()
        self._folder = folder
        self._engine: FaultyEngine | None = None

    async def fresh(self, site: Site, scene: Scene) -> FaultyEngine:
        """Return the engine with the scene's page open and its preparation done."""
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.bugs.append(context))
        if self._engine is None:
            self.facts = Facts()
            self._engine = FaultyEngine(artifact_dir=self._folder, facts=self.facts)
            await self._engine.launch(site_launch(timeout_ms=10_000))
        engine = self._engine
        if scene.moves_pages or len(self.facts.open_pages) != 1:
            # The fault before may have hit a page that was still being prepared.
            for page in list(self.facts.open_pages):
                assert (await engine.dispatch({"type": "close_tab", "page": page})).success
            assert (await engine.dispatch({"type": "new_tab"})).success
        for action in scene.before(site):
            result = await engine.dispatch(action)
            assert result.success, f"{action}: {result.error}"
        return engine

    async def until_closed(self, page: PageId | None) -> None:
        """Return once the page is gone for the engine, too.

        Chromium forgets that a page is to be closed when a step in its history overtakes the wish: the page lives
        on, and has to be as good as any other.
        """
        with anyio.move_on_after(1):
            await self.facts.until(PageClosed, lambda closed: closed.page_id == page)
        if page in self.facts.open_pages:
            assert self._engine is not None
            closing = await self._engine.dispatch({"type": "close_tab", "page": str(page)})
            assert closing.success or page not in self.facts.open_pages, closing.error
            await self.facts.until(PageClosed, lambda closed: closed.page_id == page)

    async def close(self) -> None:
        """End the browser."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.shutdown()

    async def forget_the_dead(self) -> None:
        """End an engine whose browser is gone: a test that failed has left it, and the next one is not to blame."""
        if self.facts.of(BrowserClosed):
            await self.close()


@pytest.fixture(scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kept]:
    kept = Kept(tmp_path_factory.mktemp("faults"))
    yield kept
    await kept.close()


def test_every_action_has_a_scene() -> None:
    """An action without one would never meet a fault."""
    assert set(SCENES) == {cls.type for cls in action_types().values()}


def cuts(commands: int) -> list[int]:
    """Return before which commands the pipe is cut. Each costs a browser: every one only when asked for."""
    if os.environ.get("BYKILT_CUTS") == "every":
        return list(range(1, commands + 1))
    return sorted({1, commands} - {0})


def in_time(result: ActionResult, timeout_ms: float) -> None:
    """An end that a person can understand, and no later than promised."""
    assert result.duration_ms < timeout_ms + SLACK_MS
    if not result.success:
        assert result.error
        assert result.metadata["error_code"] not in ("", "bykilt_error")


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_a_refused_late_or_lost_command_ends_in_a_clear_result(kept: Kept, site: Site, name: str) -> None:
    """Contract: refused and lost may fail the action; late may not. The engine goes on working."""
    scene = SCENES[name]
    with anyio.fail_after(_BOUND_S):
        engine = await kept.fresh(site, scene)
        clean, commands = await engine.meets(None, 0, scene.action(site, str(engine.current_page), TIMEOUT_MS))
        assert clean.success, clean.error
        count = len(commands)
        assert count <= _MAX_COMMANDS, commands
        for fault in (Fault.REFUSED, Fault.LATE, Fault.LOST):
            timeout_ms = LOST_TIMEOUT_MS if fault is Fault.LOST else TIMEOUT_MS
            for at in range(1, count + 1):
                engine = await kept.fresh(site, scene)
                before = engine.held()
                result, sent = await engine.meets(fault, at, scene.action(site, str(engine.current_page), timeout_ms))
                in_time(result, timeout_ms)
                assert fault is not Fault.LATE or result.success, (at, sent, result.error)
                if not scene.moves_pages:
                    assert engine.held() == before, (fault, at, sent)
    assert kept.bugs == []


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_a_page_closed_at_any_moment_ends_in_a_clear_result(kept: Kept, site: Site, name: str) -> None:
    """Contract: the action fails, or was done before; another page works at once."""
    scene = SCENES[name]
    with anyio.fail_after(_BOUND_S):
        engine = await kept.fresh(site, scene)
        _, commands = await engine.meets(None, 0, scene.action(site, str(engine.current_page), TIMEOUT_MS))
        for at in range(1, len(commands) + 1):
            engine = await kept.fresh(site, scene)
            closing = engine.current_page
            action = scene.action(site, str(closing), TIMEOUT_MS)
            result, sent = await engine.meets(Fault.TARGET_CLOSED, at, action)
            in_time(result, TIMEOUT_MS)
            if len(sent) >= at:
                await kept.until_closed(closing)
    assert kept.bugs == []


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_a_pipe_cut_at_any_moment_ends_in_a_clear_result(kept: Kept, site: Site, name: str) -> None:
    """Contract: the browser is gone, says the action; and it is."""
    scene = SCENES[name]
    await kept.forget_the_dead()
    with anyio.fail_after(_CUTS_BOUND_S):
        engine = await kept.fresh(site, scene)
        _, commands = await engine.meets(None, 0, scene.action(site, str(engine.current_page), TIMEOUT_MS))
        for at in cuts(len(commands)):
            engine = await kept.fresh(site, scene)
            processes = processes_of(kept.facts.of(BrowserStarted)[-1])
            result, _ = await engine.meets(
                Fault.PIPE_CLOSED, at, scene.action(site, str(engine.current_page), TIMEOUT_MS)
            )
            in_time(result, TIMEOUT_MS)
            assert result.success or result.metadata["error_code"] == "browser_gone", result.error
            await kept.close()
            assert still_living(processes) == []
    assert kept.bugs == []
