"""Flows that work on what the browser remembers, as a user sees them: on the command line, and in the run's files."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine
from tests.support.site import Site

SECRET = "very-secret-value"


def flow_file(folder: Path, steps: list[object], **more: object) -> Path:
    """Write a flow of these steps; return its path."""
    path = folder / "flow.json"
    path.write_text(json.dumps({"bykilt": 1, "name": "state", "steps": steps, **more}), encoding="utf-8")
    return path


@pytest.mark.parametrize("engine", ["cdp", "playwright"])
def test_the_values_of_cookies_stay_out_of_events_and_trace(
    bykilt: CommandLine, tmp_path: Path, site: Site, engine: str
) -> None:
    steps: list[object] = [
        {"action": "navigate", "url": site.url("a.html")},
        {"action": "set_cookie", "name": "session", "value": SECRET},
        {"action": "navigate", "url": site.url("b.html")},
        {"id": "jar", "action": "get_cookies", "name": "session"},
        {"action": "extract", "selector": "h1", "when": f'${{steps.jar.result.cookies[0].value}} == "{SECRET}"'},
        {"action": "clear_cookies"},
    ]
    said = bykilt.run("run", flow_file(tmp_path, steps), "--engine", engine, "--json")

    document = said.json()
    assert said.code == 0, said.err
    assert site.requests("/b.html")[0].headers.get("cookie") == f"session={SECRET}"
    events = (Path(document["folder"]) / "events.jsonl").read_text(encoding="utf-8")
    assert SECRET not in events
    assert '"skipped"' not in events, "the value was there for the next step"
    with zipfile.ZipFile(document["trace"]) as trace:
        assert not any(SECRET.encode() in trace.read(name) for name in trace.namelist())


PROBE = "[Intl.DateTimeFormat().resolvedOptions().timeZone, screen.width, navigator.language, confirm('Sure?')]"


@pytest.mark.parametrize("engine", ["cdp", "playwright"])
def test_what_pages_believe_comes_from_the_flow_and_the_command_line(
    bykilt: CommandLine, tmp_path: Path, site: Site, engine: str
) -> None:
    """The command line comes first; what it leaves out stays as the flow says."""
    steps: list[object] = [
        {"action": "navigate", "url": site.url("a.html")},
        {"id": "seen", "action": "evaluate_js", "expression": PROBE},
    ]
    emulation = {"timezone": "Asia/Tokyo", "locale": "ja-JP"}
    flow = flow_file(tmp_path, steps, browser={"emulation": emulation}, outputs={"seen": "${steps.seen.result}"})

    said = bykilt.run(
        "run", flow, "--engine", engine, "--json", "--locale", "fr-FR", "--device", "Pixel 8", "--dialogs", "accept"
    )

    assert said.code == 0, said.err
    assert said.json()["outputs"]["seen"] == ["Asia/Tokyo", 412, "fr-FR", True]


def test_a_flow_that_asks_for_a_device_that_is_none(bykilt: CommandLine, tmp_path: Path, site: Site) -> None:
    """The place, the reason and what was meant, before anything starts."""
    steps: list[object] = [{"action": "navigate", "url": site.url("a.html")}]

    said = bykilt.run("run", flow_file(tmp_path, steps, browser={"emulation": {"device": "Pixel 88"}}))

    assert said.code == 2
    assert "/browser/emulation" in said.err
    assert "did you mean 'Pixel 8'?" in said.err
    assert not site.requests()


def test_a_device_on_the_command_line_that_is_none(bykilt: CommandLine, tmp_path: Path, site: Site) -> None:
    steps: list[object] = [{"action": "navigate", "url": site.url("a.html")}]

    said = bykilt.run("run", flow_file(tmp_path, steps), "--device", "Pixel 88")

    assert said.code == 2
    assert "Pixel 88" in said.err


@pytest.mark.parametrize("engine", ["cdp", "playwright"])
def test_a_run_begins_with_what_another_one_kept(bykilt: CommandLine, tmp_path: Path, site: Site, engine: str) -> None:
    """The second run is logged in: the server gets the cookie, the page finds its storage."""
    keep: list[object] = [
        {"action": "navigate", "url": site.url("a.html")},
        {"action": "set_cookie", "name": "session", "value": SECRET},
        {"action": "evaluate_js", "expression": "localStorage.setItem('theme', 'dark')"},
        {"action": "save_storage_state", "path": "login.json"},
    ]
    first = bykilt.run("run", flow_file(tmp_path, keep), "--engine", engine, "--json")
    assert first.code == 0, first.err
    site.forget()
    again: list[object] = [
        {"action": "navigate", "url": site.url("b.html")},
        {"id": "theme", "action": "evaluate_js", "expression": "localStorage.getItem('theme')"},
    ]
    flow = flow_file(tmp_path, again, outputs={"theme": "${steps.theme.result}"})

    second = bykilt.run(
        "run", flow, "--engine", engine, "--json", "--storage-state", Path(first.json()["folder"]) / "login.json"
    )

    assert second.code == 0, second.err
    assert second.json()["outputs"]["theme"] == "dark"
    assert site.requests("/b.html")[0].headers.get("cookie") == f"session={SECRET}"
    for folder in (first.json()["folder"], second.json()["folder"]):
        assert SECRET not in (Path(folder) / "events.jsonl").read_text(encoding="utf-8")
