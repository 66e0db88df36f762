"""Sandbox profiles from the command line: learned from a run, asked for by a flow, and kept to by a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bykilt.cli.run_options import ENGINES
from tests.support.command_line import CommandLine, Said
from tests.support.site import Site

_MORE_THAN_A_GIBIBYTE = """(async () => {
  const kept = [];
  for (let n = 0; n < 48; n++) {
    kept.push(new Uint8Array(32 << 20).fill(7));
    await new Promise((done) => setTimeout(done));
  }
})()"""


@pytest.fixture
def flow(tmp_path: Path, site: Site) -> Path:
    """A flow that opens one page."""
    site.set_page("/page", "<!doctype html><title>Page</title><p>here</p>")
    return write_flow(tmp_path, site)


def write_flow(folder: Path, site: Site, **more: object) -> Path:
    """Return a flow that opens the page, with more keys."""
    path = folder / "flow.json"
    steps = [{"action": "navigate", "url": site.url("/page")}]
    path.write_text(json.dumps({"bykilt": 1, "name": "visit", **more, "steps": steps}), encoding="utf-8")
    return path


def host_of(site: Site) -> str:
    """Return host and port of the site."""
    return urlsplit(site.url()).netloc


@pytest.mark.parametrize("engine", ENGINES)
def test_a_learned_profile_lets_the_same_flow_run_again(
    bykilt: CommandLine, flow: Path, site: Site, tmp_path: Path, engine: str
) -> None:
    """Contract, both engines: what was needed is in the profile, which is for a person to look through."""
    learned = tmp_path / "learned.yaml"
    host = host_of(site)

    first = bykilt.run("run", flow, "--learn-hosts", learned, "--allow-host", host, "--engine", engine)

    assert first.code == 0, first.err
    assert f'- "{host}"' in learned.read_text()
    assert f"What the run reached is in {learned}" in first.err
    again = bykilt.run("run", flow, "--sandbox", "learned", "--sandbox-file", learned, "--engine", engine)
    assert again.code == 0, again.err
    assert site.hits("/page") == 2


def test_a_flow_that_asks_for_no_network_reaches_nothing(bykilt: CommandLine, site: Site, tmp_path: Path) -> None:
    """Contract: the error says that the sandbox refused; the site sees nothing of it."""
    site.set_page("/page", "<!doctype html>")
    flow = write_flow(tmp_path, site, sandbox={"network": "none"})

    said = bykilt.run("run", flow, "--sandbox-file", no_profiles(tmp_path), "--json")

    assert failure_of(said)["code"] == "host_blocked"
    assert site.hits("/page") == 0


def test_a_flow_runs_under_a_profile_of_the_users(bykilt: CommandLine, site: Site, tmp_path: Path) -> None:
    """Contract: the profile is found in the home by the name that the flow gives."""
    site.set_page("/page", "<!doctype html>")
    bykilt.home.mkdir()
    profiles = {"site": {"allowed_hosts": [host_of(site)]}, "bare": {"enabled": False}}
    (bykilt.home / "sandbox.yaml").write_text(json.dumps({"schema_version": 1, "profiles": profiles}))

    said = bykilt.run("run", write_flow(tmp_path, site, sandbox="site"), "--sandbox-file", bykilt.home / "sandbox.yaml")

    assert said.code == 0, said.err
    assert site.hits("/page") == 1
    bare = write_flow(tmp_path, site, sandbox="bare")
    refused = bykilt.run("run", bare, "--sandbox-file", bykilt.home / "sandbox.yaml")
    assert refused.code == 2
    assert "takes walls away" in refused.err
    assert site.hits("/page") == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_comes_to_a_limit_says_which(bykilt: CommandLine, site: Site, tmp_path: Path, engine: str) -> None:
    """Contract, both engines: the failed step, what is said while it runs, and `runs show` name it."""
    site.set_page("/page", "<!doctype html><title>Page</title>")
    steps = [
        {"action": "navigate", "url": site.url("/page")},
        {"action": "evaluate_js", "expression": _MORE_THAN_A_GIBIBYTE},
    ]
    flow = tmp_path / "flow.json"
    flow.write_text(json.dumps({"bykilt": 1, "name": "greedy", "steps": steps}), encoding="utf-8")
    profiles = tmp_path / "profiles.yaml"
    small = {"allowed_hosts": [host_of(site)], "limits": {"memory_mib": 1024}}
    profiles.write_text(json.dumps({"schema_version": 1, "profiles": {"small": small}}))

    said = bykilt.run("run", flow, "--sandbox", "small", "--sandbox-file", profiles, "--engine", engine)

    shown = bykilt.run("runs", "show", "latest", "--json").json()
    assert said.code == 1
    if "memory" in shown["sandbox"]["unenforced"]:
        return
    assert "the sandbox's memory limit of 1024 MiB was hit" in said.out + said.err
    assert "limits.memory_mib" in said.out + said.err
    assert shown["sandbox"]["limits_hit"]["memory"] >= 1
    assert "came to its memory limit, and a process was killed" in bykilt.run("runs", "show", "latest").out


def no_profiles(folder: Path) -> Path:
    """Return a file of no profiles."""
    path = folder / "none.yaml"
    path.write_text("schema_version: 1\nprofiles: {}\n")
    return path


def failure_of(said: Said) -> dict[str, str]:
    """Return the failure in the result of a run."""
    failure: dict[str, str] = said.json()["failure"]
    return failure
