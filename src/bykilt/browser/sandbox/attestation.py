"""Whether the walls stand: what the kernel says of each process, compared with what was promised.

Pure: it gets facts (`process_facts`) and a promise, and returns what differs. Whoever asked ends the browser then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bykilt.browser.sandbox.apparmor import is_under
from bykilt.browser.sandbox.process_facts import NAMESPACES, ProcessFacts
from bykilt.json_types import JsonObject

_FILTERING = 2


@dataclass(frozen=True, slots=True)
class Promise:
    """What every process of a sandbox has to show.

    `ours` are our own facts, `filters` how many seccomp filters are put around the browser (0: none promised),
    `own_network` whether it has a network namespace of its own, `group` the name of its control group, `apparmor` that
    of a profile.
    """

    ours: ProcessFacts
    uid: int
    filters: int
    own_network: bool
    group: str = ""
    apparmor: str = ""


@dataclass(frozen=True, slots=True)
class Attestation:
    """What was seen. It holds when nothing differs, and there was something to look at."""

    processes: Sequence[ProcessFacts]
    differences: Sequence[str] = field(default=())

    @property
    def holds(self) -> bool:
        """Whether the policy is in force."""
        return bool(self.processes) and not self.differences

    def to_json(self) -> JsonObject:
        """Return it for records: how many processes of each kind there are, and what they have in common."""
        seen = self.processes
        kinds = Counter(each.kind for each in seen)
        return {
            "holds": self.holds,
            "processes": {kind: kinds[kind] for kind in sorted(kinds)},
            "uids": sorted({each.uid for each in seen}),
            "no_new_privileges": all(each.no_new_privileges for each in seen),
            "capabilities": sorted({f"{each.effective_capabilities:016x}" for each in seen}),
            "seccomp": {
                kind: sorted({f"{each.seccomp_mode}/{each.seccomp_filters}" for each in seen if each.kind == kind})
                for kind in sorted(kinds)
            },
            "apparmor": sorted({each.apparmor for each in seen if each.apparmor}),
            "differences": list(self.differences),
        }


def attest(processes: Sequence[ProcessFacts], promise: Promise) -> Attestation:
    """Compare every process of a sandbox, its first one included, with what was promised."""
    outer = next((each.namespaces["user"] for each in processes if each.kind == "init"), None)
    differences = [text for process in processes for text in _differences(process, promise, outer)]
    if not any(process.kind == "browser" for process in processes):
        differences.append("no browser process was found")
    return Attestation(tuple(processes), tuple(differences))


def _differences(process: ProcessFacts, promise: Promise, outer: int | None) -> list[str]:
    """What differs for one process; `outer` is the user namespace of the sandbox's first process."""
    who = f"process {process.pid} ({process.kind})"
    found: list[str] = []
    shared = [name for name in NAMESPACES if process.namespaces[name] == promise.ours.namespaces[name]]
    if not promise.own_network and "net" in shared:
        shared.remove("net")
    if shared:
        found.append(f"{who} shares our {', '.join(shared)} namespace")
    if process.depth <= promise.ours.depth:
        found.append(f"{who} is in no pid namespace of its own")
    if process.uid == 0 or process.uid != promise.uid:
        found.append(f"{who} runs as user {process.uid}, not as {promise.uid}")
    if not process.no_new_privileges:
        found.append(f"{who} may gain privileges")
    # Chromium's zygote rules a user namespace of its own, inside ours, to put each renderer into one.
    is_nested = process.namespaces["user"] != outer
    if process.effective_capabilities and not (is_nested and process.kind == "zygote"):
        found.append(f"{who} has capabilities {process.effective_capabilities:x}")
    if promise.filters and (process.seccomp_mode != _FILTERING or process.seccomp_filters < promise.filters):
        found.append(
            f"{who} has seccomp {process.seccomp_mode}/{process.seccomp_filters}, not {_FILTERING}/{promise.filters}"
        )
    if process.kind == "renderer" and process.seccomp_filters <= promise.filters + promise.ours.seccomp_filters:
        found.append(f"{who} has no filter of Chromium's own sandbox")
    if promise.group and promise.group not in process.groups:
        found.append(f"{who} is not in the control group {promise.group}")
    if promise.apparmor and not is_under(process.apparmor, promise.apparmor):
        found.append(f"{who} is under {process.apparmor or 'no AppArmor profile'}, not by {promise.apparmor}")
    return found
