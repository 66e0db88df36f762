"""The probe of this machine: a real sandbox, and real ones that cannot be."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bykilt.browser.sandbox.errors import SandboxUnavailable
from bykilt.browser.sandbox.machine import NESTED_NAMESPACES, OUTER_NAMESPACES, SandboxProblem, judge
from bykilt.browser.sandbox.probe import find_bwrap, gather_facts, probe_sandbox, require_sandbox, try_sandbox
from bykilt.errors import ExitCode
from tests.support.seccomp_lack import python_without_libseccomp, python_without_seccomp


@pytest.fixture
def bwrap() -> str:
    """The bubblewrap of this machine."""
    found = find_bwrap()
    assert found is not None, "bubblewrap has to be installed"
    return found


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that also the user of the trial can pass; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory(prefix="bykilt-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_this_machine_can_sandbox_a_browser() -> None:
    """Contract: the test machine has what bykilt needs; a machine without it fails here, and says what to do."""
    report = require_sandbox()

    assert report.ok


def test_the_trial_shows_namespaces_that_exist_nowhere_else() -> None:
    """Contract: seven of the sandbox's own and three within; none of them is ours."""
    facts = gather_facts()

    assert facts.trial is not None
    assert set(facts.trial.outer) == set(OUTER_NAMESPACES)
    assert set(facts.trial.nested) == set(NESTED_NAMESPACES)
    ours = {os.readlink(f"/proc/self/ns/{kind}") for kind in OUTER_NAMESPACES}
    assert ours.isdisjoint({*facts.trial.outer.values(), *facts.trial.nested.values()})


def test_the_trial_takes_no_time_and_leaves_no_process(bwrap: str) -> None:
    """Contract: it may be made before every browser."""
    begun_s = time.monotonic()

    assert try_sandbox(bwrap).exit_code == 0

    assert time.monotonic() - begun_s < 5


def test_without_bubblewrap_there_is_no_sandbox(tmp_path: Path) -> None:
    """Contract: the error of a run says what is missing, and how to get it."""
    with pytest.raises(SandboxUnavailable) as refused:
        require_sandbox(str(tmp_path / "bwrap"))

    assert refused.value.code == "sandbox_unavailable"
    assert refused.value.exit_code is ExitCode.MISSING_CAPABILITY
    assert "bwrap-missing" in refused.value.message
    assert "bubblewrap" in refused.value.hint


def test_an_old_bubblewrap_is_told_by_the_options_that_it_does_not_know(tmp_path: Path) -> None:
    """Contract: nothing is tried with a program that would misread the walls."""
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho 'bubblewrap 0.3.0'\necho '--info-fd FD --perms OCTAL --seccomp FD'\n")
    old.chmod(0o755)

    report = probe_sandbox(str(old))

    assert report.code == SandboxProblem.BWRAP_TOO_OLD
    assert "--args, --size, --add-seccomp-fd" in report.problem


PROBE = """
from bykilt.browser.sandbox.probe import probe_sandbox
report = probe_sandbox()
print(report.code, report.problem, report.fix)
"""


def test_a_machine_without_libseccomp_is_told_before_anything_is_tried() -> None:
    assert python_without_libseccomp(PROBE).startswith("libseccomp-missing ")


def test_a_machine_whose_filters_cannot_be_built_is_told_although_the_library_is_there() -> None:
    """Contract: what a browser's start would say, said beforehand."""
    said = python_without_seccomp(PROBE)

    assert said.startswith("seccomp-unusable this kernel cannot filter system calls")
    assert "CONFIG_SECCOMP_FILTER" in said


def test_a_setuid_bubblewrap_is_not_used(tmp_path: Path, bwrap: str) -> None:
    """Contract: what it makes leaves no room for Chromium's own sandbox."""
    copy = Path(shutil.copy(bwrap, tmp_path / "bwrap"))
    copy.chmod(0o4755)

    assert probe_sandbox(str(copy)).code == SandboxProblem.BWRAP_SETUID


def test_a_bubblewrap_that_lies_about_its_work_is_found_out(open_folder: Path) -> None:
    """Contract: a program that starts everything without walls ends with 0, and is no sandbox all the same."""
    liar = open_folder / "bwrap"
    liar.write_text(
        "#!/bin/sh\n"
        'case "$1" in --help|--version) echo "--args --size --perms --add-seccomp-fd --info-fd"; exit;; esac\n'
        'while [ "$1" != -- ]; do shift; done; shift; exec "$@"\n'
    )
    liar.chmod(0o755)

    report = probe_sandbox(str(liar))

    assert report.code == SandboxProblem.PROBE_FAILED
    assert "not its own: user, pid, ipc, uts, cgroup, net, mnt" in report.problem


def test_a_machine_that_allows_no_user_namespace_is_told_from_one_that_is_broken(bwrap: str) -> None:
    """Contract: the limit is set for real, in a namespace of its own; the words are the kernel's."""
    no_more = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    trial = try_sandbox(bwrap, through=["unshare", "--user", "--map-root-user", "/bin/sh", "-c", no_more, "sh"])

    assert trial.exit_code != 0
    report = judge(replace(gather_facts(bwrap), max_user_namespaces=0, trial=trial))
    assert report.code == SandboxProblem.USERNS_DISABLED
    # Where the setting is not to be seen, it is still a refusal, and no fault of the probe.
    facts = replace(gather_facts(bwrap), trial=trial, apparmor_restricts_userns=None, container=None, seccomp=0)
    assert judge(facts).code == SandboxProblem.USERNS_DENIED


def test_a_machine_whose_proc_is_masked_is_told_as_a_container(bwrap: str) -> None:
    """Contract: as Docker does it: with a part of /proc covered, the kernel lets nobody mount it anew."""
    covered = 'mount -t tmpfs none /proc/fs && exec "$@"'
    through = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "/bin/sh", "-c", covered, "sh"]

    trial = try_sandbox(bwrap, through=through)

    assert judge(replace(gather_facts(bwrap), trial=trial)).code == SandboxProblem.CONTAINER_PROC
