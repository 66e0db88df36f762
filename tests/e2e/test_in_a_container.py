"""bykilt under the system call filter that it ships for containers, and under one that is too strict."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bykilt.browser.sandbox import host_files
from bykilt.browser.sandbox.host_files import HostFile
from bykilt.cli.run_options import ENGINES
from tests.support import container_filter
from tests.support.command_line import CommandLine

SHIPPED = Path(host_files.__file__).parent / HostFile.DOCKER_SECCOMP.file_name
ENOSYS, EPERM = 38, 1


def run(bykilt: CommandLine, profile: Path, error: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of bykilt under a filter; what the filter does not name fails with the error."""
    filtered = [sys.executable, container_filter.__file__, str(profile), str(error)]
    command = [*filtered, sys.executable, "-m", "bykilt", *arguments]
    return subprocess.run(command, env=bykilt.env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_demo_runs_under_the_filter_that_ships(bykilt: CommandLine, engine: str) -> None:
    """Contract, both engines: the whole sandbox is made under it, and a run with files and frames succeeds."""
    done = run(bykilt, SHIPPED, ENOSYS, "demo", "--engine", engine, "--no-trace", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True


def test_a_filter_without_namespaces_is_told_as_what_it_is(bykilt: CommandLine, tmp_path: Path) -> None:
    """Contract: as with Docker's own filter, the check says that it is the container, and how to start it."""
    profile = json.loads(SHIPPED.read_text())
    [allowed] = profile["syscalls"]
    allowed["names"] = [name for name in allowed["names"] if name not in ("mount", "umount2", "pivot_root", "unshare")]
    strict = tmp_path / "strict.json"
    strict.write_text(json.dumps(profile))

    done = run(bykilt, strict, EPERM, "sandbox", "check", "--json")

    report = json.loads(done.stdout)
    assert done.returncode == 3
    assert report["code"] == "container-seccomp"
    assert "seccomp-bykilt.json" in report["fix"]
