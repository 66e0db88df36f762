"""How the container is held, and whether it is: the one place where its walls are written down.

Pure. Knows Docker's names for each wall and what a process must see when the wall stands. Does not talk to Docker.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from bykilt.errors import InvalidInput

UID = 65532
_CPU_PERIOD_US = 100_000
_OPEN_FILES = 64
# gVisor's own threads count on the host, too.
_GVISOR_PIDS = 64
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
# Mounts that Docker makes in every container; anything else would be somebody's folder.
_KNOWN_MOUNTS = re.compile(r"/|/tmp|/(proc|sys|dev)(/.*)?|/etc/(resolv\.conf|hostname|hosts)")
# What is seen on one kernel alone. gVisor obeys no filter of Docker's and has no ambient capabilities; its kernel is
# the wall in their place, so it must be seen to be there.
_SEEN_IN_LINUX = {"kernel": "linux", "CapAmb": "0" * 16, "Seccomp": "2", "Seccomp_filters": "1"}
_SEEN_IN_GVISOR = {"kernel": "gvisor"}


def memory_bytes(text: str) -> int:
    """Return the bytes that a text like `512m` means.

    Raises:
        InvalidInput: It means none, or fewer than the model needs.
    """
    found = re.fullmatch(r"(\d{1,12})([bkmg]?)", text.strip().lower())
    amount = int(found[1]) * _UNITS[found[2]] if found else 0
    if amount < 64 << 20:
        raise InvalidInput(f"memory_limit={text!r} cannot be used", hint="give at least 64m; 512m is the default")
    return amount


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPolicy:
    """The walls: `cpu_quota` is microseconds of one processor in each 100,000, `memory` and `tmp` are bytes."""

    memory: int = 512 << 20
    cpu_quota: int = 100_000
    pids: int = 32
    tmp: int = 16 << 20
    seccomp: bool = True
    apparmor: bool = True
    runtime: str | None = None

    def __post_init__(self) -> None:
        if not 1_000 <= self.cpu_quota <= 6_400_000:
            raise InvalidInput(f"cpu_quota={self.cpu_quota} cannot be used", hint="100000 is one whole processor")

    @property
    def is_gvisor(self) -> bool:
        """Whether the container has a kernel of its own, gVisor's."""
        return self.runtime is not None and self.runtime.startswith("runsc")

    @property
    def host_pids(self) -> int:
        """How many threads the host counts at most."""
        return max(self.pids, _GVISOR_PIDS) if self.is_gvisor else self.pids

    def host_config(self, *, has_apparmor: bool) -> dict[str, Any]:
        """Return Docker's `HostConfig`; the daemon refuses the name of an AppArmor profile that it cannot set."""
        security = ["no-new-privileges"]
        if self.seccomp:
            security.append("seccomp=" + files("bykilt.llm.image").joinpath("seccomp.json").read_text("utf-8"))
        if self.apparmor and has_apparmor:
            security.append("apparmor=docker-default")
        config: dict[str, Any] = {
            "NetworkMode": "none",
            "IpcMode": "none",
            "ReadonlyRootfs": True,
            "Tmpfs": {"/tmp": f"rw,noexec,nosuid,nodev,mode=1777,size={self.tmp}"},
            "Memory": self.memory,
            "MemorySwap": self.memory,
            "CpuPeriod": _CPU_PERIOD_US,
            "CpuQuota": self.cpu_quota,
            "PidsLimit": self.host_pids,
            "CapDrop": ["ALL"],
            "Privileged": False,
            "SecurityOpt": security,
            "Ulimits": [
                {"Name": "core", "Soft": 0, "Hard": 0},
                {"Name": "nofile", "Soft": _OPEN_FILES, "Hard": _OPEN_FILES},
            ],
            # The default driver would write every prompt to a file on the disk.
            "LogConfig": {"Type": "none", "Config": {}},
            # A container that removed itself could not be asked why it ended.
            "AutoRemove": False,
        }
        return config | ({"Runtime": self.runtime} if self.runtime else {})

    def differences_set(self, inspected: dict[str, Any], *, has_apparmor: bool) -> list[str]:
        """Return how the container that the daemon has made differs from what was asked for; empty if in nothing."""
        wanted = self.host_config(has_apparmor=has_apparmor)
        actual = inspected.get("HostConfig") or {}
        found = [f"{name} is {actual.get(name)!r}" for name, value in wanted.items() if actual.get(name) != value]
        found += [f"{name} is not empty" for name in ("Binds", "Devices", "CapAdd", "VolumesFrom") if actual.get(name)]
        found += ["a folder of this machine is mounted"] if inspected.get("Mounts") else []
        user = (inspected.get("Config") or {}).get("User")
        return found + ([] if user == f"{UID}:{UID}" else [f"User is {user!r}"])

    def differences_seen(self, limits: dict[str, Any], *, second_filter: bool) -> list[str]:
        """Return where the worker sees other walls than these; what it could not see counts as a difference."""
        expected: dict[str, object] = {
            "uid": UID,
            "gid": UID,
            "Groups": str(UID),
            **dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd"), "0" * 16),
            "NoNewPrivs": "1",
            "interfaces": ["lo"],
            "nofile": _OPEN_FILES,
            "core": 0,
            "memory_bytes": str(self.memory),
            **(_SEEN_IN_GVISOR if self.is_gvisor else _SEEN_IN_LINUX | {"pids": str(self.pids)}),
        }
        found = [f"{name} is {limits.get(name)!r}" for name, value in expected.items() if limits.get(name) != value]
        cpu = limits.get("cpu")
        if not self.is_gvisor and cpu not in (str(self.cpu_quota), f"{self.cpu_quota} {_CPU_PERIOD_US}"):
            found.append(f"cpu is {cpu!r}")
        if not second_filter:
            found.append("the worker's own filter is not in force")
        # gVisor's kernel has these two options and does not tell them.
        untold = {"nosuid", "nodev"} if self.is_gvisor else set[str]()
        return found + _mount_differences(limits.get("mounts"), untold)


def _mount_differences(mounts: object, untold: set[str]) -> list[str]:
    if not isinstance(mounts, dict):
        return ["the mounts are not told"]
    found = [f"{place!r} is mounted" for place in mounts if not _KNOWN_MOUNTS.fullmatch(str(place))]
    wanted = {"/": {"ro"}, "/tmp": {"noexec", "nosuid", "nodev"}}
    for place, options in wanted.items():
        if missing := options - untold - set(str(mounts.get(place, "")).split(",")):
            found.append(f"{place} is not mounted {','.join(sorted(missing))}")
    return found
