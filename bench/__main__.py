"""Runs every driver in turn, several rounds, and prints the table of ratios.

python -m bench [--rounds N] [--only NAME,…] [--tracing] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from statistics import median

from bench.chromium import unprivileged_chromium
from bench.site import Site

DRIVERS = {
    "raw cdp-use": "raw_cdp",
    "Playwright": "playwright_python",
    "pydoll": "pydoll_driver",
    "Selenium": "selenium_driver",
    "bykilt cdp": "bykilt_cdp",
    "bykilt playwright": "bykilt_playwright",
}
REFERENCE = "Playwright"
_PATIENCE_S = 180
Numbers = dict[str, dict[str, float]]


def run_driver(measure: str, module: str, url: str, chromium: str) -> dict[str, float] | None:
    """Return one driver's numbers, None (with the reason on stderr) if it cannot be measured here."""
    done = subprocess.run(
        [sys.executable, "-m", measure, module, url, chromium],
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        print(f"  not measured: {last}", file=sys.stderr)
        return None
    numbers: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def run_all(names: list[str], rounds: int, measure: str) -> Numbers:
    """Return the median over rounds of every driver's numbers; drivers take turns, so that load hits all alike."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with Site() as site, unprivileged_chromium() as chromium:
        for number in range(rounds):
            for name in names:
                print(f"round {number + 1}/{rounds}: {name}", file=sys.stderr)
                found = run_driver(measure, DRIVERS[name], site.url, chromium)
                if found:
                    seen[name].append(found)
    return {
        name: {row: median(each[row] for each in found) for row in found[0]} for name, found in seen.items() if found
    }


def table(numbers: Numbers) -> str:
    """Return a Markdown table: the reference in its own units, everybody else as multiples of it."""
    reference = numbers.get(REFERENCE)
    if reference is None:
        return "the reference (Playwright) could not be measured"
    names = [name for name in numbers if name != REFERENCE]
    lines = [f"| | {REFERENCE} | " + " | ".join(names) + " |", "|---|" + "---:|" * (len(names) + 1)]
    for row, base in reference.items():
        unit = "" if "MiB" in row else " ms"
        cells = [f"{numbers[name][row] / base:.2f}" for name in names]
        lines.append(f"| {row} | {base:.1f}{unit} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def machine() -> str:
    """Return what the numbers were measured on."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load {load:.1f} at the end"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Ratios beside Playwright, in one run.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="names, separated by commas")
    parser.add_argument("--tracing", action="store_true", help="measure what a trace costs instead")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = [name for name in DRIVERS if not options.only or name in options.only.split(",")]
    numbers = run_all(names, options.rounds, "bench.tracing" if options.tracing else "bench.measure")
    if options.json:
        print(json.dumps({"machine": machine(), "numbers": numbers}, indent=2))
    else:
        print(table(numbers))
        print(f"\n{REFERENCE} in its own units, the others as multiples of it. {machine()}.")


if __name__ == "__main__":
    main()
