"""What a trace costs: the same flow with and without one, in turn, in one process.

    python -m bench.tracing MODULE URL CHROMIUM

A driver's module lists its ways of tracing in `TRACED`. The cost is that of one action: the difference of the median
flows, through the number of actions in a flow. Writing the trace at the end is measured apart.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Protocol

from bench.measure import flow, must
from bench.subject import Subject

FLOWS, ACTIONS = 20, 10


class TracedSubject(Subject, Protocol):
    """A driver that leaves a trace."""

    async def write_trace(self, folder: Path) -> Path:
        """End the tracing and return the finished file; the browser goes on or not."""
        ...


Makers = Mapping[str, Callable[[], TracedSubject]]


async def measure(plain: Subject, makers: Makers, url: str, chromium: str) -> dict[str, float]:
    """Return, in ms: the cost per action of each way, and how long the trace took to be written."""
    traced = {way: make() for way, make in makers.items()}
    subjects = {"": plain, **traced}
    times: dict[str, list[float]] = {way: [] for way in subjects}
    rows: dict[str, float] = {}
    for subject in subjects.values():
        await subject.start(chromium)
    try:
        for number in range(FLOWS + 2):
            for way, subject in subjects.items():
                started = time.perf_counter()
                await flow(subject, url, number)
                times[way].append((time.perf_counter() - started) * 1000)
        base = median(times[""][2:])
        for way, subject in traced.items():
            rows[way] = (median(times[way][2:]) - base) / ACTIONS
            with TemporaryDirectory(prefix="bykilt-bench-") as folder:
                started = time.perf_counter()
                written = await subject.write_trace(Path(folder))
                rows[f"{way}: writing"] = (time.perf_counter() - started) * 1000
                must(written.stat().st_size > 10_000, "a trace")
                rows[f"{way}: size (MiB)"] = written.stat().st_size / (1 << 20)
    finally:
        for subject in subjects.values():
            await subject.stop()
    return rows


def main() -> None:
    """Measure the driver that the command line names; nothing for one that cannot trace."""
    name, url, chromium = sys.argv[1:4]
    module = importlib.import_module(f"bench.subjects.{name}")
    makers: Makers = getattr(module, "TRACED", {})
    rows = asyncio.run(measure(module.make(), makers, url, chromium)) if makers else {}
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
