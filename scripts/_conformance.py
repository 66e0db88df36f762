"""Write the conformance report: what the contract suite proves of each engine, and where one is known to fall short.

Knows the suite's folder and the file of deviations. That every test which is no declared deviation passes on both
engines is what `make test` sees to: a failure breaks the build, and so does a deviation that is none any more.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUITE = "tests/contract/engine"
ENGINES = ("cdp", "playwright")


def conformance_page() -> str:
    """Return the report as Markdown."""
    tests = _collected()
    deviations = tomllib.loads((ROOT / "tests" / "expectations.toml").read_text(encoding="utf-8")).get("deviation", [])
    gaps = {engine: sum(1 for each in deviations if each["engine"] == engine) for engine in ENGINES}
    totals = {engine: sum(counts[engine] for counts in tests.values()) for engine in ENGINES}
    lines = [
        "# Conformance",
        "",
        f"One suite (`{SUITE}`) runs on both engines, against a real Chromium and a loopback site that remembers "
        "what it saw.",
        "Every test has to pass on both; what an engine cannot do is declared, with its reason, and listed below.",
        "A declared gap that is closed breaks the build until its entry is gone.",
        "",
        "| | cdp | playwright |",
        "| --- | ---: | ---: |",
        f"| tests | {totals['cdp']} | {totals['playwright']} |",
        f"| declared gaps | {gaps['cdp']} | {gaps['playwright']} |",
        "",
        "## By capability",
        "",
        "Number of tests that pass on each engine; a gap is named after it.",
        "",
        "| area | what is tested | cdp | playwright |",
        "| --- | --- | ---: | ---: |",
    ]
    for file, counts in sorted(tests.items()):
        area = Path(file).stem.removeprefix("test_").replace("_", " ")
        cells = [_cell(counts[engine], _gaps_in(file, engine, deviations)) for engine in ENGINES]
        lines.append(f"| {area} | {_about(file)} | {' | '.join(cells)} |")
    lines += ["", "## Declared gaps", ""]
    for each in deviations:
        name = each["test"].partition("::")[2].removeprefix("test_").replace("_", " ")
        lines.append(f"- **{each['engine']}**: {name}. {each['reason']}.")
    if not deviations:
        lines.append("None.")
    return "\n".join(lines) + "\n"


def _collected() -> dict[str, dict[str, int]]:
    """Return the number of tests per file and engine, as pytest finds them."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", SUITE]
    found = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=120).stdout
    tests: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(ENGINES, 0))
    for line in found.splitlines():
        match = re.match(r"(\S+\.py)::[^\[]+\[(cdp|playwright)\b", line)
        if match:
            tests[match[1]][match[2]] += 1
    return tests


def _gaps_in(file: str, engine: str, deviations: list[dict[str, str]]) -> int:
    return sum(1 for each in deviations if each["engine"] == engine and each["test"].startswith(f"{file}::"))


def _cell(count: int, gaps: int) -> str:
    return f"{count - gaps} ({gaps} gap{'s' if gaps > 1 else ''})" if gaps else str(count)


def _about(file: str) -> str:
    text = ast.get_docstring(ast.parse((ROOT / file).read_text(encoding="utf-8"))) or ""
    return text.split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
