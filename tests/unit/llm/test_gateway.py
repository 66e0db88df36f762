"""The gateway: switched off, which is the default; where Docker is missing; and what its answers say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bykilt.app import App
from bykilt.errors import InvalidInput, MissingCapability
from bykilt.llm.composing import CacheUnavailable, Surroundings
from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.errors import DockerUnavailable, ImageMissing, LLMDisabled, NoAnswer, ProviderFailed
from bykilt.llm.service_gateway import DisabledLLMGateway, DockerLLMServiceGateway, get_llm_gateway
from bykilt.llm.settings_file import SettingsError
from bykilt.settings import InvalidSetting, Settings
from tests.support.scripted_backend import ScriptedBackend
from tests.support.vaults import VaultHome

PATHS = {"PYTHONPATH": ":".join(path for path in sys.path if path)}


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
        "heavy = 'docker requests sqlite3 pydantic bykilt.llm.docker_sandbox bykilt.llm.pipeline'.split();"
        "print([name for name in heavy if name in sys.modules])"
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


# ---- with a backend of the tests in the model's place


def gateway(
    home: Path,
    settings: str | None = None,
    local: ScriptedBackend | None = None,
    remote: ScriptedBackend | None = None,
) -> DockerLLMServiceGateway:
    """Return the gateway of a home; whoever is asked is scripted."""
    home.mkdir(exist_ok=True)
    if settings is not None:
        (home / "llm.yaml").write_text("schema_version: 1\n" + settings)
    environ = {"BYKILT_HOME": str(home), "BYKILT_VAULT_KEYRING": "off"}
    return DockerLLMServiceGateway(
        DockerLLMSandbox(),
        around=Surroundings.from_environment(environ),
        local=local or ScriptedBackend(),
        remote=lambda provider: remote or ScriptedBackend(provider.name, models=tuple(provider.models)),
    )


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_an_answer_says_where_it_is_from_and_what_it_cost(tmp_path: Path) -> None:
    opened = gateway(
        tmp_path, "use: [p]\nproviders: {p: {kind: openai, models: {m: {prompt: 1, completion: 2}, free: null}}}"
    )
    result = await opened.invoke_llm("Hi", {"max_tokens": 5})
    assert (result["provider"], result["model"], result["cost"], result["priced"]) == ("p", "m", 0.000024, True)
    assert result["usage"] == {"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17}
    assert result["sandbox"] == {"container_id": "of p", "network_mode": "none"}
    unpriced = await opened.invoke_llm("Hi", {"max_tokens": 5, "model": "free"})
    assert (unpriced["cost"], unpriced["priced"]) == (0.0, False)
    assert "disabled" not in result
    await opened.shutdown()


async def test_without_docker_a_stub_answers_only_where_the_user_wants_it(tmp_path: Path) -> None:
    """Spec: it never pretends to have answered."""
    missing = ScriptedBackend(start_error=DockerUnavailable("no Docker daemon answers", hint="install it"))
    refusing = gateway(tmp_path / "refusing", "", missing)
    with pytest.raises(DockerUnavailable):
        await refusing.initialize()
    with pytest.raises(DockerUnavailable):
        await refusing.invoke_llm("Hi")
    await refusing.shutdown()
    stub = gateway(tmp_path / "stub", "when_unavailable: stub", missing)
    await stub.initialize()
    result = await stub.invoke_llm("Hi", schema={"type": "object"})
    assert result["disabled"] is True
    assert (result["text"], result["finish"], result["provider"]) == ("", "disabled", "none")
    assert "data" not in result
    assert result["sandbox"]["problem"] == "no Docker daemon answers"
    await stub.shutdown()


async def test_a_stub_stands_in_for_a_missing_model_and_for_nothing_else(tmp_path: Path) -> None:
    two = "use: [p, local]\nproviders: {p: {kind: openai, models: {m: null}}}\n"
    nowhere = {
        "local": ScriptedBackend(start_error=ImageMissing("bykilt/llm")),
        "p": ScriptedBackend("p", start_error=DockerUnavailable("no Docker"), models=["m"]),
    }
    stub = gateway(tmp_path, two + "when_unavailable: stub", nowhere["local"], nowhere["p"])
    assert (await stub.invoke_llm("Hi"))["disabled"]
    nowhere["p"].start_error = None
    nowhere["p"].script = [ProviderFailed("wrong key", is_retryable=False, status=401)]
    with pytest.raises(NoAnswer):
        await stub.invoke_llm("Hi")
    nowhere["p"].script = [MissingCapability("another package is missing")]
    with pytest.raises(NoAnswer):
        await stub.invoke_llm("Hi")
    await stub.shutdown()


async def test_settings_that_cannot_be_used_are_told_before_anything_starts(tmp_path: Path) -> None:
    local = ScriptedBackend()
    with pytest.raises(SettingsError, match="unknown key 'us'"):
        await gateway(tmp_path, "us: [local]", local).initialize()
    assert local.starts == 0


async def test_answers_are_kept_only_with_a_key(tmp_path: Path) -> None:
    """Spec: no vault, no cache, and a clear word about it."""
    opened = gateway(tmp_path, "cache: {mode: exact}")
    with pytest.raises(CacheUnavailable, match="no master key") as told:
        await opened.invoke_llm("Hi")
    assert "bykilt vault set" in told.value.hint
    await VaultHome.at(tmp_path).vault().set_secret("any", "value")
    assert not (await opened.invoke_llm("Hi"))["cached"]
    assert (await opened.invoke_llm("Hi"))["cached"]
    assert (await opened.invoke_llm("Hi"))["sandbox"] == {}
    await opened.shutdown()


async def test_what_is_put_into_the_vault_is_hidden_from_the_next_call_on(tmp_path: Path) -> None:
    local = ScriptedBackend()
    opened = gateway(tmp_path, local=local)
    vault = VaultHome.at(tmp_path).vault()
    await opened.invoke_llm("say marmalade-one")
    await vault.set_secret("one", "marmalade-one")
    await opened.invoke_llm("say marmalade-one and marmalade-two")
    await vault.set_secret("two", "marmalade-two")
    await opened.invoke_llm("say marmalade-two")
    assert [call.messages[0].content for call in local.asked] == [
        "say marmalade-one",
        "say *** and marmalade-two",
        "say ***",
    ]
    await opened.shutdown()


async def test_no_vault_is_made_for_a_call(tmp_path: Path) -> None:
    opened = gateway(tmp_path)
    await opened.invoke_llm("Hi")
    await opened.shutdown()
    assert [name for name in names_in(tmp_path) if not name.startswith(".")] == ["audit", "llm-usage.sqlite3"]


async def test_a_gateway_that_was_shut_down_opens_again(tmp_path: Path) -> None:
    local = ScriptedBackend()
    opened = gateway(tmp_path, local=local)
    for _ in range(2):
        await opened.invoke_llm("Hi")
        await opened.shutdown()
        assert not local.is_running
    assert local.starts == 2


async def test_the_app_has_a_gateway(tmp_path: Path) -> None:
    off = App.from_environment({"BYKILT_HOME": str(tmp_path)}).llm_gateway()
    assert isinstance(off, DisabledLLMGateway)
    on = App.from_environment({"BYKILT_HOME": str(tmp_path), "ENABLE_LLM": "true"}).llm_gateway()
    assert isinstance(on, DockerLLMServiceGateway)
    await on.shutdown()
    assert names_in(tmp_path) == []
