"""The folder of a run: safe names, listing, removal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.ids import RunId, new_run_id
from bykilt.storage.errors import StorageError, UnsafePath
from bykilt.storage.home import Home
from bykilt.storage.run_folder import Artifact, RunFolder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make()
    return home


@pytest.fixture
def folder(home: Home) -> RunFolder:
    folder = home.run_folder(new_run_id())
    folder.make()
    return folder


def test_a_run_folder_is_for_its_owner_alone(home: Home, folder: RunFolder) -> None:
    for path in (home.path, home.runs, home.owners, folder.path, folder.screenshots, folder.data):
        assert path.stat().st_mode & 0o777 == 0o700


def test_a_run_folder_is_made_once(folder: RunFolder) -> None:
    with pytest.raises(StorageError):
        folder.make()


@pytest.mark.parametrize("run_id", ["", "..", "../x", "a/b", "A", "a" * 65, ".removed-a", "-a", "a\0", "a\n"])
def test_what_is_no_run_id_names_no_folder(home: Home, run_id: str) -> None:
    with pytest.raises(UnsafePath):
        home.run_folder(RunId(run_id))


@pytest.mark.parametrize(
    "name", ["result.json", "data/orders.csv", "data/./orders.csv", "screenshots/結果.png", "a..b"]
)
def test_a_name_inside_the_folder_is_a_path(folder: RunFolder, name: str) -> None:
    assert folder.file(name).is_relative_to(folder.path)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "data/../../x", "/etc/passwd", "a\0b", "a\\..\\b", "data/.."])
def test_a_name_that_leads_out_is_refused(folder: RunFolder, name: str) -> None:
    with pytest.raises(UnsafePath):
        folder.file(name)


def test_a_link_that_leads_out_is_refused_and_not_listed(folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (folder.data / "link").symlink_to(tmp_path / "secret")
    (folder.path / "up").symlink_to(tmp_path)

    for name in ("data/link", "up/secret", "up"):
        with pytest.raises(UnsafePath):
            folder.file(name)
    assert folder.artifacts() == ()


@given(st.text(max_size=30))
def test_no_name_whatever_leads_out(name: str) -> None:
    folder = RunFolder(Path("/nowhere/runs/r"))
    try:
        path = folder.file(name)
    except UnsafePath:
        return
    assert path.is_relative_to("/nowhere/runs/r")
    assert path != folder.path


def test_files_are_listed_with_their_sizes(folder: RunFolder) -> None:
    folder.result.write_bytes(b"{}")
    (folder.data / "orders.csv").write_bytes(b"12345")
    (folder.path / "trace").mkdir()
    (folder.path / "trace" / "00001.jpeg").write_bytes(b"j")
    (folder.path / ".result.json.new").write_bytes(b"half")
    os.mkfifo(folder.path / "pipe")

    assert folder.artifacts() == (
        Artifact("data/orders.csv", 5),
        Artifact("result.json", 2),
        Artifact("trace/00001.jpeg", 1),
    )


def test_a_folder_that_is_not_there_has_no_files(home: Home) -> None:
    assert home.run_folder(RunId("gone")).artifacts() == ()


def test_removal_takes_everything_and_follows_no_link(folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep" / "file").write_text("k")
    (folder.data / "link").symlink_to(tmp_path / "keep")
    folder.result.write_text("{}")

    folder.remove()
    folder.remove()

    assert not folder.path.exists()
    assert (tmp_path / "keep" / "file").exists()


def test_a_removal_that_was_cut_off_is_found_and_finished(home: Home, folder: RunFolder) -> None:
    """A process was killed between hiding the folder and removing it."""
    folder.result.write_text("{}")
    run_id = RunId(folder.path.name)
    folder.path.rename(home.runs / f".removed-{run_id}")

    assert [found for found, _ in home.half_removed()] == [run_id]
    for _, hidden in home.half_removed():
        home.finish_removal(hidden)
        home.finish_removal(hidden)

    assert list(home.half_removed()) == []
    assert list(home.runs.iterdir()) == []
