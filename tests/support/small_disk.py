"""A disk of 512 KiB that is full soon: a real tmpfs, mounted for one test.

Knows how to get one as root, as a user in a user namespace, or with sudo. Knows nothing of what is stored.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE_KIB = 512
BALLAST_KIB = 128


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with 384 KiB of room; delete `ballast` in it for 128 KiB more."""
    with _mounted(tmp_path / "disk") as folder:
        (folder / "ballast").write_bytes(b"b" * BALLAST_KIB * 1024)
        yield folder


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
    options = f"size={SIZE_KIB}k,mode=0700,uid={os.getuid()},gid={os.getgid()}"
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    mount = [*sudo, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(point)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError as missing:
        done = subprocess.CompletedProcess(mount, 127, "", str(missing))
    if done.returncode == 0:
        try:
            yield point
        finally:
            subprocess.run([*sudo, "umount", "--lazy", str(point)], check=True)
        return
    with _mounted_in_a_namespace(point, done.stderr.strip()) as folder:
        yield folder


@contextmanager
def _mounted_in_a_namespace(point: Path, earlier: str) -> Iterator[Path]:
    # The holder keeps the namespace alive until its input closes; its mounts are reached through /proc.
    script = f"mount -t tmpfs -o size={SIZE_KIB}k,mode=0700 tmpfs '{point}' && echo mounted && exec cat"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        said = holder.stdout.readline().strip()
        if said != "mounted":
            pytest.fail(
                f"a small disk could not be mounted: as it is: {earlier or 'refused'}; in a user namespace: {said}\n"
                "run the tests as root, with passwordless sudo, or where user namespaces are allowed"
            )
        yield Path(f"/proc/{holder.pid}/root{point}")
        holder.stdin.close()
