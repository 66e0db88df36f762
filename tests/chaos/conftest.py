"""Each catastrophe happens to each engine, with a real Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from bykilt.browser.engine.browser_engine import EngineType, LaunchContext
from tests.support.chaos import DoomedRun, doomed_run

DoomedRuns = Callable[..., AbstractAsyncContextManager[DoomedRun]]


@pytest.fixture
def anyio_backend() -> str:
    """Playwright runs on asyncio alone."""
    return "asyncio"


@pytest.fixture(params=list(EngineType), ids=str)
def engine_type(request: pytest.FixtureRequest) -> EngineType:
    """The engine of this round."""
    chosen: EngineType = request.param
    return chosen


@pytest.fixture
def doomed(tmp_path: Path, engine_type: EngineType) -> DoomedRuns:
    """Starts runs that end badly: `async with doomed(steps, timeout_s=…, within_s=…) as run`."""

    @asynccontextmanager
    async def start(
        steps: list[dict[str, Any]], *, timeout_s: float, within_s: float, launch: LaunchContext | None = None
    ) -> AsyncIterator[DoomedRun]:
        with anyio.fail_after(within_s):
            async with doomed_run(tmp_path / "home", engine_type, steps, timeout_s=timeout_s, launch=launch) as run:
                yield run

    return start
