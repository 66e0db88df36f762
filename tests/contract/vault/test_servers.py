"""What holds of backends elsewhere alone: logging in, least privilege, and servers that are down or silent."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import hvac
import pytest

from bykilt.security.errors import BackendRefused, BackendUnavailable, NotSupported, SecretNotFound, VaultDamaged
from bykilt.settings import InvalidSetting
from tests.contract.vault.conftest import aws_variables
from tests.support.servers import ROOT_TOKEN, free_port
from tests.support.vaults import VaultHome


@pytest.fixture
def root(openbao_address: str) -> Iterator[hvac.Client]:
    """The server as its administrator uses it."""
    client = hvac.Client(url=openbao_address, token=ROOT_TOKEN)
    yield client
    client.adapter.close()


@pytest.fixture
def silent_address() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_what_the_vault_keeps_other_tools_can_read(hashicorp_home: VaultHome, root: hvac.Client) -> None:
    """The proof from the other side: the server has it, where it was told to be."""
    await hashicorp_home.vault().set_secret("a", "1")
    path = f"{hashicorp_home.environ['BYKILT_VAULT_PATH']}/a"
    answer = root.secrets.kv.v2.read_secret_version(path=path, raise_on_deleted_version=True)
    assert answer["data"]["data"]["value"] == "1"


async def test_a_secret_of_somebody_else_is_not_taken_for_one_of_ours(
    hashicorp_home: VaultHome, root: hvac.Client
) -> None:
    path = f"{hashicorp_home.environ['BYKILT_VAULT_PATH']}/foreign"
    root.secrets.kv.v2.create_or_update_secret(path=path, secret={"password": "x"})
    with pytest.raises(VaultDamaged):
        await hashicorp_home.vault().fetch("foreign")


async def test_an_approle_logs_in_and_again_when_its_token_has_ended(
    hashicorp_home: VaultHome, root: hvac.Client
) -> None:
    path = hashicorp_home.environ["BYKILT_VAULT_PATH"]
    rules = f'path "secret/*" {{ capabilities = ["create", "read", "update", "list", "delete"] }} # {path}'
    root.sys.create_or_update_policy(name="bykilt-test", policy=rules)
    if "approle/" not in root.sys.list_auth_methods()["data"]:
        root.sys.enable_auth_method("approle")
    root.auth.approle.create_or_update_approle("bykilt-test", token_policies=["bykilt-test"])
    role_id = root.auth.approle.read_role_id("bykilt-test")["data"]["role_id"]
    secret_id = root.auth.approle.generate_secret_id("bykilt-test")["data"]["secret_id"]
    hashicorp_home.environ |= {"BYKILT_VAULT_ROLE_ID": role_id, "BYKILT_VAULT_SECRET_ID": secret_id}

    vault = hashicorp_home.vault()
    await vault.set_secret("a", "1")
    root.auth.token.revoke(vault.backend._client.token)  # type: ignore[attr-defined]
    assert await vault.get_secret("a") == "1"

    hashicorp_home.environ["BYKILT_VAULT_SECRET_ID"] = "wrong"
    with pytest.raises(BackendRefused):
        await hashicorp_home.vault().get_secret("a")


async def test_a_token_may_do_no_more_than_its_policy(hashicorp_home: VaultHome, root: hvac.Client) -> None:
    """Least privilege: it reads one secret, and neither writes nor reads another."""
    path = hashicorp_home.environ["BYKILT_VAULT_PATH"]
    await hashicorp_home.vault().set_secret("a", "1")
    await hashicorp_home.vault().set_secret("b", "2")
    root.sys.create_or_update_policy(
        name="read-a",
        policy=f'path "secret/data/{path}/a" {{ capabilities = ["read"] }}',
    )
    hashicorp_home.environ["VAULT_TOKEN"] = root.auth.token.create(policies=["read-a"])["auth"]["client_token"]

    vault = hashicorp_home.vault()
    assert await vault.get_secret("a") == "1"
    for attempt in (vault.get_secret("b"), vault.set_secret("a", "3"), vault.list_keys()):
        with pytest.raises(BackendRefused) as refused:
            await attempt
    assert hashicorp_home.environ["VAULT_TOKEN"] not in refused.value.explain()


async def test_namespaces_are_apart(hashicorp_home: VaultHome, root: hvac.Client) -> None:
    for name in ("one", "two"):
        root.adapter.put(f"/v1/sys/namespaces/{name}", json={})
        inside = hvac.Client(url=root.url, token=ROOT_TOKEN, namespace=name)
        inside.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
        inside.adapter.close()
    hashicorp_home.environ["BYKILT_VAULT_NAMESPACE"] = "one"
    await hashicorp_home.vault().set_secret("a", "in one")

    hashicorp_home.environ["BYKILT_VAULT_NAMESPACE"] = "two"
    assert await hashicorp_home.vault().get_secret("a") is None
    hashicorp_home.environ["BYKILT_VAULT_NAMESPACE"] = "one"
    assert await hashicorp_home.vault().get_secret("a") == "in one"


async def test_a_mount_that_is_not_there_is_not_taken_for_a_missing_secret(hashicorp_home: VaultHome) -> None:
    hashicorp_home.environ["BYKILT_VAULT_MOUNT"] = "nowhere"
    hashicorp_home.environ["API_KEY"] = "sk-env"
    vault = hashicorp_home.vault()
    for attempt in (vault.get_secret("a", fallback_env_var="API_KEY"), vault.set_secret("a", "1"), vault.list_keys()):
        with pytest.raises(BackendRefused) as refused:
            await attempt
    assert "BYKILT_VAULT_MOUNT" in refused.value.hint


async def test_without_any_login_the_answer_says_what_to_set(hashicorp_home: VaultHome) -> None:
    del hashicorp_home.environ["VAULT_TOKEN"]
    with pytest.raises(BackendRefused) as refused:
        await hashicorp_home.vault().get_secret("a")
    assert "VAULT_TOKEN" in refused.value.hint


def down(home: VaultHome, backend: str, address: str, monkeypatch: pytest.MonkeyPatch) -> VaultHome:
    home.environ |= {"BYKILT_VAULT": backend, "BYKILT_VAULT_URL": address, "VAULT_TOKEN": "x"}
    home.environ["BYKILT_VAULT_TIMEOUT_S"] = "0.5"
    for name, value in aws_variables(address).items():
        monkeypatch.setenv(name, value)
    return home


@pytest.mark.parametrize("backend", ["hashicorp", "aws"])
@pytest.mark.parametrize("how", ["closed", "silent"])
async def test_a_server_that_is_down_is_an_error_within_the_deadline(
    home_elsewhere: VaultHome, backend: str, how: str, silent_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the environment is not asked instead, unless that was allowed."""
    address = silent_address if how == "silent" else f"http://127.0.0.1:{free_port()}"
    home = down(home_elsewhere, backend, address, monkeypatch)
    home.environ["API_KEY"] = "sk-env"

    begun_s = time.monotonic()
    with pytest.raises(BackendUnavailable) as unavailable:
        await home.vault().get_secret("api", fallback_env_var="API_KEY")
    assert time.monotonic() - begun_s < 5
    assert unavailable.value.hint

    home.environ["BYKILT_VAULT_FALLBACK"] = "on"
    assert await home.vault().get_secret("api", fallback_env_var="API_KEY") == "sk-env"
    outcomes = [(line.what, line.outcome) for line in home.vault().ledger.since(None)]
    assert outcomes == [("api", "failed"), ("api", "failed"), ("api", "allowed")]


