"""Measures what the sandbox costs: the same engine without and with it, by turns, in one run.

    python -m bench.sandbox [--rounds N] [--only NAME,…] [--engine cdp] [--json]

Each browser is measured in a process of its own. Every effect is checked. Memory is the proportional share (PSS) of
all processes of the session, those that make the sandbox included.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import anyio

from bench.__main__ import Numbers, machine
from bench.measure import each, must
from bench.sandbox_memory import session_pss_bytes
from bench.sandbox_site import LARGE_BYTES, RESOURCES, SandboxSite
from bykilt.browser.engine.browser_engine import BrowserEngine, LaunchContext
from bykilt.browser.engine.loader import EngineLoader

_WALLED: dict[str, Any] = {"allowed_hosts": ("127.0.0.1:*",)}
SUBJECTS: dict[str, dict[str, Any]] = {
    "bare": {"sandbox_mode": False},
    "sandboxed": _WALLED,
    "sandboxed headless-shell": {**_WALLED, "browser_flavor": "headless-shell"},
}
REFERENCE = "bare"
PAGES, CLICKS, FILLS, EVALUATIONS, LARGE_FILES = 12, 30, 30, 100, 3
_PATIENCE_S = 300
_STARTS_WITH = "data:text/html,<title>first</title><p>first"


@dataclass(frozen=True, slots=True)
class Row:
    """What is measured, in which unit, and how many times the reference it may be (at least so, for throughput)."""

    unit: str
    aim: float
    is_rate: bool = field(default=False)


ROWS = {
    "start until the first page": Row("ms", 1.15),
    f"page with {RESOURCES} resources": Row("ms", 1.25),
    "64 MiB into the page": Row("MiB/s", 0.7, is_rate=True),
    "64 MiB download": Row("MiB/s", 0.7, is_rate=True),
    "memory": Row("MiB", 1.05),
    "click": Row("ms", 1.05),
    "fill": Row("ms", 1.05),
    "evaluate": Row("ms", 1.05),
}


class Subject:
    """One engine's browser, through the contract."""

    def __init__(self, engine: BrowserEngine) -> None:
        self.engine = engine

    async def do(self, **action: Any) -> dict[str, Any]:
        """Carry out an action that has to succeed; return what it says."""
        result = await self.engine.dispatch(action)
        if not result.success:
            raise SystemExit(f"{action}: {result.error}")
        return result.metadata

    async def navigate(self, url: str) -> None:
        """Open an address."""
        await self.do(type="navigate", url=url)

    async def evaluate(self, expression: str) -> Any:
        """Return a value of the page."""
        return (await self.do(type="evaluate_js", expression=expression))["result"]


async def measure(engine: str, subject_name: str, url: str) -> dict[str, float]:
    """Return all numbers of one browser."""
    subject = Subject(EngineLoader.load_engine(engine))
    rows: dict[str, float] = {}
    started = time.perf_counter()
    await subject.engine.launch(LaunchContext(**SUBJECTS[subject_name]))
    try:
        await subject.navigate(_STARTS_WITH)
        rows["start until the first page"] = _ms_since(started)
        rows[f"page with {RESOURCES} resources"] = await _pages(subject, url)
        rows["memory"] = session_pss_bytes() / (1 << 20)
        rows["64 MiB into the page"] = await _stream(subject, url)
        rows["64 MiB download"] = await _download(subject, url)
        rows |= await _actions(subject, url)
    finally:
        await subject.engine.shutdown()
    return {name: rows[name] for name in ROWS}


async def _pages(subject: Subject, url: str) -> float:
    took_ms = await each(PAGES, lambda number: subject.navigate(f"{url}/many{number}"))
    must(await subject.evaluate("ran == 6 && seen == 12") is True, "all resources of the page")
    return took_ms


