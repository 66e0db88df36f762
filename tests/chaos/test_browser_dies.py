"""The browser dies, hangs or loses its connection: the run fails with the reason, and nothing is left."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import EngineType
from bykilt.events.model import ActionStarted
from bykilt.history.model import RunRecord, RunStatus
from tests.chaos.conftest import DoomedRuns
from tests.support.chaos import DoomedRun, children, command_line
from tests.support.engines import site_launch
from tests.support.site import Site

TIMEOUT_S = 60.0
# Long before the run's deadline: whoever waits is told at once.
AT_ONCE_S = 30.0

FOR_EVER: dict[str, Any] = {"id": "wait", "action": "wait_for", "selector": "#never-there", "timeout_ms": 50_000}


def goto(url: str) -> dict[str, Any]:
    return {"id": "goto", "action": "navigate", "url": url, "timeout_ms": 50_000}


def assert_failed(run: RunRecord, code: str, step: str) -> None:
    assert run.status is RunStatus.FAILED
    assert run.failure is not None
    assert (run.failure.code, run.failed_step) == (code, step), run.failure
    assert run.failure.hint


async def in_the_middle(run: DoomedRun, action: str) -> None:
    """Return once the action has begun, and so waits."""
    await run.browser()
    await run.until(ActionStarted, lambda started: started.action == action)


async def test_a_browser_killed_while_a_step_waits_fails_the_run_at_once(doomed: DoomedRuns, site: Site) -> None:
    async with doomed([goto(site.url("a.html")), FOR_EVER], timeout_s=TIMEOUT_S, within_s=AT_ONCE_S) as run:
        await in_the_middle(run, "wait_for")
        await run.kill()
        ended = await run.end()

    assert_failed(ended, "browser_gone", "wait")


async def test_a_browser_killed_while_a_page_loads_fails_the_run_at_once(doomed: DoomedRuns, site: Site) -> None:
    async with doomed([goto(site.url("never"))], timeout_s=TIMEOUT_S, within_s=AT_ONCE_S) as run:
        await run.browser()
        await site.until_hit("/never")
        await run.kill()
        ended = await run.end()

    assert_failed(ended, "browser_gone", "goto")


async def test_a_renderer_killed_while_a_step_waits_fails_the_run_at_once(doomed: DoomedRuns, site: Site) -> None:
    async with doomed([goto(site.url("a.html")), FOR_EVER], timeout_s=TIMEOUT_S, within_s=AT_ONCE_S) as run:
        await in_the_middle(run, "wait_for")
        assert await run.kill("--type=renderer") >= 1
        ended = await run.end()

    assert_failed(ended, "page_crashed", "wait")


async def test_a_page_that_eats_up_its_heap_fails_the_run(doomed: DoomedRuns, site: Site) -> None:
    """The renderer ends itself: out of memory."""
    script = "for (const kept = [];;) kept.push(new Array(1e6).fill(kept.length + 0.5))"
    eat = {"id": "eat", "action": "evaluate_js", "expression": script, "timeout_ms": 50_000}
    small = site_launch(extra_args=["--js-flags=--max-old-space-size=64"])
    steps = [goto(site.url("a.html")), eat]
    async with doomed(steps, timeout_s=TIMEOUT_S, within_s=TIMEOUT_S, launch=small) as run:
        ended = await run.end()

    assert_failed(ended, "page_crashed", "eat")


async def test_a_browser_that_is_stopped_fails_the_run_at_its_deadline(doomed: DoomedRuns, site: Site) -> None:
    """It neither answers nor dies; it is killed in the end."""
    async with doomed([goto(site.url("a.html")), FOR_EVER], timeout_s=12, within_s=60) as run:
        await in_the_middle(run, "wait_for")
        await run.kill(number=signal.SIGSTOP)
        ended = await run.end()

    assert_failed(ended, "run_timeout", "wait")


@pytest.mark.parametrize("engine_type", [EngineType.CDP], ids=str)
async def test_a_closed_pipe_fails_the_run_at_once(doomed: DoomedRuns, site: Site) -> None:
    async with doomed([goto(site.url("a.html")), FOR_EVER], timeout_s=TIMEOUT_S, within_s=AT_ONCE_S) as run:
        await in_the_middle(run, "wait_for")
        browser = await run.browser()
        cut_pipe_to(browser.pid or 0)
        ended = await run.end()

    # Chromium closes its pages in good order before it ends, so either may be seen first.
    assert ended.failure is not None
    assert ended.failure.code in ("browser_gone", "page_closed")
    assert_failed(ended, ended.failure.code, "wait")


@pytest.mark.parametrize("engine_type", [EngineType.PLAYWRIGHT], ids=str)
async def test_a_killed_driver_fails_the_run_at_once(doomed: DoomedRuns, site: Site) -> None:
    """Playwright's pipes belong to its driver: their other end closes with it."""
    async with doomed([goto(site.url("a.html")), FOR_EVER], timeout_s=TIMEOUT_S, within_s=AT_ONCE_S) as run:
        await in_the_middle(run, "wait_for")
        [driver] = [child for child in children() if "playwright" in command_line(child.pid)]
        os.kill(driver.pid, signal.SIGKILL)
        ended = await run.end()

    assert_failed(ended, "browser_gone", "wait")


def cut_pipe_to(pid: int) -> None:
    """Replace our end of the pipe that a browser reads commands from by nothing: it sees the end of it."""
    theirs = os.readlink(f"/proc/{pid}/fd/3")
    nothing = os.open(os.devnull, os.O_RDWR)
    ours = [int(name) for name in os.listdir("/proc/self/fd") if _is_open_as(int(name), theirs)]
    for fd in ours:
        os.dup2(nothing, fd, inheritable=False)
    os.close(nothing)
    assert len(ours) == 1


def _is_open_as(fd: int, what: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{fd}") == what
    except OSError:
        return False
