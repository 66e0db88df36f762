"""Measures what one page at a time does not show: eight flows at once, interception, a large picture, a long table.

    python -m bench.heavy [--rounds N] [--json]

Each driver runs in a process of its own, and drivers take turns. Every effect is checked. Times in ms.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import subprocess
import sys
import time
from statistics import median

from bench.__main__ import Numbers, machine, table
from bench.chromium import unprivileged_chromium
from bench.heavy_site import ROWS, HeavySite
from bench.heavy_subject import HeavySubject, Session
from bench.measure import flow, must

DRIVERS = {"Playwright": "playwright_heavy", "raw CDP": "raw_heavy", "bykilt cdp": "bykilt_heavy"}
PARALLEL, FLOWS_EACH, REQUESTS, REPEATS = 8, 3, 100, 5
_PATIENCE_S = 300
_FETCHES = f"""(async () => {{ const begun = performance.now();
for (let n = 0; n < {REQUESTS}; n++) await (await fetch('/small?' + n)).text();
return performance.now() - begun }})()"""


async def parallel_flows(subject: HeavySubject, url: str) -> float:
    """Return the time of one flow when eight go on at the same time, each in a context of its own."""
    sessions = [await subject.open() for _ in range(PARALLEL)]

    async def several(session: Session, number: int) -> None:
        for _ in range(FLOWS_EACH):
            await flow(session, url, number)

    await asyncio.gather(*(flow(session, url, number) for number, session in enumerate(sessions)))
    started = time.perf_counter()
    await asyncio.gather(*(several(session, number) for number, session in enumerate(sessions)))
    took_ms = (time.perf_counter() - started) * 1000
    for session in sessions:
        await session.close()
    return took_ms / (PARALLEL * FLOWS_EACH)


async def interception(subject: HeavySubject, url: str) -> float:
    """Return what it adds to each request that the driver holds it and lets it go on with one more header."""
    session = await subject.open()
    await session.navigate(f"{url}/page")
    await session.evaluate(_FETCHES)
    plain = median([_number(await session.evaluate(_FETCHES)) for _ in range(3)])
    await session.intercept_all()
    await session.evaluate(_FETCHES)
    seen = median([_number(await session.evaluate(_FETCHES)) for _ in range(3)])
    must(await session.intercepted() >= 4 * REQUESTS, "every request was seen by the driver")
    await session.close()
    return (seen - plain) / REQUESTS


async def large_picture(subject: HeavySubject, url: str) -> float:
    """Return the time of a picture of a whole page of noise, some 10 MB as PNG."""
    session = await subject.open()
    await session.navigate(f"{url}/noise")
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        picture = await session.full_page()
        times.append((time.perf_counter() - started) * 1000)
        must(len(picture) > 9_000_000, f"a picture of 10 MB, got {len(picture):,} bytes")
    await session.close()
    return median(times)


async def extraction(subject: HeavySubject, url: str) -> float:
    """Return the time of reading a table of three columns."""
    session = await subject.open()
    await session.navigate(f"{url}/table")
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        rows = await session.rows()
        times.append((time.perf_counter() - started) * 1000)
        must(len(rows) == ROWS and rows[-1][1] == f"Customer {ROWS - 1:05d}", "every row")
    await session.close()
    return median(times)


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


async def measure(subject: HeavySubject, url: str, chromium: str) -> dict[str, float]:
    """Return all numbers of one driver."""
    await subject.start(chromium)
    try:
        return {
            "parallel flows, per flow": await parallel_flows(subject, url),
            "interception, per request": await interception(subject, url),
            "10 MB picture": await large_picture(subject, url),
            f"{ROWS:,} rows": await extraction(subject, url),
        }
    finally:
        await subject.stop()


def run_all(rounds: int) -> Numbers:
    """Return the median over rounds of every driver's numbers."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in DRIVERS}
    with HeavySite() as site, unprivileged_chromium() as chromium:
        for number in range(rounds):
            for name, module in DRIVERS.items():
                print(f"round {number + 1}/{rounds}: {name}", file=sys.stderr)
                command = [sys.executable, "-m", "bench.heavy", "--driver", module, site.url, chromium]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=_PATIENCE_S, check=True)
                seen[name].append(json.loads(done.stdout.splitlines()[-1]))
    return {name: {row: median(each[row] for each in found) for row in found[0]} for name, found in seen.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.heavy", description="Heavier work, beside Playwright.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--driver", nargs=3, metavar=("MODULE", "URL", "CHROMIUM"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.driver:
        module, url, chromium = options.driver
        subject: HeavySubject = importlib.import_module(f"bench.subjects.{module}").make()
        print(json.dumps(asyncio.run(measure(subject, url, chromium))))
        return
    numbers = run_all(options.rounds)
    if options.json:
        print(json.dumps({"machine": machine(), "numbers": numbers}, indent=2))
    else:
        print(table(numbers))
        print(f"\nPlaywright in its own units, ours as a multiple of it. {machine()}.")


if __name__ == "__main__":
    main()
