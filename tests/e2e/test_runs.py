"""Runs from end to end: real browsers, real files, several at once."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import fail_after

from bykilt.app import App
from bykilt.browser.engine.browser_engine import EngineType
from bykilt.events.event_file import read_events
from bykilt.events.model import BrowserStarted, RunFinished
from bykilt.flows.loader import load_flow_text
from bykilt.flows.model import Flow
from bykilt.history.export import export_zip
from bykilt.history.model import ArtifactKind, RunStatus
from bykilt.runs.model import RunRequest
from bykilt.settings import Settings
from tests.support.command_line import CommandLine
from tests.support.engines import site_launch
from tests.support.site import Site

PAGE = """<!doctype html><title>Prices</title><h1>Prices</h1>
<ul><li data-price="3">Tea</li><li data-price="4">Coffee</li><li data-price="=2+2">Water</li></ul>
<script>console.log("prices shown")</script>"""


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(Settings(home=tmp_path / "home"))


@pytest.fixture
def prices(site: Site) -> Flow:
    """A flow that reads a list into a file and takes a picture of it."""
    address = site.set_page("/prices", PAGE)
    steps: list[dict[str, Any]] = [
        {"action": "navigate", "url": address},
        {
            "id": "rows",
            "action": "extract",
            "selector": "li",
            "records": {"fields": {"name": {}, "price": {"kind": "attribute", "attribute": "data-price"}}},
        },
        {"action": "save_data", "file": "prices.csv", "data": "${steps.rows.result}"},
        {"action": "screenshot"},
    ]
    document = {"bykilt": 1, "name": "prices", "steps": steps, "outputs": {"rows": "${steps.rows.result}"}}
    return load_flow_text(json.dumps(document), "prices.json")


def wanted(flow: Flow, engine: EngineType) -> RunRequest:
    """Return a run whose browser reaches the loopback site."""
    return RunRequest(flow=flow, engine=engine, launch=site_launch())


@pytest.mark.parametrize("engine", list(EngineType), ids=str)
async def test_a_run_leaves_its_record_its_files_and_its_trace(app: App, prices: Flow, engine: EngineType) -> None:
    with fail_after(60):
        async with app.run_service() as service:
            record = await service.wait(await service.submit(wanted(prices, engine)))

    assert record.status is RunStatus.SUCCEEDED, record.failure
    folder = app.home.run_folder(record.id)
    assert json.loads(folder.result.read_bytes())["outputs"]["rows"][0] == {"name": "Tea", "price": "3"}
    events = list(read_events(folder.events, record.id))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert isinstance(events[-1].fact, RunFinished)
    with app.history() as history:
        assert [step.outcome for step in history.steps(record.id)] == ["succeeded"] * 4
        files = {item.kind: folder.file(item.file) for item in history.artifacts(record.id)}
        exported = export_zip(history, folder, record.id, folder.path.parent.parent / "run.zip")
    assert len(files[ArtifactKind.DATA].read_text().splitlines()) == 4
    assert files[ArtifactKind.SCREENSHOT].read_bytes().startswith(b"\x89PNG")
    with zipfile.ZipFile(folder.trace) as trace:
        assert b"prices shown" in trace.read("trace.trace")
    with zipfile.ZipFile(exported) as archive:
        assert f"{record.id}/trace.zip" in archive.namelist()


async def test_runs_on_both_engines_at_once_do_not_mix(app: App, prices: Flow) -> None:
    requests = [wanted(prices, engine) for engine in (*EngineType, EngineType.CDP)]
    with fail_after(90):
        async with app.run_service() as service:
            ids = [await service.submit(request) for request in requests]
            records = [await service.wait(run_id) for run_id in ids]

    assert [record.status for record in records] == [RunStatus.SUCCEEDED] * 3
    assert [record.engine for record in records] == ["cdp", "playwright", "cdp"]
    browsers = set()
    for record in records:
        folder = app.home.run_folder(record.id)
        started = [e.fact for e in read_events(folder.events, record.id) if isinstance(e.fact, BrowserStarted)]
        assert [fact.engine for fact in started] == [record.engine]
        browsers |= {(fact.pid, fact.uid) for fact in started}
        assert [path.name for path in folder.data.iterdir()] == ["prices.csv"]
    assert len(browsers) == 3


async def test_two_commands_share_one_home(tmp_path: Path, bykilt: CommandLine, site: Site) -> None:
    flow = tmp_path / "flow.json"
    address = site.set_page("/prices", PAGE)
    flow.write_text(json.dumps({"bykilt": 1, "name": "look", "steps": [{"action": "navigate", "url": address}]}))
    started = [bykilt.start("run", flow, "--json", "--quiet") for _ in range(2)]
    documents = []
    for command in started:
        said = await anyio.to_thread.run_sync(command.end)
        assert said.code == 0, said.err
        documents.append(said.json())

    listed = bykilt.run("runs", "list", "--json").json()["runs"]
    assert {run["id"] for run in listed} == {document["id"] for document in documents}
    assert {run["status"] for run in listed} == {"succeeded"}
