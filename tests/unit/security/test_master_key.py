"""Where the master key comes from, in which order, and what is said when it is not right."""

from __future__ import annotations

import pickle
from pathlib import Path

import keyring
import pytest

from bykilt.security.errors import (
    InvalidMasterKey,
    KeyFileExposed,
    NoMasterKey,
    NotOurFile,
    VaultDamaged,
    VaultLocked,
    VaultMissing,
    WrongMasterKey,
)
from bykilt.security.key_sources import KeyPlace
from bykilt.security.master_key import MasterKey
from tests.support.vaults import VaultHome, new_key


async def test_without_a_key_one_is_made_and_said_where(home: VaultHome) -> None:
    await home.vault().set_secret("a", "1")

    assert home.key_file.stat().st_mode & 0o777 == 0o600
    assert len(home.notes) == 1
    assert str(home.key_file) in home.notes[0]
    assert "backup" in home.notes[0]
    assert home.key_file.read_text().strip() not in home.notes[0]
    assert await home.vault().get_secret("a") == "1"


async def test_the_key_in_the_environment_goes_before_all_others(home: VaultHome) -> None:
    home.environ["VAULT_MASTER_KEY"] = new_key()
    await home.vault().set_secret("a", "1")

    assert not home.key_file.exists()
    assert home.notes == []
    assert await home.vault().get_secret("a") == "1"


async def test_a_credential_of_systemd_goes_before_the_key_file(home: VaultHome, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "bykilt-vault-key").write_text(new_key())
    (credentials / "bykilt-vault-key").chmod(0o440)
    home.environ["CREDENTIALS_DIRECTORY"] = str(credentials)
    home.key_file.write_text(new_key())
    home.key_file.chmod(0o600)

    await home.vault().set_secret("a", "1")

    assert home.keeper().report().key_source == str(credentials / "bykilt-vault-key")


async def test_a_key_file_may_be_named_and_must_then_be_there(home: VaultHome, tmp_path: Path) -> None:
    named = tmp_path / "keys" / "the.key"
    home.environ["BYKILT_VAULT_KEY_FILE"] = str(named)
    with pytest.raises(InvalidMasterKey):
        await home.vault().set_secret("a", "1")

    named.parent.mkdir()
    named.write_text(f"# the key of the vault\n{new_key()}\n")
    named.chmod(0o600)
    await home.vault().set_secret("a", "1")
    assert await home.vault().get_secret("a") == "1"


async def test_a_keyring_holds_the_key_where_there_is_one(home: VaultHome, own_keyring: Path) -> None:
    """A keyring of the test's own, found by the library as any other is."""
    del home.environ["BYKILT_VAULT_KEYRING"]
    await home.vault().set_secret("a", "1")

    assert not home.key_file.exists()
    assert keyring.get_password("bykilt vault", str(home.path))
    assert "the keyring" in home.notes[0]
    assert await home.vault().get_secret("a") == "1"


async def test_the_key_moves_from_place_to_place(home: VaultHome, own_keyring: Path) -> None:
    """To the keyring, to a file, to a passphrase, and back; each time with a fresh key and none left behind."""
    del home.environ["BYKILT_VAULT_KEYRING"]
    (home.path / "passphrase").write_text("correct horse\n")
    (home.path / "passphrase").chmod(0o600)
    home.environ["BYKILT_VAULT_PASSPHRASE_FILE"] = str(home.path / "passphrase")
    await home.vault().set_secret("a", "1")
    ids = {home.keeper().report().key_id}
    for place in (KeyPlace.FILE, KeyPlace.PASSPHRASE, KeyPlace.KEYRING, KeyPlace.PASSPHRASE, KeyPlace.FILE):
        home.keeper().rekey(place)
        ids.add(home.keeper().report().key_id)
        assert home.key_file.exists() == (place is KeyPlace.FILE)
        assert (keyring.get_password("bykilt vault", str(home.path)) is not None) == (place is KeyPlace.KEYRING)
        assert await home.vault().get_secret("a") == "1"
    assert len(ids) == 6


async def test_a_wrong_passphrase_is_a_wrong_key(home: VaultHome) -> None:
    phrase = home.path / "passphrase"
    phrase.write_text("correct horse\n")
    phrase.chmod(0o600)
    home.environ["BYKILT_VAULT_PASSPHRASE_FILE"] = str(phrase)
    await home.vault().set_secret("a", "1")
    home.keeper().rekey(KeyPlace.PASSPHRASE)

    phrase.write_text("battery staple\n")
    with pytest.raises(WrongMasterKey):
        await home.vault().get_secret("a")
    del home.environ["BYKILT_VAULT_PASSPHRASE_FILE"]
    with pytest.raises(NoMasterKey) as nobody:
        await home.vault().get_secret("a")
    assert "a passphrase" in nobody.value.message


