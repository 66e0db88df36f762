"""What the kernel says of this process and of its surroundings, as plain facts for the other side to judge.

Knows where Linux tells it. Does not know what is wanted.
"""

from __future__ import annotations

import os
import resource
from typing import Any

_STATUS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "Groups")
# Version 2 of control groups first, then version 1.
_CGROUP = {
    "memory_bytes": ("memory.max", "memory/memory.limit_in_bytes"),
    "pids": ("pids.max", "pids/pids.max"),
    "cpu": ("cpu.max", "cpu/cpu.cfs_quota_us"),
}


def attest() -> dict[str, Any]:
    """Return identity, capabilities, filters, mounts, interfaces and limits; None for what cannot be read."""
    facts: dict[str, Any] = {"uid": os.getuid(), "gid": os.getgid()}
    for line in _lines("/proc/self/status"):
        name, _, value = line.partition(":")
        if name in _STATUS:
            facts[name] = value.strip()
    facts["interfaces"] = sorted(line.split(":")[0].strip() for line in _lines("/proc/self/net/dev")[2:])
    facts["mounts"] = {line.split()[4]: line.split()[5] for line in _lines("/proc/self/mountinfo")}
    facts["nofile"] = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    facts["core"] = resource.getrlimit(resource.RLIMIT_CORE)[1]
    for name, paths in _CGROUP.items():
        facts[name] = next((lines[0] for path in paths if (lines := _lines(f"/sys/fs/cgroup/{path}"))), None)
    return facts


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []
