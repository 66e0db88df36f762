"""`bykilt sandbox`: what it shows of profiles, of this machine, and of one host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bykilt.browser.sandbox import probe
from bykilt.cli.main import main

PROFILES = """
schema_version: 1
profiles:
  shop:
    description: the shop
    allowed_hosts: [shop.example, "*.shop.example", "localhost:8000"]
    limits: {memory_mib: 3072, cpus: 1.5}
  offline: {network: none}
  everything: {network: host}
  bare: {enabled: false}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with profiles."""
    (tmp_path / "sandbox.yaml").write_text(PROFILES)
    return tmp_path


def run(home: Path, *arguments: str) -> Result:
    """Run the command in a home."""
    return CliRunner().invoke(main, ["sandbox", *arguments], env={"BYKILT_HOME": str(home)})


def test_profiles_are_listed_with_hosts_and_limits(home: Path) -> None:
    """Contract: one line each; limits that are not at their default are shown."""
    lines = run(home, "profiles").stdout.splitlines()

    assert lines[0].split() == ["PROFILE", "NETWORK", "HOSTS", "LIMITS", "ABOUT"]
    assert "shop.example, *.shop.example, localhost:8000" in lines[1]
    assert "memory 3072 MiB, processes 1024, cpus 1.5" in lines[1]
    assert lines[1].endswith("the shop")
    assert [line.split()[:2] for line in lines[2:4]] == [["offline", "none"], ["everything", "host"]]
    assert "no sandbox" in lines[4]


def test_profiles_are_one_json_document(home: Path) -> None:
    """Contract: everything that the file says, and which walls are missing."""
    document = json.loads(run(home, "profiles", "--json").stdout)

    shop, _, everything, bare = document["profiles"]
    assert document["file"] == str(home / "sandbox.yaml")
    assert shop["limits"]["memory_bytes"] == 3072 * 1024 * 1024
    assert shop["missing_walls"] == []
    assert everything["missing_walls"] == ["this machine's network"]
    assert bare["missing_walls"] == ["no sandbox"]


def test_without_a_file_an_example_is_shown_that_works(tmp_path: Path) -> None:
    """Contract: what is printed can be saved as it is."""
    shown = run(tmp_path, "profiles")

    assert shown.exit_code == 0
    example = shown.stdout.partition("\n\n")[2].partition("\n\n")[0]
    (tmp_path / "sandbox.yaml").write_text(example)
    assert run(tmp_path, "profiles").stdout.splitlines()[1].startswith("shop")


def test_a_file_with_a_mistake_is_bad_input(home: Path) -> None:
    """Contract: with the place of the mistake."""
    (home / "sandbox.yaml").write_text("schema_version: 1\nprofiles: {a: {network: sometimes}}\n")

    shown = run(home, "profiles")

    assert shown.exit_code == 2
    assert "/profiles/a/network" in shown.stderr


def test_another_file_can_be_named(home: Path, tmp_path: Path) -> None:
    """Contract: for profiles that are kept with a project."""
    file = tmp_path / "project.json"
    file.write_text(json.dumps({"schema_version": 1, "profiles": {"mine": {"network": "none"}}}))

    assert "mine" in run(home, "profiles", "--sandbox-file", str(file)).stdout


def test_this_machine_can_sandbox() -> None:
    """Contract: all checks hold on the test machine."""
    shown = CliRunner().invoke(main, ["sandbox", "check"])

    assert shown.exit_code == 0, shown.stdout
    assert [line[:4] for line in shown.stdout.splitlines()] == ["ok  "] * 4
    assert json.loads(CliRunner().invoke(main, ["sandbox", "check", "--json"]).stdout)["ok"] is True


def test_a_machine_that_cannot_says_why_and_how_to_mend_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract: exit code 3, for scripts; no browser is promised walls that cannot be."""
    monkeypatch.setattr(probe, "OWN_BWRAP", str(tmp_path / "none"))
    monkeypatch.setattr(probe, "_SYSTEM_PATH", str(tmp_path))

    shown = CliRunner().invoke(main, ["sandbox", "check"])

    assert shown.exit_code == 3
    assert "FAIL bubblewrap" in shown.stdout
    assert "(bwrap-missing)" in shown.stdout
    assert "fix: Debian and Ubuntu: apt-get install bubblewrap" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["shop.example", "--profile", "shop"], 0, "allowed by rule 'shop.example'"),
        (["https://www.shop.example/cart?x=1", "--profile", "shop"], 0, "allowed by rule '*.shop.example'"),
        (["localhost:8000", "--profile", "shop"], 0, "allowed by rule 'localhost:8000'"),
        (["shop.example:8443", "--profile", "shop"], 1, "shop.example:8443"),
        (["other.example", "--profile", "shop"], 1, "add 'other.example'"),
        (["other.example", "--profile", "offline"], 1, "no network"),
        (["10.0.0.5", "--profile", "everything"], 0, "nothing stands between"),
        (["other.example"], 0, "allowed by mode 'open'"),
        (["http://10.0.0.5/"], 1, "10.0.0.5:80 is refused"),
        (["[::1]:8000"], 1, "add '[::1]:8000'"),
    ],
)
def test_a_host_is_explained(home: Path, arguments: list[str], code: int, words: str) -> None:
    """Contract: allowed or not, by which rule, and what to add."""
    shown = run(home, "explain", *arguments)

    assert words in shown.stdout
    assert shown.exit_code == code


@pytest.mark.parametrize(
    ("sandbox", "origin", "code"),
    [
        ('"sandbox": "shop",', "profile shop of", 1),
        ('"sandbox": {"allowed_hosts": ["other.example"]},', "the policy in", 0),
        ("", "asks for nothing", 0),
    ],
)
def test_a_host_is_explained_for_a_flow(home: Path, sandbox: str, origin: str, code: int) -> None:
    """Contract: the answer is that of a run of this flow."""
    flow = home / "flow.json"
    flow.write_text(f'{{"bykilt": 1, "name": "f", {sandbox} "steps": [{{"action": "reload"}}]}}')

    shown = run(home, "explain", "other.example", "--flow", str(flow), "--json")

    document: dict[str, Any] = json.loads(shown.stdout)
    assert origin in document["policy"]["origin"]
    assert document["allowed"] is (code == 0)
    assert shown.exit_code == code


@pytest.mark.parametrize("text", ["", "ftp://shop.example", "shop.example:port", "[::1", "https:///path"])
def test_what_is_no_host_is_bad_input(home: Path, text: str) -> None:
    """Contract: with an example of what is one."""
    shown = run(home, "explain", text)

    assert shown.exit_code == 2
    assert "localhost:8000" in shown.stderr


def test_an_unknown_profile_is_bad_input(home: Path) -> None:
    """Contract: the default is not asked instead."""
    shown = run(home, "explain", "shop.example", "--profile", "shp")

    assert shown.exit_code == 2
    assert "did you mean 'shop'?" in shown.stderr


def test_the_files_that_a_machine_is_prepared_with_are_printed(home: Path) -> None:
    """Contract: as they are to be used, so that an installation needs nothing beside it."""
    printed = run(home, "print", "docker-seccomp")
    assert printed.exit_code == 0
    assert "unshare" in json.loads(printed.stdout)["syscalls"][0]["names"]
    assert run(home, "print", "apparmor").stdout.rstrip().endswith("}")
    assert run(home, "print", "something").exit_code == 2