@pytest.fixture
def home_elsewhere(hashicorp_home: VaultHome) -> VaultHome:
    return hashicorp_home


async def test_aws_stages_move_with_each_version(aws_home: VaultHome) -> None:
    """What AWS's own rotation knows: the current and the previous version."""
    import boto3

    for value in ("1", "2"):
        await aws_home.vault().set_secret("a", value)
    client = boto3.client("secretsmanager")
    name = f"{aws_home.environ['BYKILT_VAULT_PATH']}/a"
    previous = client.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"]
    client.close()
    assert '"value":"1"' in previous


async def test_the_environment_is_read_and_never_written(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = VaultHome.at(tmp_path_factory.mktemp("home"), BYKILT_VAULT="env", BYKILT_SECRET_SHOP_PASSWORD="s3cret")
    vault = home.vault()
    assert await vault.list_keys() == ["shop_password"]
    assert await vault.get_secret("shop.password") == "s3cret"
    assert await vault.get_secret("shop_password") == "s3cret"
    assert (await vault.get_metadata("shop_password"))["access_count"] == 1
    with pytest.raises(SecretNotFound):
        await vault.fetch("other")
    for attempt in (vault.set_secret("a", "1"), vault.delete_secret("a"), vault.undelete_secret("a")):
        with pytest.raises(NotSupported):
            await attempt


def test_an_unknown_backend_is_a_setting_to_correct(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting) as unknown:
        VaultHome.at(tmp_path, BYKILT_VAULT="elsewhere").settings()
    assert "hashicorp" in unknown.value.hint
