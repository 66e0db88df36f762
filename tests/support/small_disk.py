"""A disk of 512 KiB that is full soon: a real tmpfs, mounted for one test.

Knows how to get one as root, as a user in a user namespace, or with sudo. Knows nothing of what is stored.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

SIZE_KIB = 512
BALLAST_KIB = 128


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with 384 KiB of room; delete `ballast` in it for 128 KiB more."""
    if not may_mount():
        yield tmp_path  # the test itself runs in a child, see `run_where_mounting_is_allowed`
        return
    with _mounted(tmp_path / "disk") as folder:
        (folder / "ballast").write_bytes(b"b" * BALLAST_KIB * 1024)
        yield folder


@cache
def may_mount() -> bool:
    """Whether this process can mount a file system: as root, or by sudo without a password."""
    if os.geteuid() == 0:
        return True
    return shutil.which("sudo") is not None and subprocess.run(["sudo", "-n", "true"], check=False).returncode == 0


def run_where_mounting_is_allowed(item: pytest.Function) -> bool | None:
    """Run a test that needs a small disk as root of a user namespace, when we may not mount; None for all others.

    The mount is seen only inside that namespace, so the whole test has to run there.
    """
    if "small_disk" not in item.fixturenames or may_mount():
        return None
    inside = ["unshare", "--user", "--map-root-user", "--mount"]
    # Its own folder for temporary files: the usual one belongs to another user, as the child sees it.
    folder = Path(str(item.funcargs["tmp_path"])) / "inside"
    options = ["-q", "-p", "no:cacheprovider", f"--basetemp={folder}"]
    command = [*inside, sys.executable, "-m", "pytest", *options, item.nodeid]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=item.config.rootpath)
    if done.returncode != 0:
        pytest.fail(
            f"in a user namespace: {done.stdout}{done.stderr}\n"
            "run the tests as root, with passwordless sudo, or where user namespaces are allowed"
        )
    return True


def fill(folder: Path) -> None:
    """Take what room is left on the disk of `folder`, to the last block."""
    block = b"f" * 4096
    try:
        with (folder / "filler").open("ab", buffering=0) as file:
            while True:
                file.write(block)
    except OSError:
        pass


@contextmanager
def _mounted(point: Path) -> Iterator[Path]:
    point.mkdir()
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    options = f"size={SIZE_KIB}k,mode=0700,uid={os.getuid()},gid={os.getgid()}"
    subprocess.run([*sudo, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(point)], check=True)
    try:
        yield point
    finally:
        subprocess.run([*sudo, "umount", "--lazy", str(point)], check=True)
