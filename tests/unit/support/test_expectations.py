"""The list of known deviations keeps itself up to date: seen by running pytest on a made-up project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.expectations import BadExpectations, read_deviations

ROOT = Path(__file__).resolve().parents[3]

CONFTEST = """
import pathlib, pytest
from tests.support.expectations import expect_failures, read_deviations, stale

@pytest.fixture(params=["cdp", "playwright"])
def engine_type(request):
    return request.param

def pytest_collection_modifyitems(config, items):
    root = pathlib.Path(__file__).parent
    deviations = read_deviations(root / "expectations.toml")
    expect_failures(items, deviations)
    for entry in stale(deviations, items, {item.nodeid.partition("::")[0] for item in items}, root):
        raise pytest.UsageError(f"out of date: {entry}")
"""

TESTS = """
import pytest

def test_the_cdp_engine_fails(engine_type):
    assert engine_type != "cdp"

@pytest.mark.parametrize("format", ["png", "jpeg"])
def test_one_format_fails(engine_type, format):
    assert (engine_type, format) != ("cdp", "jpeg")
"""

CDP = '[[deviation]]\ntest = "test_made_up.py::test_the_cdp_engine_fails"\nengine = "cdp"\nreason = "known"\n'
JPEG = '[[deviation]]\ntest = "test_made_up.py::test_one_*"\nengine = "cdp"\ncase = "jpeg"\nreason = "known"\n'


def run(folder: Path, expectations: str) -> tuple[int, str]:
    """Run pytest on the made-up project; return its exit status and what it said."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_made_up.py").write_text(TESTS)
    (folder / "expectations.toml").write_text(expectations)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    done = subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def test_a_listed_test_may_fail(tmp_path: Path) -> None:
    """Spec: a deviation is an entry with its reason."""
    status, said = run(tmp_path, CDP + JPEG)

    assert status == 0, said
    assert "2 xfailed" in said
    assert "4 passed" in said


def test_an_unlisted_failure_fails_the_run(tmp_path: Path) -> None:
    """Spec: only what is listed may fail."""
    status, said = run(tmp_path, CDP)

    assert status == 1, said
    assert "test_one_format_fails[cdp-jpeg]" in said or "test_one_format_fails[jpeg-cdp]" in said


def test_an_entry_that_no_longer_fails_breaks_the_run(tmp_path: Path) -> None:
    """Spec: the list shrinks as soon as it can."""
    status, said = run(tmp_path, (CDP + JPEG).replace('case = "jpeg"\n', ""))

    assert status == 1, said
    assert "XPASS(strict)" in said


@pytest.mark.parametrize("name", ["test_made_up.py::test_gone", "test_gone.py::test_x"])
def test_an_entry_that_matches_no_test_breaks_the_run(tmp_path: Path, name: str) -> None:
    """Spec: an entry for a renamed test would hide nothing and help nobody."""
    status, said = run(tmp_path, CDP.replace("test_made_up.py::test_the_cdp_engine_fails", name))

    assert status != 0
    assert f"out of date: {name} on cdp" in said


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[deviation]\n", "expectations.toml"),
        ("[[deviations]]\n", "unknown table"),
        ('[[deviation]]\ntest = "a.py::b"\nengine = "cdp"\n', "lacks 'reason'"),
        ('[[deviation]]\ntest = "a.py::b"\nengine = "cdp"\nreason = " "\n', "reason"),
        ('[[deviation]]\ntest = "a.py::b"\nengine = "cdp"\nreason = "r"\nwhen = "now"\n', "when"),
        ('[[deviation]]\ntest = "b"\nengine = "cdp"\nreason = "r"\n', "path::name"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    """Spec: a list that cannot be read is no list."""
    (tmp_path / "expectations.toml").write_text(text)

    with pytest.raises(BadExpectations, match=complaint):
        read_deviations(tmp_path / "expectations.toml")


def test_the_projects_own_list_can_be_read() -> None:
    """Spec: every entry has a test, an engine and a reason."""
    for deviation in read_deviations(ROOT / "tests" / "expectations.toml"):
        assert (ROOT / deviation.file).is_file()
