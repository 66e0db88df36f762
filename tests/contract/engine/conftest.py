"""Each test of this folder runs once per engine, against a real Chromium and the loopback site.

One browser serves the tests of the folder, one engine after the other; tests that need their own ask for
`new_engine`.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import anyio
import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine, EngineType
from bykilt.browser.engine.loader import EngineLoader
from tests.support.engines import Facts, KeptEngine, NewEngine

_BOUND_S = 30
_HERE = Path(__file__).parent


@pytest.fixture(scope="package")
def anyio_backend() -> str:
    """Playwright runs on asyncio alone."""
    return "asyncio"


@pytest.fixture(scope="package", params=list(EngineType), ids=str)
def engine_type(request: pytest.FixtureRequest) -> EngineType:
    """The engine of this round."""
    chosen: EngineType = request.param
    return chosen


@pytest.fixture(scope="package")
async def kept_engine(engine_type: EngineType, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KeptEngine]:
    """The browser of the tests that need none of their own."""
    kept = KeptEngine(engine_type, tmp_path_factory.mktemp("artifacts"))
    yield kept
    await kept.close()


@pytest.fixture
async def engine(kept_engine: KeptEngine) -> BrowserEngine:
    """An engine that shows a blank page."""
    return await kept_engine.fresh()


@pytest.fixture
def facts(engine: BrowserEngine, kept_engine: KeptEngine) -> Facts:
    """What `engine` gives off during the test."""
    return kept_engine.facts


@pytest.fixture
async def new_engine(engine_type: EngineType, anyio_backend: str) -> AsyncIterator[NewEngine]:
    """Makes engines that are not launched yet; ends them after the test."""
    made: list[BrowserEngine] = []

    def make(**settings: Any) -> BrowserEngine:
        made.append(EngineLoader.load_engine(engine_type, **settings))
        return made[-1]

    yield make
    for engine in made:
        await engine.shutdown()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bound every test, so that a hang is a failure of the test that hangs."""
    for item in items:
        if isinstance(item, pytest.Function) and item.path.is_relative_to(_HERE) and iscoroutinefunction(item.obj):
            item.obj = _bounded(item.obj)


def _bounded(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def within_bounds(**fixtures: Any) -> None:
        with anyio.fail_after(_BOUND_S):
            await test(**fixtures)

    return within_bounds
