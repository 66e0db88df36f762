"""One event loop is enough for these tests: the engines' connection is written for asyncio."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
