"""Tests with the real model in the real container."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bykilt.llm.docker_sandbox import DockerLLMSandbox
from tests.support.llm import require_image


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _image() -> None:
    require_image()


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made from the environment belongs to the test."""
    monkeypatch.setenv("BYKILT_HOME", str(tmp_path / "environment"))
    monkeypatch.setenv("BYKILT_VAULT_KEYRING", "off")


@pytest.fixture
async def sandbox() -> AsyncIterator[DockerLLMSandbox]:
    """A sandbox with its container up; it is removed at the end."""
    started = DockerLLMSandbox()
    await started.start()
    yield started
    await started.stop()
