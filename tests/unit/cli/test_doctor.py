"""What `bykilt doctor` finds, and how it says so."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from bykilt.cli import doctor_checks, doctor_models, doctor_vault
from bykilt.cli.doctor_browser import Probe
from bykilt.cli.doctor_checks import CHECKS, Finding, Status
from bykilt.cli.main import main
from bykilt.settings import Settings
from tests.support.vaults import VaultHome

GOOD = Probe(
    product="Chrome/156", start_ms=300, uid=61200, processes=9, renderers=2, as_root=0, seccomp=True,
    own_namespace=True, weakened_by=(),
)  # fmt: skip


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that also the browser's unprivileged user can pass; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory(prefix="bykilt-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_this_machine_can_run_flows() -> None:
    """Chromium is really started; the checks that follow from it are those that matter for `make demo`."""
    result = CliRunner().invoke(main, ["doctor", "--json"])
    document = json.loads(result.stdout)
    found = {check["id"]: check for check in document["checks"]}
    assert len(found) == len(CHECKS)
    assert result.exit_code == 0, document
    assert document["ok"]
    assert found["chromium_starts"]["status"] == "ok"
    assert "as uid" in found["chromium_starts"]["detail"]
    assert found["sandbox"]["status"] == "ok"
    assert "a sandbox inside a sandbox" in found["sandbox"]["detail"]
    assert found["playwright"]["status"] in ("ok", "warn")


def test_a_missing_chromium_fails_and_says_what_to_do() -> None:
    result = CliRunner().invoke(main, ["doctor"], env={"CHROME_PATH": "/nope"})
    assert result.exit_code == 3
    assert "FAIL Chromium: CHROME_PATH is /nope, but no such file" in result.stdout
    assert "fix: set CHROME_PATH" in result.stdout
    assert "2 of 13 checks failed" in result.stdout


def test_a_chromium_that_is_none_fails_with_what_it_said(open_folder: Path) -> None:
    impostor = open_folder / "chromium"
    impostor.write_text("#!/bin/sh\necho sorry, not me >&2\nexit 5\n", encoding="utf-8")
    impostor.chmod(0o755)
    result = CliRunner().invoke(main, ["doctor", "--json"], env={"CHROME_PATH": str(impostor)})
    found = {check["id"]: check for check in json.loads(result.stdout)["checks"]}
    assert found["chromium_starts"]["status"] == "fail"
    assert "sorry, not me" in found["chromium_starts"]["detail"]
    assert found["chromium_starts"]["fix"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"as_root": 3}, "3 of its 9 processes run as root"),
        ({"weakened_by": ("--a-flag",)}, "weakened by --a-flag"),
        ({"renderers": 0}, "no renderer process"),
        ({"seccomp": False}, "no system call filter"),
        ({"own_namespace": False}, "no namespace of their own"),
    ],
)
def test_a_weak_sandbox_is_no_good_start(changes: dict[str, object], words: str) -> None:
    wrong = doctor_checks.what_is_wrong(replace(GOOD, **changes))  # type: ignore[arg-type]
    assert words in wrong
    assert bool(wrong) == bool(words)


async def found_by(check: doctor_checks.Check, home: Path, engine: str | None = None) -> Finding:
    return await check(Settings(home=home, engine=engine))


async def test_a_home_that_cannot_be_written_fails() -> None:
    finding = await found_by(doctor_checks.home, Path("/proc/bykilt"))
    assert finding.status is Status.FAIL
    assert "BYKILT_HOME" in finding.fix


async def test_a_home_that_is_not_there_yet_is_fine_and_stays_away(tmp_path: Path) -> None:
    finding = await found_by(doctor_checks.home, tmp_path / "a" / "b")
    assert finding.status is Status.OK
    assert not (tmp_path / "a").exists()


async def test_an_unknown_engine_fails_with_the_list(tmp_path: Path) -> None:
    finding = await found_by(doctor_checks.engine, tmp_path, "selenium")
    assert finding.status is Status.FAIL
    assert "cdp, playwright" in finding.detail


async def test_the_vault_is_opened_if_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYKILT_VAULT_KEYRING", "off")
    assert (await found_by(doctor_vault.vault, tmp_path)).status is Status.INFO
    await VaultHome.at(tmp_path).vault().set_secret("a", "1")

    good = await found_by(doctor_vault.vault, tmp_path)
    assert good.status is Status.OK
    assert str(tmp_path / "vault.key") in good.detail
    (tmp_path / "vault.key").chmod(0o644)
    exposed = await found_by(doctor_vault.vault, tmp_path)
    assert exposed.status is Status.WARN
    assert "chmod 600" in exposed.fix


async def test_whatever_is_not_well_says_why_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without any other program, too."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CHROME_PATH", "/nope")
    for check in CHECKS:
        finding = await found_by(check, Path("/proc/bykilt"), "selenium")
        assert finding.why
        if finding.status in (Status.WARN, Status.FAIL):
            assert finding.fix, finding


async def test_settings_of_models_that_cannot_be_used_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await found_by(doctor_models.models, tmp_path)).status is Status.INFO
    (tmp_path / "llm.yaml").write_text("schema_version: 1\nuse: [opnai]\n")
    wrong = await found_by(doctor_models.models, tmp_path)
    assert (wrong.status, "/use/0" in wrong.detail) == (Status.WARN, True)
    (tmp_path / "llm.yaml").write_text("schema_version: 1\n")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    enabled = await doctor_models.models(Settings(home=tmp_path, llm_enabled=True))
    assert enabled.status is Status.WARN
    assert "Docker" in enabled.fix
