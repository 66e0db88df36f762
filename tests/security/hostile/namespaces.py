"""Probes: mounts and namespaces. Those of users, processes and networks are Chromium's own sandbox, and allowed."""

from __future__ import annotations

import os
from contextlib import suppress

from tests.security.hostile.frame import World, probe
from tests.security.hostile.system_calls import (
    HIGH_BIT,
    NEWCGROUP,
    NEWIPC,
    NEWNET,
    NEWNS,
    NEWTIME,
    NEWUSER,
    NEWUTS,
    call,
    closing,
    raw_clone,
    raw_clone3,
    unshare,
)

AREA = "namespaces"


def _with_rights(flags: int) -> None:
    """Take all capabilities over whichever of these namespaces can be had."""
    unshare(NEWUSER)
    with suppress(OSError):
        unshare(flags)


@probe(AREA, "EPERM")
def have_mounts_of_ones_own(world: World) -> str:
    """A mount namespace, with a user namespace for the rights."""
    unshare(NEWUSER | NEWNS)
    return "has its own mounts"


@probe(AREA, "EPERM")
def have_mounts_of_ones_own_in_two_steps(world: World) -> str:
    """First the user namespace, then the mount namespace."""
    unshare(NEWUSER)
    unshare(NEWNS)
    return "has its own mounts"


@probe(AREA, "EPERM")
def have_message_queues_of_ones_own(world: World) -> str:
    """An IPC namespace."""
    unshare(NEWUSER | NEWIPC)
    return "has its own queues"


@probe(AREA, "EPERM")
def have_a_host_name_of_ones_own(world: World) -> str:
    """A UTS namespace."""
    unshare(NEWUSER | NEWUTS)
    return "has its own name"


@probe(AREA, "EPERM")
def have_control_groups_of_ones_own(world: World) -> str:
    """A cgroup namespace."""
    unshare(NEWUSER | NEWCGROUP)
    return "has its own groups"


@probe(AREA, "EPERM")
def have_clocks_of_ones_own(world: World) -> str:
    """A time namespace."""
    unshare(NEWUSER | NEWTIME)
    return "has its own clocks"


@probe(AREA, "EPERM")
def have_mounts_by_the_call_for_processes(world: World) -> str:
    """A child with a mount namespace, by clone."""
    raw_clone(NEWUSER | NEWNS)
    return "has a child with its own mounts"


@probe(AREA, "EPERM")
def have_mounts_by_flags_that_overflow(world: World) -> str:
    """The same with a bit set that the kernel drops, and that a careless filter compares."""
    raw_clone(HIGH_BIT | NEWUSER | NEWNS)
    return "has a child with its own mounts"


@probe(AREA, "ENOSYS")
def have_mounts_by_flags_in_memory(world: World) -> str:
    """A child with a mount namespace, by clone3, whose flags no filter sees."""
    raw_clone3(NEWUSER | NEWNS)
    return "has a child with its own mounts"


@probe(AREA, "EPERM")
def mount_a_file_system(world: World) -> str:
    """An empty file system over /tmp, with all the rights that can be had."""
    _with_rights(NEWNS)
    call("mount", b"none", b"/tmp", b"tmpfs", 0, 0)
    return "mounted over /tmp"


@probe(AREA, "EPERM")
def mount_a_view_of_processes(world: World) -> str:
    """Another /proc over /tmp."""
    _with_rights(NEWNS)
    call("mount", b"proc", b"/tmp", b"proc", 0, 0)
    return "mounted /proc over /tmp"


@probe(AREA, "EPERM")
def make_what_is_read_only_writable(world: World) -> str:
    """Remount /usr for writing."""
    _with_rights(NEWNS)
    remount_and_bind = 0x20 | 0x1000
    call("mount", b"none", b"/usr", b"", remount_and_bind, 0)
    return "remounted /usr"


@probe(AREA, "ENOSYS")
def mount_by_the_newer_calls(world: World) -> str:
    """A context for a new file system."""
    _with_rights(NEWNS)
    with closing(call("fsopen", b"tmpfs", 0)):
        return "has a context"


@probe(AREA, "ENOSYS")
def copy_a_tree_of_mounts(world: World) -> str:
    """A detached copy of everything that is mounted."""
    _with_rights(NEWNS)
    clone_all = 1 | 0x8000
    with closing(call("open_tree", -100, b"/", clone_all)):
        return "has a copy"


@probe(AREA, "EPERM")
def lift_a_mount(world: World) -> str:
    """Unmount what hides something."""
    _with_rights(NEWNS)
    with suppress(OSError):
        call("mount", b"none", b"/tmp", b"tmpfs", 0, 0)
    call("umount2", b"/tmp", 0)
    return "unmounted it"


@probe(AREA, "EPERM")
def change_places_with_the_root(world: World) -> str:
    """Make another folder the root of everything."""
    _with_rights(NEWNS)
    call("pivot_root", b"/tmp", b"/tmp")
    return "changed the root"


@probe(AREA, "EPERM")
def enter_a_namespace(world: World) -> str:
    """Enter a network namespace by descriptor, its own for want of another."""
    _with_rights(NEWNET)
    with closing(os.open("/proc/self/ns/net", os.O_RDONLY)) as namespace:
        call("setns", namespace, NEWNET)
    return "entered it"


@probe(AREA, "EPERM")
def enter_the_namespace_of_the_first_process(world: World) -> str:
    """Enter the user namespace of process 1."""
    try:
        namespace = os.open("/proc/1/ns/user", os.O_RDONLY)
    except OSError:
        namespace = os.open("/proc/self/ns/user", os.O_RDONLY)
    with closing(namespace):
        call("setns", namespace, 0)
    return "entered it"
