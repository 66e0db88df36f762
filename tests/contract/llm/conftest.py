"""Each test of this folder runs once per backend: the scripted one of the tests, and the model in its container."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bykilt.llm.backend import Backend
from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.turns import TakingTurns
from tests.support.llm import require_image
from tests.support.scripted_backend import ScriptedBackend


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["scripted", "local"])
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    """A backend that was not started; it is stopped at the end."""
    if request.param == "scripted":
        made: Backend = ScriptedBackend()
    else:
        require_image()
        made = TakingTurns(DockerLLMSandbox())
    yield made
    await made.stop()
