"""bykilt itself is interrupted or killed in the middle of a run."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from bykilt.browser.engine.browser_engine import EngineType
from bykilt.browser.launch.janitor import clean_up, find_leftovers
from bykilt.events.event_file import read_events
from bykilt.events.model import BrowserStarted
from bykilt.ids import RunId
from bykilt.storage.home import Home
from tests.support.command_line import CommandLine, Started
from tests.support.engines import processes_of, still_living
from tests.support.site import Site


@pytest.fixture
def bykilt(tmp_path: Path) -> Iterator[CommandLine]:
    """The command `bykilt`, to be run as a process."""
    command_line = CommandLine(tmp_path / "home")
    yield command_line
    command_line.kill_left()


async def in_the_middle(bykilt: CommandLine, engine: EngineType, site: Site, folder: Path) -> tuple[Started, RunId]:
    """Start a run and return it once its browser waits for a page that never comes."""
    flow = folder / "flow.json"
    step = {"id": "goto", "action": "navigate", "url": site.url("never"), "timeout_ms": 60_000}
    flow.write_text(json.dumps({"bykilt": 1, "name": "endless", "steps": [step]}))
    started = bykilt.start("run", flow, "--engine", engine)
    await site.until_hit("/never", timeout_s=30)
    [run_folder] = Home(bykilt.home).runs.iterdir()
    return started, RunId(run_folder.name)


def browser_of(home: Path, run_id: RunId) -> BrowserStarted:
    events = read_events(Home(home).run_folder(run_id).events, run_id)
    return next(event.fact for event in events if isinstance(event.fact, BrowserStarted))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_command_leaves_a_cancelled_run_and_nothing_else(
    bykilt: CommandLine, engine_type: EngineType, site: Site, tmp_path: Path, number: signal.Signals
) -> None:
    started, run_id = await in_the_middle(bykilt, engine_type, site, tmp_path)
    processes = processes_of(browser_of(bykilt.home, run_id))
    assert processes

    started.send(number)
    said = started.end()

    assert said.code == 130, said.err
    assert still_living(processes) == []
    [run] = bykilt.run("runs", "list", "--json").json()["runs"]
    assert (run["id"], run["status"], run["failure"]["code"]) == (run_id, "cancelled", "cancelled")
    assert find_leftovers() == []


async def test_a_killed_command_leaves_an_interrupted_run_and_its_browser_goes(
    bykilt: CommandLine, engine_type: EngineType, site: Site, tmp_path: Path
) -> None:
    """Chromium ends with its pipe; its profile goes when the next browser starts."""
    started, run_id = await in_the_middle(bykilt, engine_type, site, tmp_path)
    processes = processes_of(browser_of(bykilt.home, run_id))

    started.send(signal.SIGKILL)
    started.end()

    [run] = bykilt.run("runs", "list", "--json").json()["runs"]
    assert (run["id"], run["status"], run["failure"]["code"]) == (run_id, "interrupted", "interrupted")
    assert Home(bykilt.home).run_folder(run_id).trace.is_file()
    with anyio.fail_after(20):
        await clean_up()
    assert find_leftovers() == []
    assert still_living(processes) == []
