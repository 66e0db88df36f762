"""`bykilt demo` and `bykilt trace open`: what a stranger does first, on both engines."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import urllib.request
from pathlib import Path

import anyio
import pytest

from bykilt.browser.engine.loader import EngineLoader
from bykilt.cli.run_options import ENGINES
from tests.architecture._sources import ROOT
from tests.support.command_line import CommandLine
from tests.support.engines import site_launch

SHOWS_ORDERS = (
    "document.querySelector('iframe.snapshot-visible')?.contentDocument?.body?.textContent.includes('Shipped') === true"
)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_demo_leaves_a_table_pictures_and_what_the_site_saw(bykilt: CommandLine, engine: str) -> None:
    said = bykilt.run("demo", "--engine", engine, "--json")
    assert said.code == 0, said.err
    document = said.json()

    table = next(file for file in document["files"] if file["format"] == "csv")
    with Path(table["path"]).open(newline="", encoding="utf-8-sig") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == table["records"] == document["outputs"]["order_count"] > 20
    assert {row["status"] for row in rows} == {"Shipped"}
    assert sum(file["kind"] == "screenshot" for file in document["files"]) == 3
    assert document["site_saw"]["logins"] == [{"user": "aiko", "accepted": True}]
    [upload] = document["site_saw"]["uploads"]
    assert upload["sha256"] == document["outputs"]["document"]["sha256"]


def test_the_demo_shows_the_table_and_says_how_to_go_on(bykilt: CommandLine) -> None:
    said = bykilt.run("demo")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[1].split()[:3] == ["number", "date", "customer"]
    assert any(line.startswith("… and ") for line in lines)
    assert any(line.startswith("The site saw 1 login") for line in lines)
    assert any(line.startswith("  Trace ") and " trace open " in line for line in lines)


@pytest.mark.parametrize("producer", ENGINES)
async def test_the_trace_of_the_demo_opens_in_the_stock_viewer(
    bykilt: CommandLine, tmp_path: Path, producer: str
) -> None:
    """Both engines' traces: the list reads as the flow, and the page is shown."""
    said = bykilt.run("demo", "--json", "--engine", producer)
    assert said.code == 0, said.out + said.err
    run = said.json()
    serving = bykilt.start("trace", "open", "latest", "--no-open")
    url = serving.read_line()
    engine = EngineLoader.load_engine("cdp", artifact_dir=tmp_path / "viewer")
    with anyio.fail_after(90):
        await engine.launch(site_launch(viewport={"width": 1400, "height": 850}, timeout_ms=20_000))
        try:
            for action in (
                {"type": "navigate", "url": url},
                {"type": "click", "selector": ".action-title >> text=Find out how many pages there are"},
                {"type": "wait_for", "expression": SHOWS_ORDERS},
            ):
                result = await engine.dispatch(action)
                assert result.success, result.error
            rows = await engine.dispatch({"type": "extract", "selector": ".action-title-method", "all": True})
        finally:
            await engine.shutdown()
    titles = rows.metadata["result"]
    assert titles[:3] == ["Log in as aiko", "Show only shipped orders", "Find out how many pages there are"]
    assert f"Save {run['outputs']['order_count']} orders" in titles
    serving.send(signal.SIGINT)
    assert serving.end().code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_a_trace_ends_with_a_signal(bykilt: CommandLine, number: signal.Signals) -> None:
    assert bykilt.run("demo", "--json").code == 0
    serving = bykilt.start("trace", "open", "latest", "--no-open", "--json")
    address = json.loads("".join(serving.read_line() for _ in range(3)))["url"]
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert b"Playwright Trace Viewer" in answer.read()
    serving.send(number)
    said = serving.end()
    assert (said.code, said.err) == (0, "")


def test_make_serve_shows_the_latest_run_until_it_is_interrupted(tmp_path: Path) -> None:
    """Where nothing has run yet, the demo runs first."""
    command = ["make", "--silent", "serve", "ARGS=--no-open --json"]
    environment = {**os.environ, "BYKILT_HOME": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as serving:
        assert serving.stdout is not None
        said: list[str] = []
        try:
            while not any('"url"' in line for line in said):
                said.append(serving.stdout.readline())
                assert said[-1], said
            url = said[-1].partition('"url":')[2].strip(' "}\n')
            with urllib.request.urlopen(url, timeout=10) as page:
                assert page.status == 200
        finally:
            os.killpg(serving.pid, signal.SIGINT)
        assert serving.wait(20) is not None
    assert list((tmp_path / "runs").iterdir()), "the demo ran"
