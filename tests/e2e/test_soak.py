"""Many runs in one process: what they held is let go of. The long version is `python -m bench.soak`."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from bykilt.app import App
from bykilt.flows.loader import load_flow_text
from bykilt.history.model import RunStatus
from bykilt.runs.model import RunRequest
from bykilt.settings import Settings
from tests.support.engines import site_launch
from tests.support.site import Site

FLOW = """{"bykilt": 1, "name": "soak", "params": {"url": {"required": true}}, "steps": [
  {"action": "navigate", "url": "${params.url}"}, {"action": "click", "selector": "#plain"}]}"""


@pytest.fixture
def anyio_backend() -> str:
    """What open tasks can be counted on."""
    return "asyncio"


def held() -> dict[str, int]:
    """What this process holds that a run should let go of."""
    return {
        "files": len(os.listdir("/proc/self/fd")),
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "children": len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()),
    }


@pytest.mark.parametrize(("engine", "count"), [("cdp", 12), ("playwright", 4)])
async def test_runs_leave_nothing_behind_in_their_process(site: Site, tmp_path: Path, engine: str, count: int) -> None:
    """After the second run everything is warm; after the last one nothing more is held."""
    flow = load_flow_text(FLOW, "soak.json")
    async with App(Settings(home=tmp_path)).run_service() as service:
        warm: dict[str, int] = {}
        for number in range(count):
            wanted = RunRequest(flow=flow, params={"url": site.url("clicks.html")}, engine=engine, launch=site_launch())
            record = await service.wait(await service.submit(wanted))
            assert record.status is RunStatus.SUCCEEDED
            if number == 1:
                warm = held()
        assert held() == warm
    assert site.hits("/clicks.html") == count
