"""Each test of this folder runs once per backend: the scripted one of the tests, the model in its container, and a
provider that is asked from inside one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from bykilt.llm.backend import Backend
from bykilt.llm.broker.broker import Broker
from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.pool import WorkerPool
from bykilt.llm.providers import Provider
from bykilt.llm.remote_backend import RemoteBackend
from bykilt.llm.remote_pool import RemotePool
from bykilt.llm.turns import TakingTurns
from tests.support.llm import require_image
from tests.support.llm_provider import FakeProvider, FixedKey, Wire, completion, fake_provider
from tests.support.scripted_backend import ScriptedBackend


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _paris(wire: Wire) -> None:
    """Answer the question of the tests as a provider does."""
    text = "The capital of France is Paris."
    if not wire.seen.document.get("stream"):
        wire.answer(200, completion(text))
        return
    wire.begin_stream()
    for word in text.split(" "):
        wire.event(word if word == "The" else f" {word}")
    wire.end_stream()


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with fake_provider(_paris) as started:
        yield started


@pytest.fixture(params=["scripted", "local", "remote", "remote pool", "local pool"])
async def backend(request: pytest.FixtureRequest, provider: FakeProvider) -> AsyncIterator[Backend]:
    """A backend that was not started; it is stopped at the end."""
    if request.param == "scripted":
        made: Backend = ScriptedBackend()
    else:
        require_image()
        made = _real(request.param, provider.provider())
    yield made
    await made.stop()


def _real(kind: str, provider: Provider) -> Backend:
    if kind == "local":
        return TakingTurns(DockerLLMSandbox())
    if kind == "remote":
        return TakingTurns(RemoteBackend(provider, FixedKey()))
    if kind == "local pool":
        return WorkerPool()
    return RemotePool(provider, Broker(provider, FixedKey()))
