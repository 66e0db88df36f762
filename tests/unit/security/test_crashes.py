"""Many writers, killed writers, full disks, exchanged keys: the vault is the old one or the new one, and whole.

BYKILT_VAULT_KILLS makes the loops longer.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from bykilt.security.errors import NotSupported, VaultRolledBack, WrongMasterKey
from bykilt.storage.errors import DiskFull
from tests.support.small_disk import fill
from tests.support.vaults import VaultHome, line_of, new_key

KILLS = int(os.environ.get("BYKILT_VAULT_KILLS", "4"))

WRITER = """
import sys, anyio
from bykilt.security.secrets_vault import get_secrets_vault

async def main(name, count):
    vault = await get_secrets_vault()
    async with anyio.create_task_group() as tasks:
        for writer in range(2):
            tasks.start_soon(write, vault, f"{name}-{writer}", count)

async def write(vault, name, count):
    for number in range(count):
        await vault.set_secret(f"{name}.{number}", f"{name} {number}")
        print(f"{name}.{number}", flush=True)

anyio.run(main, sys.argv[1], int(sys.argv[2]))
"""


async def test_eight_writers_in_four_processes_lose_nothing(home: VaultHome) -> None:
    await home.vault().set_secret("before", "x")
    processes = [home.start(WRITER, f"p{number}", "10") for number in range(4)]
    written = []
    for process in processes:
        out, err = process.communicate(timeout=90)
        assert process.returncode == 0, err
        written += out.split()

    vault = home.vault()
    assert len(written) == 80
    assert set(await vault.list_keys()) == {"before", *written}
    assert [await vault.get_secret(name) for name in written] == [name.replace(".", " ") for name in written]
    assert home.keeper().report().generation == 81


async def test_a_writer_killed_at_any_moment_leaves_a_whole_vault(home: VaultHome) -> None:
    """What was reported is there; nothing is lost, and what is left over is cleaned up by the next writer."""
    await home.vault().set_secret("before", "x" * 20_000)
    reported: list[str] = []
    for kill in range(KILLS):
        process = home.start(WRITER, f"k{kill}", "200")
        for _ in range(3 + kill % 5):
            reported.append(line_of(process))
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate()
        reported += out.split()

        report = home.keeper().report()
        assert report.ledger_holds
        assert report.ledger_breaks == ()
    vault = home.vault()
    names = set(await vault.list_keys())
    assert set(reported) - names == set()
    await vault.set_secret("after", "x")
    assert [path.name for path in home.path.iterdir() if path.name.endswith(".new")] == []


async def test_what_a_killed_writer_left_is_removed(home: VaultHome) -> None:
    await home.vault().set_secret("a", "1")
    (home.path / ".secrets.vault.0123456789ab.new").write_bytes(b"half of it")
    await home.vault().set_secret("a", "2")
    assert not list(home.path.glob(".*.new"))


async def test_a_full_disk_leaves_the_vault_as_it_was(small_disk: Path) -> None:
    home = VaultHome.at(small_disk)
    await home.vault().set_secret("a", "1" * 20_000)
    before = home.file.read_bytes()
    await home.vault().get_secret("a")
    fill(small_disk)
    (small_disk / "filler").write_bytes((small_disk / "filler").read_bytes()[: -16 * 1024])  # room for the ledger

    with pytest.raises(DiskFull):
        await home.vault().set_secret("b", "2" * 40_000)

    assert home.file.read_bytes() == before
    (small_disk / "filler").unlink()
    assert await home.vault().get_secret("a") == "1" * 20_000
    assert await home.vault().list_keys() == ["a"]
    assert await home.vault().set_secret("b", "2" * 40_000) == 1


READER = """
import sys, anyio
from bykilt.security.secrets_vault import get_secrets_vault

async def main():
    vault = await get_secrets_vault()
    reads = 0
    while True:
        assert await vault.get_secret("a") == "1"
        reads += 1
        print(reads, flush=True)

anyio.run(main)
"""


async def test_readers_go_on_while_the_key_is_rotated(home: VaultHome) -> None:
    await home.vault().set_secret("a", "1")
    readers = [home.start(READER) for _ in range(2)]
    for reader in readers:
        line_of(reader)
    ids = set()
    for _ in range(6):
        old, new = home.keeper().rotate()
        ids |= {old, new}
        for reader in readers:
            for _ in range(30):
                assert line_of(reader)
    for reader in readers:
        assert reader.poll() is None
        reader.kill()
        reader.communicate()
    assert len(ids) == 7


async def test_after_a_rotation_the_old_key_opens_nothing(home: VaultHome) -> None:
    await home.vault().set_secret("a", "1")
    old_key = home.key_file.read_text()
    home.keeper().rotate()
    assert len(home.key_file.read_text().split()) == 1
    assert await home.vault().get_secret("a") == "1"

    home.key_file.write_text(old_key)
    with pytest.raises(WrongMasterKey):
        await home.vault().get_secret("a")


async def test_a_key_in_the_environment_is_rotated_when_both_are_there(home: VaultHome) -> None:
    old, new = new_key(), new_key()
    home.environ["VAULT_MASTER_KEY"] = old
    await home.vault().set_secret("a", "1")
    with pytest.raises(NotSupported):
        home.keeper().rotate()

    home.environ["VAULT_MASTER_KEY"] = f"{new},{old}"
    home.keeper().rotate()
    home.environ["VAULT_MASTER_KEY"] = new
    assert await home.vault().get_secret("a") == "1"


ROTATOR = """
from bykilt.security.opening import make_keeper
from bykilt.security.vault_settings import VaultSettings
print("begun", flush=True)
for _ in range(200):
    make_keeper(VaultSettings.from_environment(), via="test", notify=lambda text: None).rotate()
    print("rotated", flush=True)