async def test_a_wrong_key_is_an_error_and_no_other_place_is_tried(home: VaultHome) -> None:
    """Never a silent fallback: the right key is in the file, and the environment goes first."""
    await home.vault().set_secret("a", "1")
    home.environ["VAULT_MASTER_KEY"] = new_key()
    before = home.file.read_bytes()

    vault = home.vault()
    for attempt in (vault.get_secret("a"), vault.set_secret("a", "2"), vault.list_keys(), vault.get_metadata("a")):
        with pytest.raises(WrongMasterKey) as wrong:
            await attempt
    assert "VAULT_MASTER_KEY" in wrong.value.message
    assert wrong.value.hint
    assert home.file.read_bytes() == before


async def test_a_lost_key_is_not_replaced_by_a_fresh_one(home: VaultHome) -> None:
    await home.vault().set_secret("a", "1")
    home.key_file.unlink()

    for attempt in (home.vault().get_secret("a"), home.vault().set_secret("a", "2")):
        with pytest.raises(NoMasterKey) as lost:
            await attempt
    assert str(home.key_file) in lost.value.message
    assert not home.key_file.exists()


async def test_wrong_key_damage_absence_and_a_lock_are_four_errors_with_four_codes(home: VaultHome) -> None:
    await home.vault().set_secret("a", "1")
    good = home.file.read_bytes()
    seen = {}

    home.environ["VAULT_MASTER_KEY"] = new_key()
    with pytest.raises(WrongMasterKey) as wrong:
        home.keeper().report()
    seen[wrong.value.code] = wrong.value.exit_code
    del home.environ["VAULT_MASTER_KEY"]

    home.file.write_bytes(good[:-50])
    with pytest.raises(VaultDamaged) as damaged:
        home.keeper().report()
    seen[damaged.value.code] = damaged.value.exit_code

    home.file.unlink()
    with pytest.raises(VaultMissing) as missing:
        home.keeper().report()
    seen[missing.value.code] = missing.value.exit_code

    home.file.write_bytes(good)
    home.file.chmod(0o600)
    holder = home.start(HOLDER)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    vault = home.vault()
    vault.backend.file._lock_timeout_s = 0.1  # type: ignore[attr-defined]
    with pytest.raises(VaultLocked) as locked:
        await vault.set_secret("a", "2")
    assert await vault.get_secret("a") == "1"  # readers need no lock
    holder.kill()
    holder.communicate()
    assert await home.vault().set_secret("a", "2") == 2

    assert len({*seen, locked.value.code}) == 4
    assert len(set(seen.values())) == 3
    assert all(error.value.hint for error in (wrong, damaged, missing, locked))


HOLDER = """
from bykilt.security.opening import make_keeper
from bykilt.security.vault_settings import VaultSettings
keeper = make_keeper(VaultSettings.from_environment(), via="test", notify=print)
with keeper.file.locked():
    print("locked", flush=True)
    input()
"""


@pytest.mark.parametrize("text", ["", "short", "x" * 44, "é" * 44, f"{'A' * 43}=,garbage"])
async def test_what_is_no_key_is_refused_without_being_repeated(home: VaultHome, text: str) -> None:
    home.key_file.write_text(text.replace(",", "\n"))
    home.key_file.chmod(0o600)
    with pytest.raises(InvalidMasterKey) as refused:
        await home.vault().set_secret("a", "1")
    assert not text or text not in refused.value.explain()
    assert not home.file.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
@pytest.mark.parametrize("name", ["vault.key", "secrets.vault"])
async def test_a_file_that_others_may_read_is_refused(home: VaultHome, name: str, mode: int) -> None:
    await home.vault().set_secret("a", "1")
    (home.path / name).chmod(mode)

    with pytest.raises(KeyFileExposed) as exposed:
        await home.vault().get_secret("a")
    assert f"{mode:04o}" in exposed.value.message
    assert "chmod 600" in exposed.value.hint


async def test_a_folder_that_others_may_write_to_is_refused(home: VaultHome) -> None:
    home.path.chmod(0o777)
    with pytest.raises(KeyFileExposed):
        await home.vault().set_secret("a", "1")


async def test_files_and_folder_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    home = VaultHome.at(tmp_path / "fresh")
    await home.vault().set_secret("a", "1")
    modes = {path.name: path.stat().st_mode & 0o777 for path in [home.path, *home.path.rglob("*")]}
    folders = {"fresh", "audit"}
    assert {name: mode for name, mode in modes.items() if mode != (0o700 if name in folders else 0o600)} == {}


async def test_a_link_in_the_vaults_place_is_refused(home: VaultHome, tmp_path: Path) -> None:
    await home.vault().set_secret("a", "1")
    home.file.rename(tmp_path / "elsewhere")
    home.file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotOurFile):
        await home.vault().get_secret("a")


def test_a_key_is_neither_printed_nor_pickled() -> None:
    key = MasterKey.generate()
    assert key.text() not in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)
