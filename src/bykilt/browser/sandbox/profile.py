"""The policy of one browser: what it may reach, read, use up and be. Pure; an impossible policy cannot be made.

Knows the rules that hold between the settings. Does not know where a policy comes from (`profile_file`, the launch)
nor how it is enforced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Self, TypeVar

from bykilt.browser.sandbox.egress.host_rules import EgressMode, EgressRules, HostRule
from bykilt.errors import InvalidInput
from bykilt.json_types import JsonObject

MIB = 1 << 20
GIB = 1 << 30
E = TypeVar("E", bound=StrEnum)


class NetworkMode(StrEnum):
    """What the browser's network may reach.

    `none`: nothing. `restricted`: the allowed hosts. `open`: every public host, through the same proxy. `host`: what
    this machine reaches, without any isolation.
    """

    NONE = "none"
    RESTRICTED = "restricted"
    OPEN = "open"
    HOST = "host"


class FilesystemMode(StrEnum):
    """What the browser may do with this machine's files: read those that it needs to run, and change none."""

    READONLY = "readonly"


class BrowserFlavor(StrEnum):
    """Which build of Chromium: the whole browser, or the smaller one that can show no window."""

    CHROMIUM = "chromium"
    HEADLESS_SHELL = "headless-shell"


# Chromium with an empty page has some 140 tasks, and needs 190 MiB with two of them; below these it does not start.
LIMIT_RANGES: dict[str, tuple[float, float]] = {
    "memory_bytes": (512 * MIB, 1024 * GIB),
    "processes": (300, 1_000_000),
    "cpus": (0.1, 4096),
    "tmp_bytes": (16 * MIB, 1024 * GIB),
    "shm_bytes": (64 * MIB, 1024 * GIB),
    "home_bytes": (64 * MIB, 1024 * GIB),
    "download_bytes": (1, 1024 * GIB),
}
_LEAST_MEMORY = {BrowserFlavor.CHROMIUM: GIB, BrowserFlavor.HEADLESS_SHELL: 512 * MIB}


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLimits:
    """What one browser may use up, all its processes together; `cpus` None sets no limit.

    What lies in /tmp, in shared memory and in its home counts as memory, too. `download_bytes` is for one file.

    Raises:
        InvalidInput: A limit is one with which no browser can work.
    """

    memory_bytes: int = 2 * GIB
    processes: int = 1024
    cpus: float | None = None
    tmp_bytes: int = 256 * MIB
    shm_bytes: int = 512 * MIB
    home_bytes: int = 512 * MIB
    download_bytes: int = GIB

    def __post_init__(self) -> None:
        for name, (least, most) in LIMIT_RANGES.items():
            value = getattr(self, name)
            if value is None and name == "cpus":
                continue
            whole = name != "cpus"
            is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
            if not is_number or not least <= value <= most:
                raise InvalidInput(
                    f"the sandbox limit {name} must be {_amount(least)} to {_amount(most)}, got {value!r}",
                    hint="leave it out for the default",
                )

    def describe(self) -> JsonObject:
        """Return the limits for a record."""
        return {spec.name: getattr(self, spec.name) for spec in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxProfile:
    """The whole policy of one browser. `allowed_hosts` are rules (`egress.host_rules`), in their shortest spelling.

    `upload_folders` are the only places that uploads may come from; None allows any. `seccomp` filters system calls,
    `apparmor` demands AppArmor's profile (None: uses it where it is loaded). `webgl` starts the software rasteriser,
    which runs outside of Chromium's own sandbox. Without `enabled` there is only the latter.

    Raises:
        InvalidInput: The settings contradict each other.
    """

    enabled: bool = True
    network: NetworkMode = NetworkMode.OPEN
    allowed_hosts: tuple[str, ...] = ()
    filesystem: FilesystemMode = FilesystemMode.READONLY
    upload_folders: tuple[Path, ...] | None = None
    seccomp: bool = True
    apparmor: bool | None = None
    webgl: bool = False
    browser: BrowserFlavor = BrowserFlavor.CHROMIUM
    limits: SandboxLimits = field(default_factory=SandboxLimits)

    @classmethod
    def of(
        cls,
        network: str | None = None,
        allowed_hosts: Sequence[str] = (),
        *,
        enabled: bool = True,
        filesystem: str = FilesystemMode.READONLY,
        upload_folders: Sequence[str | Path] | None = None,
        seccomp: bool = True,
        apparmor: bool | None = None,
        webgl: bool = False,
        browser: str = BrowserFlavor.CHROMIUM,
        limits: SandboxLimits | None = None,
    ) -> Self:
        """Return the policy that settings in words describe.

        Without `network`, it is `restricted` when hosts are named, else `open`; without a sandbox it is `host`.

        Raises:
            InvalidInput: A word is unknown, or the settings contradict each other.
        """
        if isinstance(allowed_hosts, str):
            raise InvalidInput("allowed_hosts is a list of hosts", hint="use for instance ['example.com']")
        hosts = tuple(allowed_hosts)
        return cls(
            enabled=enabled,
            network=_mode(network, hosts, enabled=enabled),
            allowed_hosts=hosts,
            filesystem=_member(FilesystemMode, filesystem, "sandbox_filesystem_mode"),
            upload_folders=None if upload_folders is None else tuple(Path(folder) for folder in upload_folders),
            seccomp=seccomp,
            apparmor=apparmor,
            webgl=webgl,
            browser=_member(BrowserFlavor, browser, "browser_flavor"),
            limits=limits or SandboxLimits(),
        )

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowed_hosts", _spelled(self.allowed_hosts, self.network))
        self._check_network()
        if self.enabled:
            self._check_browser()

    @property
    def egress_rules(self) -> EgressRules | None:
        """What the proxy enforces; None where the browser uses this machine's network."""
        if self.network is NetworkMode.HOST:
            return None
        return EgressRules.parse(EgressMode(str(self.network)), self.allowed_hosts)

    @property
    def missing_walls(self) -> tuple[str, ...]:
        """What stands open against the default, in words; empty for a policy that keeps every wall."""
        if not self.enabled:
            return ("no sandbox",)
        open_walls = (
            (self.network is NetworkMode.HOST, "this machine's network"),
            (not self.seccomp, "no system call filter"),
            (self.apparmor is False, "no AppArmor"),
        )
        return tuple(words for is_open, words in open_walls if is_open)

    def describe(self) -> JsonObject:
        """Return the policy for a record."""
        return {
            "enabled": self.enabled,
            "network": str(self.network),
            "allowed_hosts": list(self.allowed_hosts),
            "filesystem": str(self.filesystem),
            "upload_folders": None if self.upload_folders is None else [str(path) for path in self.upload_folders],
            "seccomp": self.seccomp,
            "apparmor": self.apparmor,
            "webgl": self.webgl,
            "browser": str(self.browser),
            "limits": self.limits.describe(),
        }

    def _check_network(self) -> None:
        if not self.enabled and (self.network is not NetworkMode.HOST or self.allowed_hosts):
            raise InvalidInput(
                "without the sandbox nothing limits the browser's network",
                hint="leave out the network mode and the allowed hosts, or leave the sandbox on",
            )
        if self.network in (NetworkMode.NONE, NetworkMode.HOST) and self.allowed_hosts:
            what = "reaches no host" if self.network is NetworkMode.NONE else "reaches every host"
            raise InvalidInput(
                f"the network mode {str(self.network)!r} {what}, so that allowed hosts mean nothing",
                hint="use 'restricted' for these hosts alone, or leave them out",
            )
        if self.network is NetworkMode.RESTRICTED and not self.allowed_hosts:
            raise InvalidInput(
                "the network mode 'restricted' has no allowed hosts",
                hint="name the hosts that the browser may reach, or use 'none'",
            )

    def _check_browser(self) -> None:
        least = _LEAST_MEMORY[self.browser]
        if self.limits.memory_bytes < least:
            raise InvalidInput(
                f"{self.browser} needs {_amount(least)} of memory at least, got {self.limits.memory_bytes}",
                hint="raise the sandbox limit memory_bytes, or leave it out for 2 GiB",
            )
        if self.browser is BrowserFlavor.HEADLESS_SHELL and self.network in (NetworkMode.OPEN, NetworkMode.HOST):
            # It reads no policy file, which is what closes file:, chrome: and view-source: to pages.
            raise InvalidInput(
                f"headless-shell is for the network modes 'none' and 'restricted', not for {str(self.network)!r}",
                hint="name the hosts that it may reach, or use the browser 'chromium'",
            )


def _spelled(hosts: Sequence[str], network: NetworkMode) -> tuple[str, ...]:
    """Return each host rule once, in its shortest spelling; `*` says nothing more where every host is open anyway."""
    meant = [host for host in hosts if not (network is NetworkMode.OPEN and host.strip() == "*")]
    return tuple(dict.fromkeys(str(HostRule.parse(host)) for host in meant))


def _mode(given: str | None, hosts: Sequence[str], *, enabled: bool) -> NetworkMode:
    if given is not None:
        return _member(NetworkMode, given, "sandbox_network_mode")
    if not enabled:
        return NetworkMode.HOST
    return NetworkMode.RESTRICTED if hosts else NetworkMode.OPEN


def _member(kind: type[E], given: str, setting: str) -> E:
    try:
        return kind(given)
    except ValueError:
        raise InvalidInput(f"{setting} {given!r} is unknown", hint=f"use one of {', '.join(kind)}") from None


def _amount(number: float) -> str:
    for size, unit in ((GIB, "GiB"), (MIB, "MiB")):
        if number >= size:
            return f"{number / size:g} {unit}"
    return f"{number:g}"