async def _stream(subject: Subject, url: str) -> float:
    script = f"""(async () => {{ const got = (await fetch('{url}/large')).body.getReader(); let bytes = 0;
for (;;) {{ const piece = await got.read(); if (piece.done) return bytes; bytes += piece.value.length }} }})()"""

    async def read(_: int) -> None:
        must(await subject.evaluate(script) == LARGE_BYTES, "the whole file in the page")

    return _rate(await each(LARGE_FILES, read))


async def _download(subject: Subject, url: str) -> float:
    await subject.navigate(f"{url}/page")
    await subject.evaluate(f"document.body.innerHTML += '<a id=large href=\"{url}/large\">large</a>'")
    action = {"type": "click", "selector": "#large"}

    async def fetch(_: int) -> None:
        kept = await subject.do(type="wait_for_download", action=action)
        must(kept["size"] == LARGE_BYTES, "the whole file on disk")
        await anyio.Path(kept["path"]).unlink()

    return _rate(await each(LARGE_FILES, fetch))


async def _actions(subject: Subject, url: str) -> dict[str, float]:
    await subject.navigate(f"{url}/page")
    rows = {"click": await each(CLICKS, lambda _: subject.do(type="click", selector="#b"))}
    must(await subject.evaluate("trusted") == CLICKS + 2, "pressed by trusted events")
    rows["fill"] = await each(FILLS, lambda number: subject.do(type="fill", selector="#i", text=f"text {number}"))
    must(await subject.evaluate("document.getElementById('i').value") == f"text {FILLS + 1}", "filled")
    rows["evaluate"] = await each(EVALUATIONS, lambda number: subject.evaluate(f"{number} + presses"))
    return rows


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _rate(took_ms: float) -> float:
    return LARGE_BYTES / (1 << 20) / (took_ms / 1000)


def run_all(names: list[str], rounds: int, engine: str) -> Numbers:
    """Return the median over rounds of every browser's numbers; they take turns, so that load hits all alike."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with SandboxSite() as site:
        for number in range(rounds):
            for name in names:
                print(f"round {number + 1}/{rounds}: {name}", file=sys.stderr)
                command = [sys.executable, "-m", "bench.sandbox", "--measure", engine, name, site.url]
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False, env=_environment()
                )
                if done.returncode == 0:
                    seen[name].append(json.loads(done.stdout.splitlines()[-1]))
                else:
                    last = (done.stderr.strip() or "no output").splitlines()[-1]
                    print(f"  not measured: {last}", file=sys.stderr)
    return {name: {row: median(each[row] for each in found) for row in ROWS} for name, found in seen.items() if found}


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "CHROME_PATH"}


def table(numbers: Numbers) -> str:
    """Return a Markdown table: the bare browser in its own units, the others as multiples of it."""
    reference = numbers.get(REFERENCE)
    if reference is None:
        return "the reference (a bare browser) could not be measured"
    names = [name for name in numbers if name != REFERENCE]
    lines = [f"| | {REFERENCE} | " + " | ".join(names) + " | aim |", "|---|" + "---:|" * (len(names) + 1) + "---|"]
    for name, row in ROWS.items():
        cells = " | ".join(f"{numbers[each][name] / reference[name]:.2f}" for each in names)
        limit = f"at {'least' if row.is_rate else 'most'} {row.aim:g}"
        lines.append(f"| {name} | {reference[name]:.1f} {row.unit} | {cells} | {limit} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.sandbox", description="What the sandbox costs.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="names, separated by commas; the reference is always measured")
    parser.add_argument("--engine", default="cdp", choices=("cdp", "playwright"))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", nargs=3, metavar=("ENGINE", "NAME", "URL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(asyncio.run(measure(*options.measure))))
        return
    wanted = {REFERENCE, *options.only.split(",")} if options.only else set(SUBJECTS)
    numbers = run_all([name for name in SUBJECTS if name in wanted], options.rounds, options.engine)
    if options.json:
        print(json.dumps({"machine": machine(), "engine": options.engine, "numbers": numbers}, indent=2))
    else:
        print(table(numbers))
        print(f"\nEngine {options.engine}; the bare browser in its own units, the others as multiples. {machine()}.")


if __name__ == "__main__":
    main()
