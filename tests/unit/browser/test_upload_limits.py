"""Which files may be uploaded at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from bykilt.browser.engine.errors import FileRejected
from bykilt.browser.engine.upload_files import UploadLimits, check_files
from bykilt.errors import InvalidInput


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files, and others beside it."""
    inside = tmp_path / "work"
    for path in (inside / "a.txt", inside / "sub" / "b.txt", inside / ".ssh" / "id", tmp_path / "work-2" / "c.txt"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content")
    (inside / "link.txt").symlink_to(tmp_path / "work-2" / "c.txt")
    return inside


def allowed(path: Path, *folders: Path, max_bytes: int | None = None) -> bool:
    try:
        check_files([str(path)], UploadLimits.of(folders, max_bytes))
    except FileRejected:
        return False
    return True


def test_the_refusal_names_the_file_and_the_way_out(folder: Path) -> None:
    with pytest.raises(FileRejected) as refused:
        check_files([str(folder / "a.txt")], UploadLimits(()))

    assert str(folder / "a.txt") in refused.value.message
    assert "--upload-folder" in refused.value.hint


def test_files_in_the_folder_and_below_may_be_uploaded(folder: Path) -> None:
    assert allowed(folder / "a.txt", folder)
    assert allowed(folder / "sub" / "b.txt", folder)
    assert allowed(folder / "sub" / ".." / "a.txt", folder)


def test_what_lies_outside_may_not_whatever_leads_there(folder: Path) -> None:
    assert not allowed(folder.parent / "work-2" / "c.txt", folder)
    assert not allowed(folder / ".." / "work-2" / "c.txt", folder)
    assert not allowed(folder / "link.txt", folder)
    assert not allowed(Path("/etc/passwd"), folder)
    assert not allowed(folder / "a.txt")


def test_hidden_folders_are_not_meant_unless_named(folder: Path) -> None:
    assert not allowed(folder / ".ssh" / "id", folder)
    assert allowed(folder / ".ssh" / "id", folder, folder / ".ssh")


def test_a_single_file_may_be_allowed(folder: Path) -> None:
    assert allowed(folder / "a.txt", folder / "a.txt")
    assert not allowed(folder / "sub" / "b.txt", folder / "a.txt")


def test_a_folder_that_is_a_link_stands_for_what_it_leads_to(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "short").symlink_to(folder)

    assert allowed(folder / "a.txt", tmp_path / "short")
    assert allowed(tmp_path / "short" / "a.txt", folder)


def test_a_file_may_be_too_large(folder: Path) -> None:
    assert allowed(folder / "a.txt", folder, max_bytes=7)
    assert not allowed(folder / "a.txt", folder, max_bytes=6)
    with pytest.raises(InvalidInput, match="upload_max_bytes"):
        UploadLimits.of(None, -1)


def test_without_folders_any_place_is_allowed(folder: Path) -> None:
    assert check_files([str(folder / ".ssh" / "id")], UploadLimits())[0].size == 7
