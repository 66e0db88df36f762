"""How full a folder in memory is, from outside: on a real one, and past what a hostile program may put in the way."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from bykilt.browser.sandbox.room import Folder, used_up
from tests.support.small_disk import fill


def test_a_folder_counts_as_full_when_it_is(small_disk: Path) -> None:
    folder = Folder("tmp", small_disk)
    assert used_up(os.getpid(), [folder]) == {}

    fill(small_disk)

    assert used_up(os.getpid(), [folder]) == {"tmp": 1}


def test_a_folder_for_pages_is_full_where_chromium_refuses_more(small_disk: Path) -> None:
    """A quarter is in use, and then three quarters."""
    folder = Folder("home", small_disk, is_for_pages=True)
    assert used_up(os.getpid(), [folder]) == {}

    (small_disk / "stored").write_bytes(b"x" * (256 << 10))

    assert used_up(os.getpid(), [folder]) == {"home": 1}


def test_no_link_is_followed_on_the_way(small_disk: Path, tmp_path: Path) -> None:
    """A link in the sandbox would be followed on the host, wherever it leads."""
    fill(small_disk)
    (tmp_path / "link").symlink_to(small_disk)
    (tmp_path / "above").symlink_to(small_disk.parent)

    assert used_up(os.getpid(), [Folder("tmp", tmp_path / "link")]) == {}
    assert used_up(os.getpid(), [Folder("tmp", tmp_path / "above" / small_disk.name)]) == {}


def test_of_a_sandbox_that_has_ended_nothing_is_claimed() -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()

    assert used_up(ended.pid, [Folder("tmp", Path("/tmp"))]) == {}
