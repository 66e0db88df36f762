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
