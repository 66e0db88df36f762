"""The facts of `containment` in words, the same in the trace, on the command line and in records. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bykilt.events.containment import EgressDecided, LimitHit, SandboxAttested, SandboxRemoved

_LIMITS = {
    "memory": "its memory limit, and a process was killed",
    "processes": "its limit of processes, and one was refused",
    "cpu": "its share of the processor, and was slowed down",
    "home": "the end of its room for what pages store",
    "tmp": "the end of its room for temporary files",
    "shm": "the end of its shared memory",
}
# These are found full, and not counted.
_ROOMS = frozenset({"home", "tmp", "shm"})
_NETWORKS = {
    "none": "no network",
    "open": "public hosts only",
    "host": "this machine's network, not isolated",
}


def sandbox_in_words(fact: SandboxAttested) -> str:
    """Return the policy and whether it was found in force."""
    policy = fact.policy if isinstance(fact.policy, Mapping) else {}
    seen = fact.attestation if isinstance(fact.attestation, Mapping) else {}
    kinds = seen.get("processes")
    count = sum(int(str(number)) for number in kinds.values()) if isinstance(kinds, Mapping) else 0
    parts = [network_in_words(policy)]
    if policy.get("seccomp"):
        parts.append("system calls filtered")
    if policy.get("kept_profile"):
        parts.append(f"with the profile that is kept in {policy['kept_profile']}")
    parts.append(f"{count} processes looked at, {'all as promised' if seen.get('holds') else 'not as promised'}")
    if fact.unenforced:
        missing = ", ".join(f"{limit} ({reason})" for limit, reason in sorted(fact.unenforced.items()))
        parts.append(f"not limited on this machine: {missing}")
    return "; ".join(parts)


def network_in_words(policy: Mapping[str, object]) -> str:
    """Return what the browser may reach."""
    network = str(policy.get("network", ""))
    hosts = policy.get("allowed_hosts")
    if network == "restricted" and isinstance(hosts, Sequence):
        return "only " + ", ".join(map(str, hosts))
    return _NETWORKS.get(network, network)


# What Chromium asks for on its own account, whatever it is told; a page that asks for it misses little.
_BROWSERS_OWN = frozenset(
    {
        "accounts.google.com",
        "clients2.google.com",
        "content-autofill.googleapis.com",
        "edgedl.me.gvt1.com",
        "optimizationguide-pa.googleapis.com",
        "passwordsleakcheck-pa.googleapis.com",
        "redirector.gvt1.com",
        "update.googleapis.com",
    }
)


def concerns_the_page(fact: EgressDecided) -> bool:
    """Whether a connection that led nowhere may be one that a page wanted, and not one of the browser's own."""
    return (not fact.allowed or bool(fact.unreachable)) and fact.host not in _BROWSERS_OWN


def refusal_in_words(fact: EgressDecided) -> str:
    """Return what a connection came to that led nowhere."""
    where = f"{fact.host}:{fact.port}" if fact.host else "a request that could not be read"
    if fact.allowed:
        return f"{where} cannot be reached: {fact.reason or fact.unreachable}"
    return f"the sandbox refused {where}: {fact.reason}"


def limit_in_words(fact: LimitHit) -> str:
    """Return which limit the browser came to."""
    words = f"the browser came to {_LIMITS.get(fact.limit, fact.limit)}"
    return words if fact.limit in _ROOMS else f"{words} ({fact.count} times)"


def removal_in_words(fact: SandboxRemoved) -> str:
    """Return what is left of the browser."""
    left = [f"process {pid}" for pid in fact.processes_left] + list(fact.groups_left)
    if fact.folder_left:
        left.append("its folder")
    return f"left behind: {', '.join(left)}" if left else "no process, no file and no control group is left"
