"""From what was found on a machine to why there can be no sandbox, and how to mend it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bykilt.browser.sandbox.machine import (
    NESTED_NAMESPACES,
    OUTER_NAMESPACES,
    MachineFacts,
    SandboxProblem,
    Trial,
    checks,
    judge,
)


def namespaces(mark: str, kinds: tuple[str, ...] = OUTER_NAMESPACES) -> dict[str, str]:
    """Return a namespace of every kind."""
    return {kind: f"{kind}:[{mark}]" for kind in kinds}


APART = Trial(0, "", namespaces("outer"), namespaces("nested", NESTED_NAMESPACES))
GOOD = MachineFacts(
    system="linux",
    kernel="6.1.0-18-amd64",
    bwrap="/usr/bin/bwrap",
    bwrap_version="bubblewrap 0.8.0",
    has_libseccomp=True,
    seccomp=0,
    max_user_namespaces=15_000,
    own_namespaces=namespaces("own"),
    trial=APART,
)
NO_PERMISSION = "bwrap: No permissions to create new namespace, likely because the kernel does not allow …"


def failed(said: str) -> Trial:
    """Return a trial that ended with these words."""
    return Trial(1, said)


def test_a_machine_on_which_everything_is_apart_can_sandbox() -> None:
    """Contract: the trial decides."""
    report = judge(GOOD)

    assert report.ok
    assert report.code == "ok"
    assert [holds for _, holds in checks(report)] == [True] * 4


@pytest.mark.parametrize(
    ("changes", "code", "fix"),
    [
        ({"system": "darwin"}, SandboxProblem.NOT_LINUX, "virtual machine"),
        ({"system": "win32"}, SandboxProblem.NOT_LINUX, "WSL 2"),
        ({"kernel": "4.4.0-19041-Microsoft"}, SandboxProblem.NOT_LINUX, "WSL 2"),
        ({"bwrap": None}, SandboxProblem.BWRAP_MISSING, "apt-get install bubblewrap"),
        ({"bwrap_is_setuid": True}, SandboxProblem.BWRAP_SETUID, "chmod u-s /usr/bin/bwrap"),
        ({"options_missing": ("--size",)}, SandboxProblem.BWRAP_TOO_OLD, "0.8 or newer"),
        ({"has_libseccomp": False}, SandboxProblem.LIBSECCOMP_MISSING, "libseccomp2"),
        ({"filter_problem": ("it is too old", "install 2.5")}, SandboxProblem.SECCOMP_UNUSABLE, "install 2.5"),
        ({"tools_missing": ("setpriv",)}, SandboxProblem.TOOLS_MISSING, "util-linux"),
        (
            {
                "trial": failed("bwrap: Creating new namespace failed: No space left on device"),
                "max_user_namespaces": 0,
            },
            SandboxProblem.USERNS_DISABLED,
            "user.max_user_namespaces=15000",
        ),
        (
            {"trial": failed(NO_PERMISSION), "unprivileged_userns_clone": 0},
            SandboxProblem.USERNS_DISABLED,
            "kernel.unprivileged_userns_clone=1",
        ),
        (
            {"trial": failed("bwrap: setting up uid map: Permission denied"), "apparmor_restricts_userns": 1},
            SandboxProblem.APPARMOR_USERNS,
            "bykilt sandbox print apparmor",
        ),
        (
            {"trial": failed("bwrap: loopback: Failed RTM_NEWADDR"), "apparmor_restricts_userns": 1},
            SandboxProblem.APPARMOR_USERNS,
            "apparmor_parser",
        ),
        (
            {"trial": failed("unshare: unshare failed: Permission denied"), "apparmor_restricts_userns": 1},
            SandboxProblem.APPARMOR_USERNS,
            "apparmor_parser",
        ),
        (
            {"trial": failed(NO_PERMISSION), "container": "docker", "seccomp": 2},
            SandboxProblem.CONTAINER_SECCOMP,
            "seccomp-bykilt.json",
        ),
        ({"trial": failed(NO_PERMISSION), "seccomp": 2}, SandboxProblem.CONTAINER_SECCOMP, "seccomp-bykilt.json"),
        (
            {
                "trial": failed("bwrap: Can't mount proc on /newroot/proc: Operation not permitted"),
                "container": "docker",
            },
            SandboxProblem.CONTAINER_PROC,
            "systempaths=unconfined",
        ),
        ({"trial": failed(NO_PERMISSION)}, SandboxProblem.USERNS_DENIED, "security module"),
        ({"trial": failed("bwrap: execvp /bin/sh: No such file or directory")}, SandboxProblem.PROBE_FAILED, "facts"),
        ({"trial": failed("")}, SandboxProblem.PROBE_FAILED, "facts"),
        ({"trial": None}, SandboxProblem.PROBE_FAILED, "bug"),
    ],
)
def test_each_way_to_refuse_a_sandbox_has_its_code_and_its_remedy(
    changes: dict[str, Any], code: SandboxProblem, fix: str
) -> None:
    """Contract: the code is for programs, the words for whoever has to mend the machine."""
    report = judge(replace(GOOD, **changes))

    assert not report.ok
    assert report.code == code
    assert report.problem
    assert fix in report.fix
    assert [holds for _, holds in checks(report)][-1] is False


@pytest.mark.parametrize(
    "changes",
    [{"apparmor_restricts_userns": 1}, {"unprivileged_userns_clone": 0}, {"container": "docker", "seccomp": 2}],
)
def test_a_setting_alone_decides_nothing(changes: dict[str, Any]) -> None:
    """Contract: a profile may allow what a setting forbids; what counts is whether it works."""
    assert judge(replace(GOOD, **changes)).ok


@pytest.mark.parametrize("kind", OUTER_NAMESPACES)
def test_a_namespace_that_is_shared_with_us_is_no_sandbox(kind: str) -> None:
    """Contract: a program that says that all is well is not believed."""
    trial = replace(APART, outer={**APART.outer, kind: GOOD.own_namespaces[kind]})

    report = judge(replace(GOOD, trial=trial))

    assert report.code == SandboxProblem.PROBE_FAILED
    assert f"not its own: {kind}" in report.problem


@pytest.mark.parametrize("kind", NESTED_NAMESPACES)
@pytest.mark.parametrize("other", ["outer", "own"])
def test_a_nested_namespace_is_one_of_its_own_too(kind: str, other: str) -> None:
    """Contract: without it Chromium's own sandbox would not be what it seems."""
    trial = replace(APART, nested={**APART.nested, kind: f"{kind}:[{other}]"})

    assert f"nested {kind}" in judge(replace(GOOD, trial=trial)).problem


def test_what_could_not_be_seen_does_not_count_as_apart() -> None:
    """Contract: if the check cannot run, the answer is no."""
    assert not judge(replace(GOOD, own_namespaces={})).ok
    assert not judge(replace(GOOD, trial=replace(APART, nested={}))).ok
    assert not judge(replace(GOOD, trial=Trial(0, ""))).ok
