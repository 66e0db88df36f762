"""Each test of this folder runs once per backend: the file, a real OpenBao server, and moto's server for AWS."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from bykilt.security.vault_settings import BackendName
from tests.support.servers import ROOT_TOKEN, moto, openbao
from tests.support.vaults import VaultHome


@pytest.fixture(scope="session")
def openbao_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real OpenBao server."""
    with openbao(tmp_path_factory.mktemp("openbao")) as address:
        yield address


@pytest.fixture(scope="session")
def moto_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that answers as AWS does."""
    with moto(tmp_path_factory.mktemp("moto")) as address:
        yield address


@pytest.fixture
def hashicorp_home(tmp_path: Path, openbao_address: str) -> VaultHome:
    """A home whose secrets are in OpenBao, below a path of the test's own."""
    return VaultHome.at(
        tmp_path / "home",
        BYKILT_VAULT="hashicorp",
        BYKILT_VAULT_URL=openbao_address,
        BYKILT_VAULT_PATH=f"test/{secrets.token_hex(4)}",
        VAULT_TOKEN=ROOT_TOKEN,
    )


@pytest.fixture
def aws_home(tmp_path: Path, moto_address: str, monkeypatch: pytest.MonkeyPatch) -> VaultHome:
    """A home whose secrets are in AWS's place; boto3 reads its settings from the process's environment."""
    for name, value in aws_variables(moto_address).items():
        monkeypatch.setenv(name, value)
    return VaultHome.at(
        tmp_path / "home", BYKILT_VAULT="aws", BYKILT_VAULT_PATH=f"test/{secrets.token_hex(4)}", AWS_REGION="eu-west-1"
    )


def aws_variables(address: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": address,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture(params=[BackendName.FILE, BackendName.HASHICORP, BackendName.AWS], ids=str)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> VaultHome:
    """A home with one of the backends that can write."""
    if request.param is BackendName.FILE:
        return VaultHome.at(tmp_path / "home")
    found: VaultHome = request.getfixturevalue(f"{request.param}_home")
    return found
