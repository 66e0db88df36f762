"""When AppArmor's profile is promised, when it is refused, and whether the profile that ships is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bykilt.browser.sandbox.apparmor import PROFILE, AppArmorFacts, is_under, promised_profile
from bykilt.browser.sandbox.errors import SandboxUnavailable
from bykilt.browser.sandbox.host_files import HostFile
from bykilt.browser.sandbox.probe import OWN_BWRAP

LOADED = AppArmorFacts(is_enabled=True, loaded=frozenset({PROFILE, "chrome"}))
NOT_LOADED = AppArmorFacts(is_enabled=True, loaded=frozenset({"chrome"}))
UNSEEN = AppArmorFacts(is_enabled=True, loaded=None)
NONE = AppArmorFacts(is_enabled=False, loaded=None)


@pytest.mark.parametrize(
    ("facts", "bwrap", "expected"),
    [
        (LOADED, OWN_BWRAP, PROFILE),
        (LOADED, "/usr/bin/bwrap", ""),
        (NOT_LOADED, OWN_BWRAP, ""),
        (UNSEEN, OWN_BWRAP, ""),
        (NONE, OWN_BWRAP, ""),
    ],
)
def test_left_open_it_is_promised_where_it_is_certain(facts: AppArmorFacts, bwrap: str, expected: str) -> None:
    assert promised_profile(None, bwrap, facts) == expected


@pytest.mark.parametrize(
    ("facts", "bwrap", "why"),
    [
        (LOADED, "/usr/bin/bwrap", "/usr/bin/bwrap is used"),
        (NOT_LOADED, OWN_BWRAP, "not loaded"),
        (NONE, OWN_BWRAP, "no AppArmor"),
    ],
)
def test_asked_for_it_is_had_or_nothing_starts(facts: AppArmorFacts, bwrap: str, why: str) -> None:
    with pytest.raises(SandboxUnavailable, match=why) as caught:
        promised_profile(True, bwrap, facts)
    assert "bykilt sandbox print apparmor" in (caught.value.hint or "")


def test_where_one_may_not_look_the_attestation_decides() -> None:
    """Contract: it is promised, and so each process must be found under it."""
    assert promised_profile(True, OWN_BWRAP, UNSEEN) == PROFILE
    assert promised_profile(True, OWN_BWRAP, LOADED) == PROFILE


def test_nobody_needs_it_who_does_without() -> None:
    assert promised_profile(False, OWN_BWRAP, LOADED) == ""


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("bykilt-bwrap (unconfined)", True),
        ("bykilt-bwrap//&other (enforce)", True),
        ("other//&bykilt-bwrap (enforce)", True),
        ("bykilt-bwrap//child (enforce)", False),
        ("my-bykilt-bwrap (enforce)", False),
        ("unconfined", False),
        ("", False),
    ],
)
def test_a_label_is_read_as_the_kernel_writes_it(label: str, expected: bool) -> None:
    assert is_under(label, PROFILE) is expected


def test_the_kernels_lists_are_read(tmp_path: Path) -> None:
    enabled, loaded = tmp_path / "enabled", tmp_path / "profiles"
    enabled.write_text("Y\n")
    loaded.write_text("bykilt-bwrap (unconfined)\n/usr/bin/man (enforce)\n")

    assert AppArmorFacts.gather(enabled, loaded) == AppArmorFacts(True, frozenset({PROFILE, "/usr/bin/man"}))
    assert AppArmorFacts.gather(tmp_path / "no", tmp_path / "no") == NONE


def test_the_profile_that_ships_is_for_the_bubblewrap_that_is_used() -> None:
    assert f"profile {PROFILE} {OWN_BWRAP} flags=(unconfined) {{\n  userns,\n" in HostFile.APPARMOR.text()


def test_the_profile_that_ships_can_be_read_by_apparmor() -> None:
    """Contract: by its own parser. Version 3 knows no `userns`, so it reads the rest."""
    parser = shutil.which("apparmor_parser", path="/usr/sbin:/sbin:/usr/bin:/bin")
    assert parser is not None, "scripts/_setup.sh installs it"
    version = subprocess.run([parser, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"version (\d+)", version)
    assert found is not None
    text = HostFile.APPARMOR.text()
    if int(found[1]) < 4:
        text = text.replace("abi <abi/4.0>,", "").replace("  userns,\n", "")
    command = [parser, "--skip-kernel-load", "--skip-cache"]

    assert subprocess.run(command, input=text, text=True, capture_output=True, check=False).returncode == 0
    broken = subprocess.run(command, input=text.replace("}", ""), text=True, capture_output=True, check=False)
    assert broken.returncode != 0
