"""Attacks on what bykilt promises, from the inside and from the outside; each is bounded and stops by itself."""

from __future__ import annotations

import pytest

from bykilt.browser.engine.browser_engine import EngineType


@pytest.fixture
def anyio_backend() -> str:
    """Playwright runs on asyncio alone."""
    return "asyncio"


@pytest.fixture(params=list(EngineType), ids=str)
def engine_type(request: pytest.FixtureRequest) -> EngineType:
    """The engine of this round."""
    chosen: EngineType = request.param
    return chosen
