"""What the kernel says of a process, as far as it shows whether a wall stands. Read from outside, never asked inside.

Source: proc(5), /proc/pid/status, /proc/pid/ns, /proc/pid/cgroup
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NAMESPACES = ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """One living process. `depth` is the number of pid namespaces that it is in, the first one counted."""

    pid: int
    parent: int
    name: str
    kind: str
    uid: int
    depth: int
    effective_capabilities: int
    no_new_privileges: bool
    seccomp_mode: int
    seccomp_filters: int
    namespaces: Mapping[str, int]
    groups: str
    apparmor: str


def read_facts(pid: int) -> ProcessFacts | None:
    """Return what there is to know, or None when the process has ended."""
    folder = _PROC / str(pid)
    try:
        status = dict(
            line.split(":\t", 1)
            for line in (folder / "status").read_text(errors="replace").splitlines()
            if ":\t" in line
        )
        # A process that renames itself joins its arguments with spaces.
        arguments = (folder / "cmdline").read_bytes().replace(b"\0", b" ").split(b" ")
        namespaces = {name: os.stat(folder / "ns" / name).st_ino for name in NAMESPACES}
        groups = (folder / "cgroup").read_text()
    except OSError:
        return None
    if status["State"][0] in "ZX":
        return None
    return ProcessFacts(
        pid=pid,
        parent=int(status["PPid"]),
        name=status["Name"],
        kind=_kind(status["Name"], arguments),
        uid=int(status["Uid"].split()[1]),
        depth=len(status.get("NSpid", "1").split()),
        effective_capabilities=int(status["CapEff"], 16),
        no_new_privileges=status["NoNewPrivs"] == "1",
        seccomp_mode=int(status["Seccomp"]),
        seccomp_filters=int(status.get("Seccomp_filters", "0")),
        namespaces=namespaces,
        groups=groups,
        apparmor=_label(folder),
    )


def below(root: int) -> list[int]:
    """Return the processes below one, itself not counted."""
    children: dict[int, list[int]] = defaultdict(list)
    for name in os.listdir(_PROC):
        if name.isdigit():
            stat = read_stat(name)
            if stat is not None:
                children[stat.parent].append(int(name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        waiting += (more := children[waiting.pop()])
        found += more
    return found


@dataclass(frozen=True, slots=True)
class Stat:
    """A process in one line. `start_ticks`, in the kernel's clock ticks since boot, tells it from a later one."""

    state: str
    parent: int
    session: int
    start_ticks: int


def read_stat(pid: int | str) -> Stat | None:
    """Return the line, or None when the process has ended and was reaped."""
    try:
        line = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The second field, the name, may hold spaces and parentheses.
    fields = line[line.rindex(")") + 2 :].split()
    return Stat(fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def start_ticks(pid: int) -> int:
    """Return when a process started; 0 when it has ended."""
    stat = read_stat(pid)
    return 0 if stat is None else stat.start_ticks


def _kind(name: str, arguments: list[bytes]) -> str:
    """What part of a sandbox it is, by its name and its command line."""
    if name == "bwrap":
        return "init"
    if name.startswith("chrome_crashpad"):
        return "crashpad-handler"
    for argument in arguments:
        if argument.startswith(b"--type="):
            return argument[7:].decode(errors="replace")
    return "browser"


def _label(folder: Path) -> str:
    try:
        return (folder / "attr" / "current").read_text().strip("\0\n")
    except OSError:
        return ""
