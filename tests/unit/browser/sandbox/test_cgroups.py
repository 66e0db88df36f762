"""Limits by control groups: where they are, what is written, what is left. On this kernel, and on made-up ones."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bykilt.browser.sandbox.cgroups import (
    Ceilings,
    ControlGroup,
    Hierarchy,
    group_name,
    make_folder,
    make_group,
    remove_orphans,
)
from bykilt.browser.sandbox.process_facts import start_ticks

# Each child starts the next one and ends, so that no list of processes is ever true; stops by itself.
_RUNAWAY = "n=0; while [ $n -lt 2000 ]; do n=$((n + 1)); (sleep 20 &) ; done; sleep 20"
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
    _group(tmp_path, is_root=True)

    group = make_group("bykilt-1-2-ab", CEILINGS, Hierarchy({}, tmp_path))

    folder = tmp_path / "bykilt-1-2-ab"
    assert group.missing == {}
    assert group.paths == [str(folder)]
    assert (folder / "memory.max").read_text() == str(1 << 30)
    assert (folder / "pids.max").read_text() == "400"
    assert (folder / "cpu.max").read_text() == "150000 100000"


def _group(folder: Path, controllers: str = "cpu memory pids", *, is_root: bool = False) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "cgroup.controllers").write_text(f"{controllers}\n")
    (folder / "cgroup.subtree_control").write_text("\n")
    if not is_root:
        (folder / "cgroup.type").write_text("domain\n")
    return folder


def test_in_version_2_the_sandbox_is_beside_us(tmp_path: Path) -> None:
    """A group with processes, such as ours, can have no children with limits."""
    own = _group(_group(tmp_path) / "own")

    group = make_group("bykilt-1-2-ab", CEILINGS, Hierarchy({}, own))

    assert group.missing == {}
    assert group.paths == [str(tmp_path / "bykilt-1-2-ab")]
    assert (own / "cgroup.subtree_control").read_text() == "\n"


def test_in_version_2_no_limit_of_our_own_is_left_behind(tmp_path: Path) -> None:
    """What limits us would not limit a sandbox beside us, so there is none."""
    own = _group(_group(tmp_path) / "own")
    (own / "memory.max").write_text("1073741824\n")
    (own / "pids.max").write_text("max\n")
    (own / "cpu.max").write_text("max 100000\n")

    group = make_group("bykilt-1-2-ab", CEILINGS, Hierarchy({}, own))

    assert group.missing == {"memory": "our own group sets a limit, which the browser would leave"}


def test_in_version_2_a_group_with_nothing_above_it_has_no_sandbox(tmp_path: Path) -> None:
    """As in a container, which sees its own group as the uppermost one."""
    own = _group(tmp_path / "own")

    group = make_group("bykilt-1-2-ab", CEILINGS, Hierarchy({}, own))

    assert set(group.missing.values()) == {"our own group has processes, and the one above it is not in sight"}


@pytest.fixture
def unified(here: Hierarchy) -> Iterator[Path | None]:
    """A group of version 2 in the kernel itself, with one below it for us; None where there can be none.

    Which controllers it has is the machine's affair; where version 1 has taken all that matter, some other one.
    """
    root = here.unified
    if root is None or not os.access(root / "cgroup.subtree_control", os.W_OK) or (root / "cgroup.type").exists():
        yield None
        return
    before = (root / "cgroup.subtree_control").read_text().split()
    more = [name for name in (root / "cgroup.controllers").read_text().split() if name not in before]
    (root / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in more))
    above = root / group_name(os.getpid(), start_ticks(os.getpid()), "unified")
    (above / "own").mkdir(parents=True)
    yield above / "own"
    (above / "own").rmdir()
    above.rmdir()
    # Another test may be using them by then.
    with suppress(OSError):
        (root / "cgroup.subtree_control").write_text(" ".join(f"-{name}" for name in more))


def test_a_group_of_version_2_is_made_joined_killed_and_removed_by_the_kernel(unified: Path | None) -> None:
    """With a real process in our own group, with which the kernel refuses children; and one that forks as it dies."""
    if unified is None:
        return
    controller = (unified.parent / "cgroup.controllers").read_text().split()[0]
    with subprocess.Popen(["sleep", "30"]) as ours, subprocess.Popen(["/bin/sh", "-c", _RUNAWAY]) as runaway:
        (unified / "cgroup.procs").write_text(str(ours.pid))

        folder = make_folder(controller, "sandbox", Hierarchy({}, unified))

        with pytest.raises(OSError, match="busy"):
            (unified / "cgroup.subtree_control").write_text(f"+{controller}")
        assert folder == unified.parent / "sandbox"
        assert [each.name for each in folder.glob(f"{controller}.*")]
        (folder / "cgroup.procs").write_text(str(runaway.pid))
        group = ControlGroup({controller: folder}, is_unified=True)
        assert runaway.pid in group.members()
        assert group.remove() == []
        assert not folder.exists()
        assert runaway.wait() == -signal.SIGKILL
        assert ours.poll() is None
        ours.kill()
    (unified.parent / "cgroup.subtree_control").write_text(f"-{controller}")


def test_what_is_not_delegated_is_named(tmp_path: Path) -> None:
    _group(tmp_path, "pids", is_root=True)

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
