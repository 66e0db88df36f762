"""What the architecture tests read: the project's source files and their syntax trees.

Knows where sources are. It knows no rule; the tests beside it do.
"""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "bykilt"


@dataclass(frozen=True)
class Source:
    """One Python file: its path relative to where it was looked for, its text and its syntax tree."""

    name: str
    text: str
    tree: ast.Module

    def place(self, node: ast.AST) -> str:
        """Return `file:line` of a node, for an assertion message."""
        return f"{self.name}:{getattr(node, 'lineno', 1)}"


@cache
def package_sources() -> tuple[Source, ...]:
    """Return every Python file of the package, named relative to `src/bykilt`."""
    return tuple(_read(PACKAGE))


@cache
def sources_of_tests() -> tuple[Source, ...]:
    """Return every Python file of the tests, named relative to `tests`."""
    return tuple(_read(ROOT / "tests"))


def tracked_files() -> list[Path]:
    """Return the files that git tracks, without those deleted in the work tree."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Yield name and content of every tracked text file."""
    for path in tracked_files():
        content = path.read_bytes()
        if b"\0" not in content:
            yield str(path.relative_to(ROOT)), content.decode("utf-8", errors="replace")


def _read(base: Path) -> Iterator[Source]:
    for path in sorted(base.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield Source(path.relative_to(base).as_posix(), text, ast.parse(text, str(path)))
