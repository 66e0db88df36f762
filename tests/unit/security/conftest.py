"""A home for a vault, and a small disk."""

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest

from tests.support.file_keyring import FILE_VARIABLE, FileKeyring
from tests.support.small_disk import small_disk as small_disk
from tests.support.vaults import VaultHome


@pytest.fixture
def home(tmp_path: Path) -> Iterator[VaultHome]:
    """A home without a vault, made private as bykilt makes it."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    home = VaultHome.at(folder)
    yield home
    home.kill_left()


@pytest.fixture
def own_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of a keyring that is this process's keyring for one test."""
    file = tmp_path / "keyring.json"
    file.write_text("{}")
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    before = keyring.get_keyring()
    keyring.set_keyring(FileKeyring())  # type: ignore[no-untyped-call]
    yield file
    keyring.set_keyring(before)
