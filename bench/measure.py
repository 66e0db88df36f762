"""Measures one driver in this process and prints the numbers as JSON.

    python -m bench.measure MODULE URL CHROMIUM

Every effect is checked in the page. Times in ms; CPU is that of this process and its helpers, Chromium not counted.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median

import psutil

from bench.subject import Subject

NAVIGATIONS, CLICKS, FILLS, EVALUATIONS, SCREENSHOTS, FLOWS = 15, 40, 40, 150, 8, 8


def helpers() -> list[psutil.Process]:
    """Return this process and the helpers of its driver; browsers are not among them."""
    here = psutil.Process()
    found = [here]
    for process in here.children(recursive=True):
        try:
            name = " ".join(process.cmdline()[:1]).lower()
        except psutil.Error:
            continue
        if "chromium" not in name and "chrome" not in name.replace("chromedriver", "") and "setpriv" not in name:
            found.append(process)
    return found


def cpu_ms() -> float:
    """Return the CPU time that the driver has used so far."""
    total = 0.0
    for process in helpers():
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total * 1000


def memory_mib() -> float:
    """Return the driver's proportional memory."""
    total = 0
    for process in helpers():
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total / (1 << 20)


async def each(count: int, act: Callable[[int], Awaitable[object]]) -> float:
    """Return the median time of `count` acts, after two that do not count."""
    times = []
    for number in range(count + 2):
        started = time.perf_counter()
        await act(number)
        times.append((time.perf_counter() - started) * 1000)
    return median(times[2:])


def must(condition: bool, what: str) -> None:
    """Stop if an effect is not in the page: a fast driver that does nothing does not count."""
    if not condition:
        raise SystemExit(f"effect missing: {what}")


async def flow(subject: Subject, url: str, number: int) -> None:
    """Sign in, filter, read."""
    await subject.navigate(f"{url}/login")
    await subject.fill("#user", f"user{number}")
    await subject.fill("#password", "secret")
    await subject.click("#go")
    await subject.wait_for("#who")
    must(await subject.text("#who") == f"user{number}", "signed in")
    await subject.fill("#q", "paid")
    await subject.click("#filter")
    await subject.wait_for("#count.done")
    must(await subject.text("#count") == "40 rows", "filtered")


async def measure(subject: Subject, url: str, chromium: str) -> dict[str, float]:
    """Return all numbers of one driver."""
    rows: dict[str, float] = {}
    started = time.perf_counter()
    await subject.start(chromium)
    rows["startup"] = (time.perf_counter() - started) * 1000
    try:
        rows["navigate"] = await each(NAVIGATIONS, lambda number: subject.navigate(f"{url}/page{number}"))
        must(await subject.evaluate("location.pathname") == f"/page{NAVIGATIONS + 1}", "navigated")
        rows["click"] = await each(CLICKS, lambda _: subject.click("#b"))
        must(await subject.evaluate("presses") == CLICKS + 2, "pressed")
        must(await subject.evaluate("trusted") == CLICKS + 2, "pressed by trusted events")
        rows["fill"] = await each(FILLS, lambda number: subject.fill("#i", f"text {number}"))
        must(await subject.evaluate("document.getElementById('i').value") == f"text {FILLS + 1}", "filled")
        rows["evaluate"] = await each(EVALUATIONS, lambda number: subject.evaluate(f"{number} + presses"))
        rows["screenshot"] = await each(SCREENSHOTS, lambda _: subject.screenshot())
        must((await subject.screenshot()).startswith(b"\x89PNG"), "a PNG")
        await flow(subject, url, 0)
        cpu_before = cpu_ms()
        rows["login flow"] = await each(FLOWS, lambda number: flow(subject, url, number))
        rows["driver CPU per flow"] = (cpu_ms() - cpu_before) / (FLOWS + 2)
        rows["driver memory (MiB)"] = memory_mib()
    finally:
        await subject.stop()
    return rows


def main() -> None:
    """Measure the driver that the command line names."""
    module, url, chromium = sys.argv[1:4]
    subject: Subject = importlib.import_module(f"bench.subjects.{module}").make()
    print(json.dumps(asyncio.run(measure(subject, url, chromium))))


if __name__ == "__main__":
    main()
