"""What is sealed for other parts of bykilt, with keys from the vault's."""

from __future__ import annotations

from pathlib import Path

import pytest

from bykilt.security.errors import WrongMasterKey
from bykilt.security.master_key import MasterKey
from bykilt.security.opening import open_sealer
from bykilt.security.sealing import NoSealingKey, Sealer
from tests.support.vaults import VaultHome, new_key


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_what_was_sealed_opens_with_the_same_key_purpose_and_words() -> None:
    key = MasterKey.generate()
    sealer = Sealer(key, "a")
    sealed = sealer.seal(b"plain", b"about")
    assert b"plain" not in sealed
    assert Sealer(key, "a").open(sealed, b"about") == b"plain"
    assert sealer.open(sealed, b"other") is None
    assert Sealer(key, "b").open(sealed, b"about") is None
    assert Sealer(MasterKey.generate(), "a").open(sealed, b"about") is None
    assert sealer.open(b"", b"about") is None
    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        assert sealer.open(changed, b"about") is None


def test_marks_are_stable_and_each_purpose_has_its_own() -> None:
    key = MasterKey.generate()
    assert Sealer(key, "a").mark(b"x") == Sealer(key, "a").mark(b"x")
    assert len({Sealer(key, "a").mark(b"x"), Sealer(key, "b").mark(b"x"), Sealer(key, "a").mark(b"y")}) == 3


def test_without_a_key_nothing_is_sealed_and_none_is_made(tmp_path: Path) -> None:
    home = VaultHome.at(tmp_path)
    with pytest.raises(NoSealingKey, match="an answer is kept encrypted"):
        open_sealer(home.settings(), "a", what="an answer")
    assert not home.key_file.exists()
    elsewhere = VaultHome.at(tmp_path, BYKILT_VAULT="env", VAULT_MASTER_KEY=new_key())
    with pytest.raises(NoSealingKey) as told:
        open_sealer(elsewhere.settings(), "a", what="an answer")
    assert "BYKILT_VAULT=file" in told.value.hint


async def test_the_vaults_own_key_seals(tmp_path: Path) -> None:
    home = VaultHome.at(tmp_path)
    await home.vault().set_secret("a", "value")
    sealed = open_sealer(home.settings(), "a", what="it").seal(b"plain", b"")
    assert open_sealer(home.settings(), "a", what="it").open(sealed, b"") == b"plain"
    wrong = VaultHome.at(tmp_path, VAULT_MASTER_KEY=new_key())
    with pytest.raises(WrongMasterKey):
        open_sealer(wrong.settings(), "a", what="it")


def test_a_key_that_waits_for_its_vault_seals(tmp_path: Path) -> None:
    home = VaultHome.at(tmp_path, VAULT_MASTER_KEY=new_key())
    assert open_sealer(home.settings(), "a", what="it").mark(b"x")
