"""Files that are the old or the new one, never half of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bykilt.storage.atomic_file import make_private_dir, open_atomic, write_atomic
from bykilt.storage.errors import DiskFull, NotWritable, StorageError
from tests.support.small_disk import fill


def test_a_file_is_made_and_replaced_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_atomic(path, b"old")
    write_atomic(path, b"new")

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["result.json"]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_atomic(path, b"old")

    def write_half() -> None:
        with open_atomic(path) as file:
            file.write(b"half of the ne")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["result.json"]


def test_a_full_disk_leaves_the_old_file_and_says_so(small_disk: Path) -> None:
    path = small_disk / "result.json"
    write_atomic(path, b"old")
    fill(small_disk)

    with pytest.raises(DiskFull) as full:
        write_atomic(path, b"n" * 100_000)

    assert str(path) in full.value.message
    assert full.value.hint
    assert path.read_bytes() == b"old"
    assert sorted(os.listdir(small_disk)) == ["ballast", "filler", "result.json"]


def test_a_folder_that_is_not_there_is_an_error_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "result.json"

    with pytest.raises(StorageError) as missing:
        write_atomic(path, b"x")

    assert str(path) in missing.value.message


def test_a_very_long_name_still_fits(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250 + ".json")

    write_atomic(path, b"x")

    assert path.read_bytes() == b"x"


WRITER = """
import json, sys
from pathlib import Path
from bykilt.storage.atomic_file import write_atomic

number = 0
while True:
    number += 1
    write_atomic(Path(sys.argv[1]), json.dumps([number] * 5000).encode())
    print(number, flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    """Contract: old or new after kill -9, five times at five moments."""
    path = tmp_path / "result.json"
    for kills in range(1, 6):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(kills * 3):
                reported = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)

        content = json.loads(path.read_bytes())
        assert len(content) == 5000
        assert len(set(content)) == 1
        assert content[0] >= reported


def test_folders_are_made_for_their_owner_alone_with_their_parents(tmp_path: Path) -> None:
    make_private_dir(tmp_path / "a" / "b")
    make_private_dir(tmp_path / "a" / "b")

    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_file_where_a_folder_should_be_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")

    for wanted in (tmp_path / "home", tmp_path / "home" / "runs"):
        with pytest.raises(NotWritable) as refused:
            make_private_dir(wanted)
        assert str(wanted) in refused.value.message
