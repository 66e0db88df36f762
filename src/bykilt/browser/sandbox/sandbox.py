"""One browser's sandbox, from before its start until nothing is left of it.

Knows the order of things: files and limits, the command, the network once it runs, the proof, the end.
Does not know the command line of the browser, nor what an engine does with it.

    sandbox = Sandbox.prepare(policy, places, executable, environment)       # blocks for a few milliseconds
    … start sandbox.wrap(command) …
    await sandbox.complete()         # the network, once the namespaces are there
    await sandbox.attest()           # raises if a wall is missing
    sandbox.let_go(); …; await sandbox.removal()
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread

from bykilt.browser.sandbox import warden
from bykilt.browser.sandbox.apparmor import promised_profile
from bykilt.browser.sandbox.attendant import PROXY_PORT, Attendant
from bykilt.browser.sandbox.attestation import Attestation, Promise, attest
from bykilt.browser.sandbox.bubblewrap import SyntheticFiles, View, bubblewrap_options
from bykilt.browser.sandbox.cgroups import Ceilings, ControlGroup, group_name, make_group
from bykilt.browser.sandbox.chromium_policy import PLACES, policy_document
from bykilt.browser.sandbox.egress.upstream_proxy import UpstreamProxy
from bykilt.browser.sandbox.errors import SandboxBroken, SandboxUnavailable
from bykilt.browser.sandbox.probe import find_bwrap
from bykilt.browser.sandbox.process_facts import below, read_facts, start_ticks
from bykilt.browser.sandbox.profile import NetworkMode, SandboxProfile
from bykilt.browser.sandbox.room import Folder, used_up
from bykilt.browser.sandbox.seccomp_filter import SeccompOptions, SeccompUnavailable, build_filters
from bykilt.clock import Clock
from bykilt.events.model import EgressDecided
from bykilt.json_types import JsonObject

_INFO_FD = 30
_OPTIONS_FD = 31
_FIRST_SECCOMP_FD = 32
_ATTEMPTS = 5
_BETWEEN_S = 0.02
_SYNTHETIC = {
    "/etc/passwd": "browser:x:1000:1000::/:/usr/sbin/nologin\nnobody:x:65534:65534::/:/usr/sbin/nologin\n",
    "/etc/group": "browser:x:1000:\nnogroup:x:65534:\n",
    # No name is looked up inside: the proxy outside does it, after the policy.
    "/etc/hosts": "127.0.0.1 localhost\n",
    "/etc/nsswitch.conf": "hosts: files\npasswd: files\ngroup: files\n",
    "/etc/machine-id": "0" * 32 + "\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The folders of one session, and whose it is. `group_id` is None when we are an ordinary user ourselves.

    `upstream` is the proxy through which the sandbox's own proxy goes out.
    """

    root: Path
    home: Path
    profile: Path
    keeps_profile: bool
    uploads: Path
    downloads: Path
    user_id: int
    group_id: int | None
    sockets: Sequence[Path] = ()
    read_only: Sequence[Path] = ()
    upstream: UpstreamProxy | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """What was left of a sandbox after its end: nothing, if all is well."""

    processes: Sequence[int]
    groups: Sequence[str]
    limits_hit: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether no process and no control group is left."""
        return not self.processes and not self.groups


class Sandbox:
    """The walls of one browser. `let_go` must be called; the kernel does it for us when we die."""

    def __init__(
        self, profile: SandboxProfile, places: Places, folder: Path, group: ControlGroup, apparmor: str
    ) -> None:
        self.profile = profile
        self.attestation: Attestation | None = None
        self._places = places
        self._folder = folder
        self._group = group
        self._orders = folder / "orders.json"
        self._lifeline: int | None = None
        self._report: int | None = None
        self._first: int | None = None
        self._attendant: Attendant | None = None
        self._filters = 0
        self._apparmor = apparmor

    # ---- before the start

    @classmethod
    def prepare(
        cls, profile: SandboxProfile, places: Places, executable: Path, environment: Mapping[str, str]
    ) -> Sandbox:
        """Write what the warden needs; blocks for a few milliseconds. Nothing is started yet.

        Raises:
            SandboxUnavailable: Something is missing on this machine; only files in the session's folder are left.
        """
        bwrap = find_bwrap()
        if bwrap is None:
            raise SandboxUnavailable(
                "bubblewrap (bwrap) is not installed, and without it there is no sandbox",
                hint="Debian, Ubuntu: sudo apt-get install bubblewrap; then `bykilt sandbox check`",
            )
        apparmor = promised_profile(profile.apparmor, bwrap)
        filters = _filters() if profile.seccomp else ()
        folder = places.root / "sandbox"
        folder.mkdir(mode=0o755)
        group = cls._limit(profile)
        sandbox = cls(profile, places, folder, group, apparmor)
        try:
            sandbox._open_pipes()
            sandbox._write_orders(bwrap, executable, environment, filters)
        except BaseException:
            sandbox.discard()
            raise
        return sandbox

    @staticmethod
    def _limit(profile: SandboxProfile) -> ControlGroup:
        limits = profile.limits
        name = group_name(os.getpid(), start_ticks(os.getpid()), secrets.token_hex(4))
        return make_group(name, Ceilings(limits.memory_bytes, limits.processes, limits.cpus))

    def _open_pipes(self) -> None:
        # Opened for both directions: neither waits for the other side, and ours is the only writer of the lifeline.
        flags = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
        for name in ("lifeline", "report"):
            os.mkfifo(self._folder / name, 0o600)
        self._lifeline = os.open(self._folder / "lifeline", flags)
        self._report = os.open(self._folder / "report", flags)

    def _write_orders(
        self, bwrap: str, executable: Path, environment: Mapping[str, str], filters: Sequence[bytes]
    ) -> None:
        places, limits = self._places, self.profile.limits
        seccomp: dict[str, str] = {}
        for number, content in enumerate(filters):
            path = self._folder / f"seccomp-{number}.bpf"
            path.write_bytes(content)
            seccomp[str(_FIRST_SECCOMP_FD + number)] = str(path)
        self._filters = len(filters)
        view = View(
            executable=executable,
            environment=environment,
            home=places.home,
            profile=places.profile,
            keeps_profile=places.keeps_profile,
            uploads=places.uploads,
            downloads=places.downloads,
            synthetic=self._synthetic(),
            own_network=self.profile.network is not NetworkMode.HOST,
            shm_bytes=limits.shm_bytes,
            tmp_bytes=limits.tmp_bytes,
            home_bytes=limits.home_bytes,
            sockets=places.sockets,
            read_only=places.read_only,
        )
        orders: JsonObject = {
            "lifeline": str(self._folder / "lifeline"),
            "report": str(self._folder / "report"),
            "owner": [os.getpid(), start_ticks(os.getpid())],
            "bwrap": bwrap,
            "options": list(bubblewrap_options(view, info_fd=_INFO_FD, seccomp_fds=[int(fd) for fd in seccomp])),
            "options_fd": _OPTIONS_FD,
            "info_fd": _INFO_FD,
            "seccomp": dict(seccomp),
            "cgroups": list(self._group.paths),
            "folder": str(places.root),
            "lock": str(places.profile) if places.keeps_profile else None,
            "user": None if places.group_id is None else [places.user_id, places.group_id],
            "rlimits": self._rlimits(),
        }
        self._orders.write_text(json.dumps(orders), encoding="utf-8")

    def _rlimits(self) -> JsonObject:
        """Return what each process by itself may have; instead of a group's memory, at least that of each."""
        memory = {"RLIMIT_DATA": self.profile.limits.memory_bytes} if "memory" in self._group.missing else {}
        return {"RLIMIT_CORE": 0, **memory}

    def _synthetic(self) -> SyntheticFiles:
        proxy = None if self.profile.network is NetworkMode.HOST else f"127.0.0.1:{PROXY_PORT}"
        policy = policy_document(proxy=proxy)
        places: dict[str, Path] = {}
        for inside, text in (*_SYNTHETIC.items(), *((place, policy) for place in PLACES)):
            outside = self._folder / inside.strip("/").replace("/", "-")
            outside.write_text(text, encoding="utf-8")
            outside.chmod(0o644)
            places[inside] = outside
        return SyntheticFiles(places)

    def wrap(self, command: Sequence[str]) -> list[str]:
        """Return the command to start in place of another one. Descriptors 0 to 4 pass through it."""
        return [sys.executable, "-I", "-S", warden.__file__, str(self._orders), *command]

    @property
    def kept_profile(self) -> Path | None:
        """The folder of a profile that outlives the session; None for one that goes with it."""
        return self._places.profile if self._places.keeps_profile else None

    # ---- while it runs

    def attend(self, on_decision: Callable[[EgressDecided], None], clock: Clock) -> None:
        """Begin to wait for the namespaces, and to serve the way out; call it in the event loop that is to be told.

        This goes on in a thread with a loop of its own: what keeps the engine busy does not hold up the browser.
        """
        assert self._report is not None, "the sandbox was let go"
        self._attendant = Attendant(
            self._report, self.profile, self._places.upstream, on_decision=on_decision, clock=clock
        )

    async def complete(self) -> None:
        """Return once the namespaces are there, and the network has its way out.

        Raises:
            SandboxUnavailable: They could not be made; the browser does not run.
        """
        assert self._attendant is not None
        self._first = await self._attendant.first_process()

    def check(self) -> None:
        """Raise `SandboxUnavailable` if it is known by now that the sandbox cannot be made."""
        if self._attendant is not None:
            self._attendant.check()

    async def attest(self) -> Attestation:
        """Look at every process of the sandbox from outside.

        Raises:
            SandboxBroken: Something differs from the policy, and still does after a moment.
        """
        for attempt in range(_ATTEMPTS):
            if attempt:
                # A process that is just being made has not got all its walls yet.
                await anyio.sleep(_BETWEEN_S)
            self.attestation = await anyio.to_thread.run_sync(self._look)
            if self.attestation.holds:
                return self.attestation
        assert self.attestation is not None
        raise SandboxBroken(self.attestation.differences or ("there is no process",))

    def _look(self) -> Attestation:
        assert self._first is not None, "complete() comes first"
        ours = read_facts(os.getpid())
        assert ours is not None
        seen = [read_facts(pid) for pid in (self._first, *below(self._first))]
        promise = Promise(
            ours=ours,
            uid=self._places.user_id,
            filters=self._filters,
            own_network=self.profile.network is not NetworkMode.HOST,
            group=Path(self._group.paths[0]).name if self._group.paths else "",
            apparmor=self._apparmor,
        )
        return attest([each for each in seen if each is not None], promise)

    @property
    def browser_pid(self) -> int | None:
        """The browser's own first process, as the machine sees it; None before `attest`."""
        if self.attestation is None:
            return None
        return next((each.pid for each in self.attestation.processes if each.kind == "browser"), None)

    def limits_hit(self) -> dict[str, int]:
        """Return how often each ceiling was hit so far; of a folder in memory, whether it is full as we look."""
        full = used_up(self._first, self._in_memory()) if self._first is not None else {}
        return self._group.hits() | full

    def _in_memory(self) -> list[Folder]:
        places = self._places
        homes = [places.home] if places.keeps_profile else [places.home, places.profile]
        found = [Folder("tmp", Path("/tmp")), Folder("shm", Path("/dev/shm"))]
        return found + [Folder("home", path, is_for_pages=True) for path in homes]

    def unenforced(self) -> dict[str, str]:
        """Return the limits that this machine cannot set, with the reason."""
        return dict(self._group.missing)

    # ---- the end

    def let_go(self) -> None:
        """Let the warden kill whatever is left, and close the way out. May block for a moment; twice is fine."""
        attendant, self._attendant = self._attendant, None
        if attendant is not None:
            attendant.close()
        for fd in (self._lifeline, self._report):
            if fd is not None:
                os.close(fd)
        self._lifeline = self._report = None

    def discard(self) -> None:
        """Undo `prepare` when nothing was started."""
        self.let_go()
        self._group.remove()

    async def removal(self) -> Removal:
        """Return what is left once all should be gone; what should not be there is killed and removed."""
        return await anyio.to_thread.run_sync(self._remove)

    def _remove(self) -> Removal:
        hits = self._group.hits()
        left = self._group.members()
        return Removal(tuple(left), tuple(self._group.remove()), hits)


def _filters() -> tuple[bytes, ...]:
    try:
        return build_filters(SeccompOptions())
    except SeccompUnavailable as error:
        raise SandboxUnavailable(error.message, hint=error.hint) from error
