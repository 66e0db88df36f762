"""What a machine must give for a sandbox, and what it means when it does not. Pure.

Knows the ways in which machines refuse, and how each is mended. Does not look at the machine (`probe`).
Settings of the kernel alone never decide: a profile or a container may allow, or refuse, what they say. They only
pick the words for a trial that has failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from bykilt.json_types import JsonObject

OPTIONS_NEEDED = ("--args", "--size", "--perms", "--add-seccomp-fd", "--info-fd")
OUTER_NAMESPACES = ("user", "pid", "ipc", "uts", "cgroup", "net", "mnt")
NESTED_NAMESPACES = ("user", "pid", "net")

# What bwrap, unshare and the kernel say when a permission is what is missing.
_REFUSALS = (
    "operation not permitted",
    "permission denied",
    "no permissions to create",
    "creating new namespace failed",
    "setting up uid map",
    "rtm_newaddr",
    "unshare failed",
    "no space left on device",
)


class SandboxProblem(StrEnum):
    """Why there can be no sandbox; stable, for programs."""

    NOT_LINUX = "not-linux"
    BWRAP_MISSING = "bwrap-missing"
    BWRAP_TOO_OLD = "bwrap-too-old"
    BWRAP_SETUID = "bwrap-setuid"
    LIBSECCOMP_MISSING = "libseccomp-missing"
    SECCOMP_UNUSABLE = "seccomp-unusable"
    TOOLS_MISSING = "tools-missing"
    USERNS_DISABLED = "userns-disabled"
    APPARMOR_USERNS = "apparmor-userns"
    CONTAINER_SECCOMP = "container-seccomp"
    CONTAINER_PROC = "container-proc"
    USERNS_DENIED = "userns-denied"
    PROBE_FAILED = "probe-failed"


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a real sandbox with another one in it. Namespaces by kind, as `/proc/self/ns` names them."""

    exit_code: int
    said: str
    outer: dict[str, str] = field(default_factory=dict)
    nested: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """What was found on a machine. None is what is not there, or was not looked for since something else is missing.

    `tools_missing` are programs of util-linux, `seccomp` is the mode that we ourselves run under. `filter_problem` is
    why the filters of system calls cannot be built, and how to mend it.
    """

    system: str
    kernel: str = ""
    bwrap: str | None = None
    bwrap_version: str = ""
    bwrap_is_setuid: bool = False
    options_missing: tuple[str, ...] = ()
    has_libseccomp: bool = False
    filter_problem: tuple[str, str] | None = None
    tools_missing: tuple[str, ...] = ()
    container: str | None = None
    seccomp: int | None = None
    max_user_namespaces: int | None = None
    unprivileged_userns_clone: int | None = None
    apparmor_restricts_userns: int | None = None
    own_namespaces: dict[str, str] = field(default_factory=dict)
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class SandboxReport:
    """Whether this machine can sandbox a browser; if not, why, and how to mend it."""

    ok: bool
    code: str
    problem: str
    fix: str
    facts: JsonObject


def judge(facts: MachineFacts) -> SandboxReport:
    """Return what the facts come to; the first thing that is missing counts."""
    found = _missing(facts) or _trial_problem(facts)
    shown = _shown(facts)
    if found is None:
        return SandboxReport(True, "ok", "", "", shown)
    code, problem, fix = found
    return SandboxReport(False, str(code), problem, fix, shown)


def checks(report: SandboxReport) -> Iterator[tuple[str, bool]]:
    """Yield what was looked at in words, with whether it holds; nothing after the first that does not."""
    steps: tuple[tuple[str, frozenset[SandboxProblem]], ...] = (
        ("Linux with namespaces", frozenset({SandboxProblem.NOT_LINUX})),
        (
            "bubblewrap, new enough and without setuid",
            frozenset({SandboxProblem.BWRAP_MISSING, SandboxProblem.BWRAP_TOO_OLD, SandboxProblem.BWRAP_SETUID}),
        ),
        (
            "libseccomp, from which the filters can be built, and util-linux",
            frozenset(
                {SandboxProblem.LIBSECCOMP_MISSING, SandboxProblem.SECCOMP_UNUSABLE, SandboxProblem.TOOLS_MISSING}
            ),
        ),
        ("a sandbox as an ordinary user, with Chromium's own inside", frozenset(SandboxProblem)),
    )
    for words, codes in steps:
        holds = report.ok or report.code not in codes
        yield words, holds
        if not holds:
            return


_Found = tuple[SandboxProblem, str, str]


