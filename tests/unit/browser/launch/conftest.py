"""One event loop is enough for these tests: the launcher watches its child with asyncio."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
