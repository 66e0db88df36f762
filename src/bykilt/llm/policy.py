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
MODEL_PLACE = "/model.gguf"
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
class MountedModel:
    """A file that the container may read: its path here, and what tells it from any other, inside as well."""

    path: str
    inode: int
    size: int
    written_ns: int
    changed_ns: int


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
    model: MountedModel | None = None

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
        if self.model is not None:
            config["Mounts"] = [
                {"Type": "bind", "Source": self.model.path, "Target": MODEL_PLACE, "ReadOnly": True,
                 "BindOptions": {"Propagation": "rprivate"}}
            ]  # fmt: skip
        return config | ({"Runtime": self.runtime} if self.runtime else {})

    def told(self, *, has_apparmor: bool) -> dict[str, Any]:
        """Return the walls for people and programs to read."""
        seccomp = "allow-list" if self.seccomp else "docker-default"
        return {
            "seccomp": "none: gVisor's kernel stands in its place" if self.is_gvisor else seccomp,
            "apparmor": "docker-default" if self.apparmor and has_apparmor else "none",
            "read_only_root": True,
            "no_new_privileges": True,
            "capabilities": [],
            "user": UID,
            "runtime": self.runtime or "default",
        }

    def differences_set(self, inspected: dict[str, Any], *, has_apparmor: bool) -> list[str]:
        """Return how the container that the daemon has made differs from what was asked for; empty if in nothing."""
        wanted = self.host_config(has_apparmor=has_apparmor)
        actual = inspected.get("HostConfig") or {}
        found = [f"{name} is {actual.get(name)!r}" for name, value in wanted.items() if actual.get(name) != value]
        found += [f"{name} is not empty" for name in ("Binds", "Devices", "CapAdd", "VolumesFrom") if actual.get(name)]
        mounted = [(one.get("Source"), one.get("Destination"), one.get("RW")) for one in inspected.get("Mounts") or []]
        if mounted != ([(self.model.path, MODEL_PLACE, False)] if self.model is not None else []):
            found.append(f"of this machine's files is mounted {mounted!r}")
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
        found += self._model_differences(limits.get("model"))
        added = MODEL_PLACE if self.model is not None else None
        return found + _mount_differences(limits.get("mounts"), untold, added)

    def _model_differences(self, seen: object) -> list[str]:
        """Return whether the worker has another file than the one that was checked: it may have been put in between."""
        if self.model is None:
            return []
        wanted = {"size": self.model.size, "written_ns": self.model.written_ns}
        if not self.is_gvisor:  # which has numbers and times of its own for these two
            wanted |= {"inode": self.model.inode, "changed_ns": self.model.changed_ns}
        told = seen if isinstance(seen, dict) else {}
        return [
            f"the model's {name} is {told.get(name)!r}" for name, value in wanted.items() if told.get(name) != value
        ]


def _mount_differences(mounts: object, untold: set[str], added: str | None) -> list[str]:
    if not isinstance(mounts, dict):
        return ["the mounts are not told"]
    known = [str(place) for place in mounts if place == added or _KNOWN_MOUNTS.fullmatch(str(place))]
    found = [f"{place!r} is mounted" for place in mounts if place not in known]
    wanted = {"/": {"ro"}, "/tmp": {"noexec", "nosuid", "nodev"}} | ({added: {"ro"}} if added is not None else {})
    for place, options in wanted.items():
        if missing := options - untold - set(str(mounts.get(place, "")).split(",")):
            found.append(f"{place} is not mounted {','.join(sorted(missing))}")
    return found
