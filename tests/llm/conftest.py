"""Tests with the real model in the real container."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bykilt.llm.docker_sandbox import DockerLLMSandbox
from tests.support.llm import require_image


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _image() -> None:
    require_image()


@pytest.fixture
async def sandbox() -> AsyncIterator[DockerLLMSandbox]:
    """A sandbox with its container up; it is removed at the end."""
    started = DockerLLMSandbox()
    await started.start()
    yield started
    await started.stop()
