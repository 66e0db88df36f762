"""What a stranger gets: locks that install anywhere, a whole wheel, files that name no machine of ours."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.architecture._sources import PACKAGE, ROOT, package_sources, tracked_files, tracked_texts

LOCKS = sorted(ROOT.glob("requirements*.lock"))
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", re.MULTILINE)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pins(lock: Path) -> dict[str, str]:
    return {_normal(name): version for name, version in PIN.findall(lock.read_text())}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_host(lock: Path) -> None:
    """So pip takes its packages from wherever this machine's pip takes them."""
    text = lock.read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_package_carries_hashes(lock: Path) -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock.read_text().strip())
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_locks_agree_on_every_version() -> None:
    """One .venv serves them all."""
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, version in _pins(lock).items():
            versions.setdefault(name, set()).add(version)
    assert {name: seen for name, seen in versions.items() if len(seen) > 1} == {}


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    runtime = project["project"]["dependencies"]
    wanted = {
        "requirements.lock": runtime,
        "requirements-dev.lock": runtime + groups["dev"],
        "requirements-bench.lock": runtime + groups["bench"],
        "requirements-build.lock": groups["build"],
        "requirements-servers.lock": groups["servers"],
    }
    assert set(wanted) == {lock.name for lock in LOCKS}
    for name, requirements in wanted.items():
        asked = {_normal(re.split(r"[<>=!~ \[;]", requirement)[0]) for requirement in requirements}
        assert asked - set(_pins(ROOT / name)) == set(), f"run scripts/lock: {name} misses these"


def test_tracked_files_name_no_registry_and_no_machine_of_ours() -> None:
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "registry.npmjs" + ".org", "deb.debian" + ".org"]
    hosts += ["registry.yarnpkg" + ".com", "proxy.golang" + ".org"]
    paths = ["/wo" + "rk/", "/ro" + "ot/", "/tmp/te" + "am", "/opt/wh" + "eels"]
    found = [
        f"{name}: {word}"
        for name, text in tracked_texts()
        for word in [*hosts, *(path for path in paths if re.search(r"(?<![\w.~/*-])" + path, text))]
        if word in text
    ]
    assert not found


def test_every_make_target_is_a_script() -> None:
    rule = re.search(r"^(.+):\n\t@scripts/\$@", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert rule
    for target in rule[1].split():
        script = ROOT / "scripts" / target
        assert script.stat().st_mode & 0o111, f"{script.name} is not executable"


def test_ci_runs_the_commands_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    for document in ("README.md", "README.ja.md"):
        text = (ROOT / document).read_text()
        for command in ("make demo", "make test"):
            assert re.search(rf"^{command}\b", script, re.MULTILINE)
            assert re.search(rf"^{command}\b", text, re.MULTILINE), f"{document} does not show {command}"


def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    """Page scripts, practice pages and type marker are data that no import would miss."""
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    source = PACKAGE.parent
    expected = {str(path.relative_to(source)) for path in tracked_files() if path.is_relative_to(PACKAGE)}
    assert expected - packed == set()
    assert [name for name in packed if "__pycache__" in name or name.startswith("tests")] == []


def test_no_message_names_a_file_that_an_installation_has_not_got() -> None:
    """The wheel holds the package alone: no guide, and nothing of what lies beside the sources."""
    beside = re.compile(r"(?<![\w./-])(docs|deploy|scripts|bench|tests)/[\w.-]")
    named = []
    for source in package_sources():
        documented = {
            id(node.body[0].value)
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(source.tree):
            is_message = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented
            if is_message and beside.search(str(node.value)):  # type: ignore[attr-defined]
                named.append(f"{source.place(node)}: {node.value}")  # type: ignore[attr-defined]
    assert named == []
