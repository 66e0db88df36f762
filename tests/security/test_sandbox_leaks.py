"""Bykilt killed at any moment leaves nothing of its browser: no process, no control group, no folder.

`BYKILT_KILLS` says how often per engine; the default is small enough for every run of the tests.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys

from bykilt.browser.engine.browser_engine import EngineType
from bykilt.browser.launch.janitor import clean_up
from tests.support.sandbox_leaks import LAUNCHED, left_of, until_no_process_is_left, until_nothing_is_left

_KILLS = int(os.environ.get("BYKILT_KILLS", "4"))
_LATEST_S = {EngineType.CDP: 1.2, EngineType.PLAYWRIGHT: 1.8}
_PATIENCE_S = 15.0


def _victim(engine: EngineType) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.sandbox_leaks", engine],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


async def test_killed_at_any_moment_nothing_is_left(engine_type: EngineType) -> None:
    """Promise: no process outlives us, and what was made before the first of them goes with the next start."""
    moments = random.Random(f"{engine_type} {_KILLS}")
    leaks: list[str] = []
    for _ in range(_KILLS):
        with _victim(engine_type) as victim:
            try:
                victim.wait(moments.uniform(0.0, _LATEST_S[engine_type]))
            except subprocess.TimeoutExpired:
                pass
            victim.kill()
        leaks += until_no_process_is_left(victim.pid, _PATIENCE_S)
        await clean_up()
        leaks += left_of(victim.pid)
    assert leaks == []


def test_killed_while_the_browser_runs_nothing_is_left(engine_type: EngineType) -> None:
    """Promise: the kernel tells the warden. Before the kill there is something that could be left."""
    with _victim(engine_type) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline().startswith(LAUNCHED)
        assert len(left_of(victim.pid)) > 5
        victim.kill()
    assert until_nothing_is_left(victim.pid, _PATIENCE_S) == []
