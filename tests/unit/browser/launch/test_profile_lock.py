"""The lock on a profile that is kept: who may have it, and what is said to the others. No browser is started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bykilt.browser.launch.errors import ChromiumNotStarted
from bykilt.browser.launch.profile_lock import ProfileLock
from bykilt.errors import InvalidInput

HOLD = """
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(fd, fcntl.LOCK_SH)
print("held", flush=True)
sys.stdin.read()
"""
GONE_PID = 2**22 + 1  # above what the kernel ever gives


def test_a_profile_has_one_user_at_a_time(tmp_path: Path) -> None:
    """Contract: the second one is refused and told who has it; after the end of the first it is free."""
    first = ProfileLock.take(tmp_path)
    with pytest.raises(ChromiumNotStarted, match=rf"in use by process {os.getpid()} \("):
        ProfileLock.take(tmp_path)
    first.release()
    first.release()

    ProfileLock.take(tmp_path).release()


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    """Contract: the kernel lets go of it; nothing is left that would have to be removed by hand."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ChromiumNotStarted, match=rf"process {holder.pid} \("):
            ProfileLock.take(tmp_path)
        holder.kill()

    ProfileLock.take(tmp_path).release()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("mark", [f"sandbox-{os.getpid()}", f"{socket.gethostname()}-{GONE_PID}"])
def test_the_mark_of_a_browser_that_is_gone_is_removed(tmp_path: Path, mark: str) -> None:
    """Contract: a browser that was killed does not lock the profile for ever."""
    (tmp_path / "SingletonLock").symlink_to(mark)
    (tmp_path / "SingletonSocket").symlink_to("/tmp/nowhere")

    ProfileLock.take(tmp_path).release()

    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("mark", "who"),
    [(f"{socket.gethostname()}-{os.getpid()}", f"process {os.getpid()} of this machine"), ("far-7", "on 'far'")],
)
def test_a_browser_of_somebody_else_keeps_its_profile(tmp_path: Path, mark: str, who: str) -> None:
    """Contract: a browser that knows nothing of our lock is heeded as well."""
    (tmp_path / "SingletonLock").symlink_to(mark)

    with pytest.raises(ChromiumNotStarted, match=who):
        ProfileLock.take(tmp_path)

    assert os.listdir(tmp_path) == ["SingletonLock"]


def test_a_folder_with_other_files_is_no_profile(tmp_path: Path) -> None:
    """Contract: the browser may change everything in the folder, so a wrong one is not bound into its sandbox."""
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(InvalidInput, match=r"thesis\.txt"):
        ProfileLock.take(tmp_path)

    (tmp_path / "Local State").write_text("{}")
    ProfileLock.take(tmp_path).release()
