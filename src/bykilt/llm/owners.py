"""Who started a container, written so that another process can tell whether that one still lives.

Knows Linux's /proc. Does not know Docker.
"""

from __future__ import annotations

import os
from pathlib import Path

LABEL = "bykilt.llm.owner"


def own_mark() -> str:
    """Return the mark of this process: its space of process ids, its id, and when it started."""
    return f"{_space()}:{os.getpid()}:{_started(os.getpid())}"


def is_orphan(mark: str) -> bool:
    """Whether the process of a mark has ended. Of other spaces of process ids nothing can be told, so: no."""
    space, _, rest = mark.partition(":")
    pid, _, started = rest.partition(":")
    if space != _space() or not pid.isdecimal():
        return False
    return _started(int(pid)) != started


def _space() -> str:
    """The kernel's boot and the namespace: ids of other boots and of other containers are not ours to judge by."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"


def _started(pid: int) -> str:
    try:
        # The name comes second, in parentheses, and may hold anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