def _missing(facts: MachineFacts) -> _Found | None:
    """Return what is missing before anything can be tried."""
    if facts.system != "linux" or facts.kernel.endswith("-Microsoft"):
        where = "the first Windows Subsystem for Linux" if facts.system == "linux" else facts.system
        return (
            SandboxProblem.NOT_LINUX,
            f"the sandbox is built on Linux namespaces, and this is {where}",
            "run bykilt on Linux, in WSL 2, in a virtual machine, or in a container on one of these",
        )
    if facts.bwrap is None:
        return (
            SandboxProblem.BWRAP_MISSING,
            "bubblewrap (bwrap) is not installed",
            "Debian and Ubuntu: apt-get install bubblewrap; Fedora: dnf install bubblewrap; Arch: pacman -S bubblewrap",
        )
    if facts.bwrap_is_setuid:
        return (
            SandboxProblem.BWRAP_SETUID,
            f"{facts.bwrap} is setuid, and a sandbox that it makes leaves no room for Chromium's own",
            f"chmod u-s {facts.bwrap}, and allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1",
        )
    if facts.options_missing:
        return (
            SandboxProblem.BWRAP_TOO_OLD,
            f"{facts.bwrap_version or facts.bwrap} is too old: it does not know {', '.join(facts.options_missing)}",
            "install bubblewrap 0.8 or newer",
        )
    if not facts.has_libseccomp:
        return (
            SandboxProblem.LIBSECCOMP_MISSING,
            "libseccomp is not installed, so that no system call filter can be built",
            "Debian and Ubuntu: apt-get install libseccomp2; Fedora: dnf install libseccomp",
        )
    if facts.filter_problem is not None:
        return SandboxProblem.SECCOMP_UNUSABLE, *facts.filter_problem
    if facts.tools_missing:
        return (
            SandboxProblem.TOOLS_MISSING,
            f"not installed: {', '.join(facts.tools_missing)}",
            "install util-linux, of which they are a part",
        )
    return None


def _trial_problem(facts: MachineFacts) -> _Found | None:
    """Return why the trial failed; None where it shows every wall."""
    trial = facts.trial
    if trial is None:
        return SandboxProblem.PROBE_FAILED, "no sandbox was tried", "report this as a bug of bykilt"
    if trial.exit_code == 0:
        return _shared_namespace(facts, trial)
    said = trial.said.lower()
    if "mount proc" in said:
        return (
            SandboxProblem.CONTAINER_PROC,
            "the container hides parts of /proc, and so none can be mounted in a sandbox",
            "start the container with --security-opt systempaths=unconfined",
        )
    if not any(words in said for words in _REFUSALS):
        return (
            SandboxProblem.PROBE_FAILED,
            f"a sandbox could not be started: {_last_line(trial)}",
            "see the facts in `bykilt sandbox check --json`; if they explain nothing, report them",
        )
    return _refusal(facts, trial)


def _refusal(facts: MachineFacts, trial: Trial) -> _Found:
    """Return who refused a namespace: of those that could have, the one whose setting says so."""
    if facts.max_user_namespaces == 0 or facts.unprivileged_userns_clone == 0:
        return (
            SandboxProblem.USERNS_DISABLED,
            "this machine's settings allow an ordinary user no user namespace",
            "sysctl -w user.max_user_namespaces=15000, and where there is such a setting: "
            "sysctl -w kernel.unprivileged_userns_clone=1",
        )
    if facts.apparmor_restricts_userns == 1:
        return (
            SandboxProblem.APPARMOR_USERNS,
            "AppArmor restricts user namespaces (Ubuntu 23.10 and newer)",
            "as root: install -D /usr/bin/bwrap /usr/local/lib/bykilt/bwrap && "
            "bykilt sandbox print apparmor >/etc/apparmor.d/bykilt-bwrap && "
            "apparmor_parser -r /etc/apparmor.d/bykilt-bwrap",
        )
    if facts.container is not None or facts.seccomp == 2:
        return (
            SandboxProblem.CONTAINER_SECCOMP,
            f"the container's system call filter refuses namespaces: {_last_line(trial)}",
            "on the host: bykilt sandbox print docker-seccomp >seccomp-bykilt.json; then start the container with "
            "--security-opt seccomp=seccomp-bykilt.json --security-opt systempaths=unconfined",
        )
    return (
        SandboxProblem.USERNS_DENIED,
        f"the kernel refused a namespace: {_last_line(trial)}",
        "look for a security module, or a service's settings, that forbid it; the facts: bykilt sandbox check --json",
    )


def _shared_namespace(facts: MachineFacts, trial: Trial) -> _Found | None:
    """Return what is not apart although every program said that it was."""
    shared = [kind for kind in OUTER_NAMESPACES if not _is_apart(trial.outer.get(kind), facts.own_namespaces.get(kind))]
    shared += [f"nested {kind}" for kind in NESTED_NAMESPACES if not _is_nested_apart(kind, facts, trial)]
    if not shared:
        return None
    return (
        SandboxProblem.PROBE_FAILED,
        f"a sandbox was started, but these namespaces are not its own: {', '.join(shared)}",
        "see the facts in `bykilt sandbox check --json`; if they explain nothing, report them",
    )


def _is_nested_apart(kind: str, facts: MachineFacts, trial: Trial) -> bool:
    nested = trial.nested.get(kind)
    return _is_apart(nested, trial.outer.get(kind)) and _is_apart(nested, facts.own_namespaces.get(kind))


def _is_apart(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _last_line(trial: Trial) -> str:
    lines = [line.strip() for line in trial.said.splitlines() if line.strip()]
    return lines[-1][:300] if lines else f"exit code {trial.exit_code}, and no word why"


def _shown(facts: MachineFacts) -> JsonObject:
    trial = facts.trial
    return {
        "system": facts.system,
        "kernel": facts.kernel,
        "bwrap": facts.bwrap,
        "bwrap_version": facts.bwrap_version,
        "container": facts.container,
        "seccomp": facts.seccomp,
        "max_user_namespaces": facts.max_user_namespaces,
        "unprivileged_userns_clone": facts.unprivileged_userns_clone,
        "apparmor_restricts_userns": facts.apparmor_restricts_userns,
        "trial": None if trial is None else {"exit_code": trial.exit_code, "said": trial.said[-2000:]},
    }
