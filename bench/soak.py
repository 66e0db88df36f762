"""Many short runs in one process, then one run of many actions: what grows?

    python -m bench.soak [--runs 1000] [--actions 5000] [--engine cdp]

Prints memory, open files, tasks, threads and processes of this process after each tenth of the work.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.site import Site
from bykilt.app import App
from bykilt.browser.engine.browser_engine import LaunchContext
from bykilt.browser.engine.loader import EngineLoader
from bykilt.flows.loader import load_flow_text
from bykilt.history.model import RunStatus
from bykilt.runs.model import RunRequest
from bykilt.settings import Settings

_LAUNCH = LaunchContext(allowed_hosts=["127.0.0.1:*"])
_FLOW = """
bykilt: 1
name: soak
params: {url: {required: true}}
steps:
  - {action: navigate, url: "${params.url}/login"}
  - {action: fill, selector: "#user", text: Aiko}
  - {action: click, selector: "#go"}
  - {id: who, action: extract, selector: "#who"}
outputs: {who: "${steps.who.result}"}
"""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What this process holds. Memory in MiB."""

    memory: float
    files: int
    tasks: int
    threads: int
    processes: int

    @classmethod
    def now(cls) -> Holdings:
        """Count, after a garbage collection."""
        gc.collect()
        here = psutil.Process()
        return cls(
            here.memory_info().rss / (1 << 20),
            here.num_fds(),
            len(asyncio.all_tasks()),
            threading.active_count(),
            len(here.children(recursive=True)),
        )

    def __str__(self) -> str:
        return (
            f"{self.memory:7.1f} MiB  {self.files:3} files  {self.tasks:2} tasks  {self.threads:2} threads  "
            f"{self.processes:2} processes"
        )


async def repeated(name: str, count: int, act: Callable[[int], Awaitable[None]]) -> tuple[Holdings, Holdings]:
    """Act so often; return what is held after a tenth, when everything is warm, and at the end."""
    step = max(1, count // 10)
    held: list[Holdings] = []
    started = time.perf_counter()
    for number in range(1, count + 1):
        await act(number)
        if number % step == 0:
            held.append(Holdings.now())
            each_ms = (time.perf_counter() - started) / number * 1000
            print(f"{name} {number:6}: {held[-1]}  ({each_ms:.0f} ms each)", flush=True)
    return held[0], Holdings.now()


async def runs(count: int, engine: str, url: str) -> tuple[Holdings, Holdings]:
    """Short runs, each with a browser of its own, all through one run service."""
    home = Path(tempfile.mkdtemp(prefix="bykilt-soak-"))
    flow = load_flow_text(_FLOW, "soak.yaml")
    try:
        async with App(Settings(home=home)).run_service() as service:

            async def one(_: int) -> None:
                run_id = await service.submit(RunRequest(flow=flow, params={"url": url}, engine=engine, launch=_LAUNCH))
                record = await service.wait(run_id)
                assert record.status is RunStatus.SUCCEEDED, record
                shutil.rmtree(home / "runs" / str(run_id), ignore_errors=True)

            return await repeated(f"{engine}: short runs", count, one)
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def actions(count: int, engine: str, url: str) -> tuple[Holdings, Holdings]:
    """One browser, many actions: documents, popups and pictures among them."""
    folder = Path(tempfile.mkdtemp(prefix="bykilt-soak-"))
    subject = EngineLoader.load_engine(engine, artifact_dir=folder)
    async with subject:
        await subject.launch(_LAUNCH)

        async def one(number: int) -> None:
            step = number % 10
            wanted: dict[str, str] = {"type": "click", "selector": "#b"}
            if step == 1:
                wanted = {"type": "navigate", "url": f"{url}/page{number}"}
            elif step in (2, 3, 4):
                wanted = {"type": "fill", "selector": "#i", "text": f"text {number}"}
            elif step == 5:
                wanted = {"type": "screenshot", "path": "soak.png"}
            elif step == 6:
                wanted = {"type": "evaluate_js", "expression": "presses"}
            elif step == 8 and number % 100 == 8:
                wanted = {"type": "new_tab", "url": f"{url}/page"}
            elif step == 9 and number % 100 == 9:
                wanted = {"type": "close_tab"}
            result = await subject.dispatch(wanted)
            assert result.success, f"{wanted}: {result.error}"

        return await repeated(f"{engine}: actions   ", count, one)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="What grows over many runs and actions?")
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--actions", type=int, default=5_000)
    parser.add_argument("--engine", default="cdp")
    options = parser.parse_args()
    os.environ.pop("CHROME_PATH", None)
    with Site() as site:
        if options.actions:
            asyncio.run(actions(options.actions, options.engine, site.url))
        if options.runs:
            asyncio.run(runs(options.runs, options.engine, site.url))


if __name__ == "__main__":
    main()
