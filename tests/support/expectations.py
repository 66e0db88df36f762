"""Known deviations of an engine from the contract, kept in a file with their reasons.

Knows how `tests/expectations.toml` is read, which test an entry speaks of, and when an entry is out of date.
Knows nothing of the deviations themselves. pytest's hooks are in `tests/conftest.py`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

KEYS = ("test", "engine", "case", "reason")
FAILURES = (AssertionError, TimeoutError)


class BadExpectations(ValueError):
    """The file cannot be read as a list of deviations, or one of them is out of date."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """One entry: a test that fails on an engine, and why.

    `test` is `path::name`, where the name may hold `*`; `case` is the rest of a parametrised test's id, or empty
    when every case fails.
    """

    test: str
    engine: str
    reason: str
    case: str = ""

    @property
    def file(self) -> str:
        """The test's file, relative to the project."""
        return self.test.partition("::")[0]

    def speaks_of(self, item: pytest.Item) -> bool:
        """Whether the entry means this test on this engine."""
        name, _, parameters = item.nodeid.partition("[")
        callspec = getattr(item, "callspec", None)
        engine = "" if callspec is None else str(callspec.params.get("engine_type", ""))
        if engine != self.engine or not _fits(self.test, name):
            return False
        return not self.case or self.case == _without(parameters.removesuffix("]"), engine)

    def __str__(self) -> str:
        return f"{self.test} on {self.engine}" + (f" [{self.case}]" if self.case else "")


def read_deviations(path: Path) -> list[Deviation]:
    """Return the entries of the file; none if there is no such file.

    Raises:
        BadExpectations: It is not TOML, or an entry lacks something.
    """
    if not path.exists():
        return []
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadExpectations(f"{path.name}: {error}") from None
    unknown = sorted(set(table) - {"deviation"})
    if unknown:
        raise BadExpectations(f"{path.name}: unknown table {unknown[0]!r}; entries are [[deviation]]")
    return [_entry(number, entry, path.name) for number, entry in enumerate(table.get("deviation", []), 1)]


def _entry(number: int, entry: dict[str, object], name: str) -> Deviation:
    where = f"{name}, entry {number}"
    for key, value in entry.items():
        if key not in KEYS or not isinstance(value, str) or not value.strip():
            raise BadExpectations(f"{where}: {key} = {value!r}; the keys are {', '.join(KEYS)}, each with text")
    missing = [key for key in KEYS if key not in entry and key != "case"]
    if missing:
        raise BadExpectations(f"{where} lacks {missing[0]!r}")
    deviation = Deviation(**{key: str(value) for key, value in entry.items()})
    if "::" not in deviation.test or "*" in deviation.file:
        raise BadExpectations(f"{where}: test = {deviation.test!r}; write path::name, with * in the name only")
    return deviation


def expect_failures(items: Iterable[pytest.Item], deviations: Iterable[Deviation]) -> None:
    """Let the named tests fail, and the run fail if one of them passes."""
    for item in items:
        for deviation in deviations:
            if deviation.speaks_of(item):
                item.add_marker(pytest.mark.xfail(reason=deviation.reason, raises=FAILURES, strict=True))


def stale(
    deviations: Iterable[Deviation], items: Sequence[pytest.Item], whole_files: set[str], root: Path
) -> list[Deviation]:
    """Return the entries that no test answers to.

    `whole_files` are the files of which every test was collected: about others nothing can be said, unless
    they do not exist.
    """
    return [
        deviation
        for deviation in deviations
        if not (root / deviation.file).exists()
        or (deviation.file in whole_files and not any(deviation.speaks_of(item) for item in items))
    ]


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), text) is not None


def _without(case: str, engine: str) -> str:
    """Return a test's parameters without the engine, which may stand at either end."""
    if case == engine:
        return ""
    return case.removeprefix(f"{engine}-").removesuffix(f"-{engine}")
