"""Set-up on machines that lack something: it says what was tried and what to do, and exits with 3.

The real installation is what brought these tests to run; here PATH is cut down to make other machines.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture._sources import ROOT

# What the scripts use of a minimal system; no Python, no apt-get, no browser.
TOOLS = [
    "bash",
    "cat",
    "dirname",
    "env",
    "grep",
    "head",
    "id",
    "ls",
    "mkdir",
    "mktemp",
    "printf",
    "readlink",
    "rm",
]
TOOLS += ["sed", "sha256sum", "sort", "stat", "tail", "timeout", "flock"]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder with the set-up scripts and a `bin` that holds a minimal system."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    for name in ["pyproject.toml", *(lock.name for lock in ROOT.glob("requirements*.lock"))]:
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for tool in TOOLS:
        if path := shutil.which(tool):
            (tmp_path / "bin" / tool).symlink_to(path)
    return tmp_path


@pytest.fixture
def run(machine: Path) -> Run:
    """Source `_setup.sh` on that machine and run a line of shell."""

    def run(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f"source {machine}/scripts/_setup.sh; {line}"],
            env={"PATH": str(machine / "bin"), "HOME": str(machine), "BYKILT_NO_APT": "1", **environment},
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )

    return run


def add_program(machine: Path, name: str, script: str) -> Path:
    program = machine / "bin" / name
    program.write_text(f"#!/usr/bin/env bash\n{script}\n")
    program.chmod(0o755)
    return program


# The finders also look at fixed places, where this machine may have a browser or a Python of its own.
FIXED_PLACES = "s#/usr/bin/[a-z0-9]*##; s#/usr/lib/chromium/chromium##; s#/opt/[a-z/]*##"
BARE = f'eval "$(declare -f {{0}} | sed "{FIXED_PLACES}")"; '
NO_CHROMIUM = BARE.format("installed_chromium")
NO_PYTHON = BARE.format("find_python")


def test_without_python_it_says_what_to_install(run: Run) -> None:
    done = run(NO_PYTHON + "setup runtime")
    assert done.returncode == 3
    assert "no Python >= 3.11 was found" in done.stderr
    assert "Tried:" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_a_python_without_venv_is_named(run: Run, machine: Path) -> None:
    """Debian's python3 without python3-venv."""
    add_program(machine, "python3", 'case "$*" in *ensurepip*) exit 1 ;; *) exit 0 ;; esac')
    done = run(NO_PYTHON + "setup runtime")
    assert done.returncode == 3
    assert "cannot make virtual environments" in done.stderr
    assert "apt-get install python3-venv" in done.stderr


def test_an_older_python_is_passed_over(run: Run, machine: Path) -> None:
    add_program(machine, "python3", "exit 1")
    (machine / "bin" / "python3.12").symlink_to(sys.executable)
    done = run(NO_PYTHON + "find_python")
    assert done.stdout.strip().endswith("bin/python3.12")


def test_without_a_browser_it_says_what_was_tried(run: Run, machine: Path) -> None:
    add_program(machine, "python", "echo 'Error: download failed'; exit 1")
    (machine / "bin" / "python").rename(machine / ".venv" / "bin" / "python")
    done = run(NO_CHROMIUM + "setup_chromium", PLAYWRIGHT_BROWSERS_PATH=str(machine / "browsers"))
    assert done.returncode == 3
    assert "none answers --version" in done.stderr
    assert "playwright install" in done.stderr
    assert "download failed" in done.stderr
    assert "CHROME_PATH" in done.stderr


def test_the_stub_that_stands_in_for_a_snap_is_passed_over(run: Run, machine: Path) -> None:
    """Ubuntu's `chromium-browser` without the snap prints advice and fails."""
    add_program(machine, "chromium", "echo 'Command requires the chromium snap to be installed.' >&2; exit 1")
    add_program(machine, "chromium-browser", "exec /snap/bin/chromium")
    done = run(NO_CHROMIUM + "installed_chromium")
    assert done.returncode == 0
    assert done.stdout == ""


def test_the_browser_of_the_machine_is_taken_and_remembered(run: Run, machine: Path) -> None:
    browser = add_program(machine, "chromium", "echo asked >> $HOME/asked; echo Chromium 156.0.8078.79")
    line = "setup_chromium; echo $CHROME_PATH"
    assert run(NO_CHROMIUM + line).stdout.strip() == str(browser)
    assert run(NO_CHROMIUM + line).stdout.strip() == str(browser)
    assert (machine / "asked").read_text() == "asked\n"


def test_an_updated_browser_is_asked_again(run: Run, machine: Path) -> None:
    browser = add_program(machine, "chromium", "echo asked >> $HOME/asked; echo Chromium 156.0.8078.79")
    run(NO_CHROMIUM + "setup_chromium")
    os.utime(browser, (1, 1))
    run(NO_CHROMIUM + "setup_chromium")
    assert (machine / "asked").read_text() == "asked\nasked\n"


def test_chrome_path_comes_first(run: Run, machine: Path) -> None:
    add_program(machine, "chromium", "echo Chromium 156.0.8078.79")
    mine = add_program(machine, "mine", "echo Google Chrome 156.0.8078.79")
    done = run("setup_chromium; echo $CHROME_PATH", CHROME_PATH=str(mine))
    assert done.stdout.strip() == str(mine)


def test_a_wrong_chrome_path_is_refused(run: Run) -> None:
    """It was said on purpose, so nothing else is taken in its place."""
    done = run("setup_chromium", CHROME_PATH="/nowhere/chrome")
    assert done.returncode == 3
    assert "CHROME_PATH is /nowhere/chrome" in done.stderr


@pytest.mark.parametrize("level", ["runtime", "dev", "bench"])
def test_a_changed_lock_asks_for_a_new_installation(run: Run, machine: Path, level: str) -> None:
    (machine / ".venv" / "pyvenv.cfg").touch()
    add_program(machine, "bykilt", "true").rename(machine / ".venv" / "bin" / "bykilt")
    (machine / ".venv" / "bin" / "python").symlink_to(sys.executable)
    state = f"if is_stamped {level}; then echo done; else echo to do; fi"
    assert run(state).stdout == "to do\n"
    run(f'key_of {level} >"$(stamp_of {level})"')
    assert run(state).stdout == "done\n"

    lock = machine / ("requirements.lock" if level == "runtime" else f"requirements-{level}.lock")
    lock.write_text(lock.read_text() + "\n")

    assert run(state).stdout == "to do\n"


def test_settings_of_the_checks_do_not_ask_for_a_new_installation(run: Run, machine: Path) -> None:
    (machine / ".venv" / "pyvenv.cfg").touch()
    before = run("key_of dev").stdout
    project = machine / "pyproject.toml"
    project.write_text(project.read_text().replace("line-length = 120", "line-length = 119"))
    assert run("key_of dev").stdout == before