"""


async def test_a_rotation_killed_at_any_moment_leaves_a_vault_that_opens(home: VaultHome) -> None:
    await home.vault().set_secret("a", "1")
    for kill in range(KILLS):
        process = home.start(ROTATOR)
        for _ in range(2 + kill % 4):
            line_of(process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert await home.vault().get_secret("a") == "1"
    home.keeper().rotate()
    assert len(home.key_file.read_text().split()) == 1


REKEYER = """
import itertools
from bykilt.security.key_sources import KeyPlace
from bykilt.security.opening import make_keeper
from bykilt.security.vault_settings import VaultSettings
for place in itertools.islice(itertools.cycle([KeyPlace.PASSPHRASE, KeyPlace.FILE]), 200):
    make_keeper(VaultSettings.from_environment(), via="test", notify=lambda text: None).rekey(place)
    print("moved", flush=True)
"""


async def test_a_key_that_is_moved_when_its_mover_is_killed_is_in_one_place_or_the_other(home: VaultHome) -> None:
    (home.path / "passphrase").write_text("correct horse")
    (home.path / "passphrase").chmod(0o600)
    home.environ["BYKILT_VAULT_PASSPHRASE_FILE"] = str(home.path / "passphrase")
    await home.vault().set_secret("a", "1")
    for kill in range(KILLS):
        process = home.start(REKEYER)
        for _ in range(1 + kill % 3):
            line_of(process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert await home.vault().get_secret("a") == "1"


async def test_an_older_file_that_is_put_back_is_noticed(home: VaultHome) -> None:
    """One secret cannot be set back, since all are in one token; and neither can the whole file."""
    vault = home.vault()
    await vault.set_secret("a", "old")
    older = home.file.read_bytes()
    await vault.set_secret("a", "new")

    home.file.write_bytes(older)

    for attempt in (home.vault().get_secret("a"), home.vault().set_secret("a", "3"), vault.get_secret("a")):
        with pytest.raises(VaultRolledBack) as noticed:
            await attempt
    assert "generation 1" in noticed.value.message


async def test_a_ledger_that_was_cut_is_remembered_by_the_vault(home: VaultHome) -> None:
    """The next write does not hide it."""
    vault = home.vault()
    await vault.set_secret("a", "1")
    await vault.get_secret("a")
    await vault.set_secret("a", "2")
    ledger = home.path / "audit" / "ledger-000001.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:2]))

    assert not home.keeper().report().ledger_holds
    await home.vault().set_secret("a", "3")
    report = home.keeper().report()
    assert report.ledger_holds
    assert [each.seq for each in report.ledger_breaks] == [4]


async def test_a_backup_is_restored_onto_a_fresh_machine(home: VaultHome, tmp_path: Path) -> None:
    await home.vault().set_secret("a", "1")
    home.keeper().backup(tmp_path / "vault.backup")
    home.keeper().write_key(tmp_path / "vault.key")
    assert (tmp_path / "vault.backup").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "vault.key").stat().st_mode & 0o777 == 0o600

    fresh = VaultHome.at(tmp_path / "fresh")
    fresh.keeper().restore(tmp_path / "vault.backup", tmp_path / "vault.key")
    assert await fresh.vault().get_secret("a") == "1"
    assert fresh.keeper().report().ledger_holds


async def test_a_backup_is_restored_over_a_damaged_and_over_a_newer_vault(home: VaultHome, tmp_path: Path) -> None:
    await home.vault().set_secret("a", "old")
    home.keeper().backup(tmp_path / "vault.backup")
    for _ in range(3):
        await home.vault().set_secret("a", "new")

    home.keeper().restore(tmp_path / "vault.backup", None)
    assert await home.vault().get_secret("a") == "old"
    home.file.write_bytes(b"damaged")
    home.keeper().restore(tmp_path / "vault.backup", None)
    assert await home.vault().get_secret("a") == "old"
    assert home.keeper().report().generation == 6


async def test_a_file_of_the_older_format_is_read_and_written_in_this_one(home: VaultHome) -> None:
    vectors = Path(__file__).parent / "vectors"
    home.environ["VAULT_MASTER_KEY"] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    home.file.write_bytes((vectors / "format-0.vault").read_bytes())
    home.file.chmod(0o600)

    assert await home.vault().get_secret("openai_api_key") == "sk-old"
    await home.vault().set_secret("b", "2")

    assert home.file.read_bytes().startswith(b'{"format":"bykilt-vault","version":1,')
    assert await home.vault().get_secret("openai_api_key") == "sk-old"


async def test_a_read_does_not_wait_for_a_writer_to_count_it(home: VaultHome) -> None:
    """More reads than may lie behind the vault, while somebody holds its lock: they are given, and counted later."""
    vault = home.vault()
    await vault.set_secret("a", "1")
    holder = home.start(HOLDER)
    assert line_of(holder) == "locked"
    vault.backend.file._lock_timeout_s = 0.1  # type: ignore[attr-defined]
    for _ in range(3100):
        assert await vault.get_secret("a") == "1"
    before = home.file.stat()
    holder.kill()
    holder.communicate()
    for _ in range(600):
        await vault.get_secret("a")
    assert home.file.stat() != before
    assert (await home.vault().get_metadata("a"))["access_count"] == 3700


HOLDER = """
from bykilt.security.opening import make_keeper
from bykilt.security.vault_settings import VaultSettings
with make_keeper(VaultSettings.from_environment(), via="test", notify=print).file.locked():
    print("locked", flush=True)
    input()
"""
