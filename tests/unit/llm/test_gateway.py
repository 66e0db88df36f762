"""The gateway while the model is switched off, which is the default, and where Docker is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bykilt.errors import InvalidInput
from bykilt.llm.errors import DockerUnavailable, LLMDisabled
from bykilt.llm.service_gateway import DisabledLLMGateway, get_llm_gateway
from bykilt.settings import InvalidSetting, Settings

PATHS = {"PYTHONPATH": ":".join(path for path in sys.path if path)}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_every_call_says_that_it_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENABLE_LLM", raising=False)
    gateway = get_llm_gateway(use_docker=True)
    assert isinstance(gateway, DisabledLLMGateway)
    with pytest.raises(LLMDisabled) as told:
        await gateway.initialize()
    assert "ENABLE_LLM=true" in told.value.hint
    with pytest.raises(LLMDisabled):
        await gateway.invoke_llm("Hi", {"max_tokens": 5})
    await gateway.shutdown()


def test_nothing_is_imported_while_it_is_switched_off() -> None:
    program = (
        "import sys; from bykilt.llm.service_gateway import get_llm_gateway; get_llm_gateway();"
        "print([name for name in ('docker', 'requests', 'bykilt.llm.docker_sandbox') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True, env=PATHS)
    assert done.stdout.strip() == "[]"


async def test_a_machine_without_docker_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENABLE_LLM", "true")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    gateway = get_llm_gateway()
    with pytest.raises(DockerUnavailable) as told:
        await gateway.initialize()
    assert "install and start Docker" in told.value.hint
    await gateway.shutdown()


def test_without_a_container_there_is_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENABLE_LLM", "true")
    with pytest.raises(InvalidInput, match="container only"):
        get_llm_gateway(use_docker=False)


@pytest.mark.parametrize(
    ("value", "enabled"), [("", False), ("false", False), ("0", False), ("True", True), ("1", True)]
)
def test_the_switch_is_read(value: str, enabled: bool) -> None:
    assert Settings.from_environment({"ENABLE_LLM": value}).llm_enabled is enabled


def test_a_switch_that_means_nothing_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="ENABLE_LLM"):
        Settings.from_environment({"ENABLE_LLM": "maybe"})
