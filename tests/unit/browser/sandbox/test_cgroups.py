"""Limits by control groups: where they are, what is written, what is left. On this kernel, and on made-up ones."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bykilt.browser.sandbox.cgroups import Ceilings, Hierarchy, group_name, make_group, remove_orphans
from bykilt.browser.sandbox.process_facts import start_ticks

CEILINGS = Ceilings(memory_bytes=1 << 30, processes=400, cpus=1.5)
V1_MOUNTS = """\
30 20 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
31 20 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
32 20 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct
33 20 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""
V1_GROUPS = "4:memory:/a/b\n3:pids:/a\n2:cpu,cpuacct:/\n0::/\n"


def test_the_folders_of_version_1_are_found() -> None:
    found = Hierarchy.parse(V1_MOUNTS, V1_GROUPS)

    assert found.v1["memory"] == Path("/sys/fs/cgroup/memory/a/b")
    assert found.v1["cpu"] == Path("/sys/fs/cgroup/cpu")
    assert found.unified == Path("/sys/fs/cgroup/unified")


def test_the_folder_of_version_2_is_found() -> None:
    mounts = "25 20 0:22 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"

    found = Hierarchy.parse(mounts, "0::/user.slice/user-1000.slice\n")

    assert found.v1 == {}
    assert found.unified == Path("/sys/fs/cgroup/user.slice/user-1000.slice")


def test_in_a_container_the_mount_begins_at_its_own_group() -> None:
    mounts = "25 20 0:22 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"

    found = Hierarchy.parse(mounts, "5:memory:/docker/abc\n")

    assert found.v1["memory"] == Path("/sys/fs/cgroup/memory")


def test_the_limits_of_version_2_are_written_where_they_belong(tmp_path: Path) -> None:
    """The files are ordinary ones: only their names and contents are shown, not what a kernel does with them."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")

    group = make_group("bykilt-1-2-ab", CEILINGS, Hierarchy({}, tmp_path))

    folder = tmp_path / "bykilt-1-2-ab"
    assert group.missing == {}
    assert group.paths == [str(folder)]
    assert (folder / "memory.max").read_text() == str(1 << 30)
    assert (folder / "pids.max").read_text() == "400"
    assert (folder / "cpu.max").read_text() == "150000 100000"


def test_what_is_not_delegated_is_named(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("pids\n")

    group = make_group("bykilt-1-2-ab", CEILINGS, Hierarchy({}, tmp_path))

    assert set(group.missing) == {"memory", "cpu"}
    assert all(group.missing.values())
    assert set(make_group("bykilt-1-2-cd", CEILINGS, Hierarchy({})).missing) == {"memory", "pids", "cpu"}


@pytest.fixture
def here() -> Hierarchy:
    """The hierarchy of this machine."""
    return Hierarchy.of_this_process()


def test_a_group_of_this_machine_holds_and_goes(here: Hierarchy) -> None:
    """The kernel counts who is in it; whoever may make no group is told so."""
    group = make_group(group_name(os.getpid(), start_ticks(os.getpid()), "test"), CEILINGS, here)
    if all(os.access(folder, os.W_OK) for folder in here.folders()):
        assert group.missing.keys() <= {"memory", "pids", "cpu"} - here.v1.keys()
    with subprocess.Popen(["sleep", "30"]) as member:
        for folder in group.paths:
            (Path(folder) / "cgroup.procs").write_text(str(member.pid))
        assert group.members() == ([member.pid] if group.paths else [])
        assert group.remove() == []
        member.kill()
    assert not any(Path(folder).exists() for folder in group.paths)


def test_only_the_groups_of_the_dead_are_removed(here: Hierarchy) -> None:
    living = make_group(group_name(os.getpid(), start_ticks(os.getpid()), "alive"), CEILINGS, here)
    with subprocess.Popen(["sleep", "30"]) as gone:
        ticks = start_ticks(gone.pid)
        gone.kill()
    dead = make_group(group_name(gone.pid, ticks, "dead"), CEILINGS, here)

    # Other tests' browsers are running beside: only this one owner may be taken for dead.
    removed = remove_orphans(lambda pid, _: pid != gone.pid, here)

    assert set(dead.paths) <= set(removed)
    assert all(Path(folder).exists() for folder in living.paths)
    assert living.remove() == []
