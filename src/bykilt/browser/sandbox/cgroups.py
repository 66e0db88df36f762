"""Control groups: the ceilings of one sandbox for memory, processes and CPU, and which of them was hit.

Knows versions 1 and 2, and never leaves what limits us. In version 1 a sandbox is a child of our own group. In
version 2 a group that has processes can have no children with limits, so there it is a sibling, below what holds us
both, provided that our own group sets no limit itself. Does not know who joins: the `warden` does, before it becomes
the sandbox.
A group needs a folder that we may write to: root has one, others on machines where a subtree is delegated to them.
What cannot be set is named in `missing`, with the reason.
Source: the kernel's admin-guide, cgroup-v1 and cgroup-v2
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PREFIX = "bykilt-"
_NAME = re.compile(rf"{PREFIX}(?P<pid>\d+)-(?P<start>\d+)-\w+")
_REMOVE_S = 2.0
_PAUSE_S = 0.01
_PERIOD_US = 100_000

_OWN_GROUPS = Path("/proc/self/cgroup")
_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What a group may use: bytes, tasks, and cores (None: all there are)."""

    memory_bytes: int
    processes: int
    cpus: float | None = None


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where our own group is, per controller; `unified` is the one of version 2, if it is mounted."""

    v1: Mapping[str, Path]
    unified: Path | None = None

    @classmethod
    def of_this_process(cls) -> Hierarchy:
        """Read it from /proc."""
        return cls.parse(_MOUNTS.read_text(), _OWN_GROUPS.read_text())

    @classmethod
    def parse(cls, mounts: str, groups: str) -> Hierarchy:
        """Return the hierarchy from the text of /proc/self/mountinfo and /proc/self/cgroup."""
        own: dict[str, str] = {}
        for line in groups.splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(","):
                own[controller] = path
        v1: dict[str, Path] = {}
        unified: Path | None = None
        for line in mounts.splitlines():
            before, _, after = line.partition(" - ")
            place, root = before.split()[4], before.split()[3]
            kind, _, options = after.split(" ", 2)
            if kind == "cgroup2":
                unified = _below(place, root, own.get("", "/"))
            elif kind == "cgroup":
                for controller in options.split()[-1].split(","):
                    if controller in own:
                        v1[controller] = _below(place, root, own[controller])
        return cls(v1, unified)

    def folders(self) -> Iterator[Path]:
        """Every folder in which a group of ours may lie."""
        yield from dict.fromkeys(self.v1[name] for name in ("memory", "pids", "cpu") if name in self.v1)
        if self.unified is not None:
            yield self.unified
            if not _is_root(self.unified) and _is_group(self.unified.parent):
                yield self.unified.parent


def _below(place: str, root: str, group: str) -> Path:
    # In a container the mount begins at the container's own group.
    inner = group[len(root) :] if root != "/" and group.startswith(root) else group
    return Path(place) / inner.lstrip("/")


@dataclass
class ControlGroup:
    """The group of one sandbox: its folders by controller, and what could not be limited."""

    folders: dict[str, Path] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    is_unified: bool = False

    @property
    def paths(self) -> list[str]:
        """Each folder once."""
        return list(dict.fromkeys(map(str, self.folders.values())))

    def hits(self) -> dict[str, int]:
        """Return how often each ceiling was hit: `memory` counts kills, `processes` refused forks, `cpu` waits."""
        found: dict[str, int] = {}
        memory, pids, cpu = (self.folders.get(name) for name in ("memory", "pids", "cpu"))
        if memory is not None:
            name = "memory.events" if self.is_unified else "memory.oom_control"
            found["memory"] = _counter(memory / name, "oom_kill")
        if pids is not None:
            found["processes"] = _counter(pids / "pids.events", "max")
        if cpu is not None:
            found["cpu"] = _counter(cpu / "cpu.stat", "nr_throttled")
        return {name: count for name, count in found.items() if count}

    def members(self) -> list[int]:
        """Return the processes that are in it."""
        found: set[int] = set()
        for folder in self.paths:
            try:
                found |= {int(pid) for pid in (Path(folder) / "cgroup.procs").read_text().split()}
            except OSError:
                continue
        return sorted(found)

    def remove(self) -> list[str]:
        """Kill what is in it, remove it, and return what could not be removed."""
        return [folder for folder in self.paths if not _removed(Path(folder))]


def make_group(name: str, ceilings: Ceilings, hierarchy: Hierarchy | None = None) -> ControlGroup:
    """Return a new group with its limits set; nobody is in it yet."""
    hierarchy = hierarchy or Hierarchy.of_this_process()
    group = ControlGroup()
    for controller, write in _LIMITS.items():
        if controller == "cpu" and ceilings.cpus is None:
            continue
        try:
            folder = make_folder(controller, name, hierarchy)
            write(folder, ceilings, _is_v1(controller, hierarchy))
        except OSError as error:
            group.missing[controller] = error.strerror or str(error)
            continue
        group.folders[controller] = folder
        group.is_unified = not _is_v1(controller, hierarchy)
    return group


def group_name(owner: int, start_ticks: int, suffix: str) -> str:
    """Return the name of a group, from which the janitor reads whose it is."""
    return f"{PREFIX}{owner}-{start_ticks}-{suffix}"


def remove_orphans(lives: Callable[[int, int], bool], hierarchy: Hierarchy | None = None) -> list[str]:
    """Remove the groups of owners that are dead, with all in them; `lives` is asked with pid and start ticks."""
    removed: list[str] = []
    for parent in (hierarchy or Hierarchy.of_this_process()).folders():
        try:
            names = os.listdir(parent)
        except OSError:
            continue
        for name in names:
            match = _NAME.fullmatch(name)
            if match and not lives(int(match["pid"]), int(match["start"])) and _removed(parent / name):
                removed.append(str(parent / name))
    return removed


def _is_v1(controller: str, hierarchy: Hierarchy) -> bool:
    return controller in hierarchy.v1


def make_folder(controller: str, name: str, hierarchy: Hierarchy) -> Path:
    """Return the folder of a new group, where a controller can be set; nothing is set yet.

    Raises:
        OSError: There can be none; its text says why.
    """
    if controller in hierarchy.v1:
        folder = hierarchy.v1[controller] / name
    elif hierarchy.unified is not None:
        folder = _unified_parent(controller, hierarchy.unified) / name
    else:
        raise OSError(0, "this kernel has no such controller mounted")
    folder.mkdir(exist_ok=True)
    return folder


def _unified_parent(controller: str, own: Path) -> Path:
    """Return the group of version 2 below which a sandbox's can have limits, with the controller switched on.

    We are in `own`, so it has processes. To switch on `pids` or `cpu` there would even succeed, and make the child
    one that no process can join.
    """
    parent = own if _is_root(own) else own.parent
    if parent != own:
        if not _is_group(parent):
            raise OSError(0, "our own group has processes, and the one above it is not in sight")
        limit = _OWN_LIMITS.get(controller)
        if limit is not None and _sets(own / limit):
            raise OSError(0, "our own group sets a limit, which the browser would leave")
    if controller not in (parent / "cgroup.controllers").read_text().split():
        raise OSError(0, "the controller is not delegated to this group")
    if controller not in (parent / "cgroup.subtree_control").read_text().split():
        (parent / "cgroup.subtree_control").write_text(f"+{controller}")
    return parent


_OWN_LIMITS = {"memory": "memory.max", "pids": "pids.max", "cpu": "cpu.max"}


def _sets(limit: Path) -> bool:
    return limit.exists() and not limit.read_text().startswith("max")


def _is_root(group: Path) -> bool:
    """Whether it is the root of version 2, the only group that may have both processes and children with limits."""
    return not (group / "cgroup.type").exists()


def _is_group(folder: Path) -> bool:
    return (folder / "cgroup.controllers").exists()


def _limit_memory(folder: Path, ceilings: Ceilings, is_v1: bool) -> None:
    if not is_v1:
        (folder / "memory.max").write_text(str(ceilings.memory_bytes))
        _write_if_there(folder / "memory.swap.max", "0")
        return
    (folder / "memory.limit_in_bytes").write_text(str(ceilings.memory_bytes))
    _write_if_there(folder / "memory.memsw.limit_in_bytes", str(ceilings.memory_bytes))


def _limit_processes(folder: Path, ceilings: Ceilings, is_v1: bool) -> None:
    del is_v1  # the same file in both
    (folder / "pids.max").write_text(str(ceilings.processes))


def _limit_cpu(folder: Path, ceilings: Ceilings, is_v1: bool) -> None:
    assert ceilings.cpus is not None
    quota = int(ceilings.cpus * _PERIOD_US)
    if is_v1:
        (folder / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
        (folder / "cpu.cfs_quota_us").write_text(str(quota))
    else:
        (folder / "cpu.max").write_text(f"{quota} {_PERIOD_US}")


_LIMITS: Mapping[str, Callable[[Path, Ceilings, bool], None]] = {
    "memory": _limit_memory,
    "pids": _limit_processes,
    "cpu": _limit_cpu,
}


def _write_if_there(path: Path, text: str) -> None:
    """Limit swap where the kernel counts it; where it does not, there is nothing to limit."""
    if path.exists():
        path.write_text(text)


def _counter(path: Path, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(value) for key, _, value in (line.partition(" ") for line in lines) if key == name), 0)


def _removed(folder: Path) -> bool:
    deadline = time.monotonic() + _REMOVE_S
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            if time.monotonic() > deadline:
                return False
            _kill(folder)
            # The kernel takes a moment to let go of the dead.
            time.sleep(_PAUSE_S)
        else:
            return True


def _kill(folder: Path) -> None:
    if (folder / "cgroup.kill").exists():
        # All at once: nobody can fork away from it. Since Linux 5.14, version 2 alone
        (folder / "cgroup.kill").write_text("1")
        return
    try:
        members = (folder / "cgroup.procs").read_text().split()
    except OSError:
        return
    for pid in members:
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            continue
