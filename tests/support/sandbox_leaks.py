"""What a sandbox may leave behind: processes, control groups, folders. Knows where to look; starts nothing itself.

python -m tests.support.sandbox_leaks ENGINE     launches a browser, says so, and waits to be killed
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import anyio

from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.engine.loader import EngineLoader
from bykilt.browser.launch.processes import living, mentions, read_process
from bykilt.browser.launch.profile import PREFIX
from bykilt.browser.sandbox.cgroups import Hierarchy

LAUNCHED = "launched"
_STEADY_S = 0.25
_PAUSE_S = 0.02


def left_of(owner: int) -> list[str]:
    """Return what there still is of the sandboxes of one process, in words."""
    folders = list(Path(tempfile.gettempdir()).glob(f"{PREFIX}{owner}-*"))
    groups = [path for parent in Hierarchy.of_this_process().folders() for path in parent.glob(f"bykilt-{owner}-*")]
    members = {int(pid) for group in groups for pid in (group / "cgroup.procs").read_text().split()}
    uids = {int(name[1]) for path in folders if (name := re.search(r"-(\d+)-own-", path.name))}
    processes = [
        each.pid
        for each in living()
        if each.uid in uids or each.pid in members or any(mentions(each.pid, folder) for folder in folders)
    ]
    return [f"process {pid}" for pid in processes] + [str(path) for path in (*groups, *folders)]


def until_no_process_is_left(owner: int, patience_s: float) -> list[str]:
    """Return the processes that are left for good."""
    return _until_none(owner, patience_s, lambda: [each for each in left_of(owner) if each.startswith("process")])


def until_nothing_is_left(owner: int, patience_s: float) -> list[str]:
    """Return what is left for good: nothing, once nothing has been there for a quarter of a second."""
    return _until_none(owner, patience_s, lambda: left_of(owner))


def _until_none(owner: int, patience_s: float, look: Callable[[], list[str]]) -> list[str]:
    deadline = time.monotonic() + patience_s
    empty_since: float | None = None
    while time.monotonic() < deadline:
        left = look() + (["the owner"] if read_process(owner) else [])
        if left:
            empty_since = None
        elif empty_since is None:
            empty_since = time.monotonic()
        elif time.monotonic() - empty_since > _STEADY_S:
            return []
        time.sleep(_PAUSE_S)
    return look()


async def _launch(engine: str) -> None:
    browser = EngineLoader.load_engine(engine)
    await browser.launch(LaunchContext(sandbox_network_mode="none"))
    print(LAUNCHED, os.getpid(), flush=True)  # noqa: T201 - said to the test
    await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(_launch, sys.argv[1])
