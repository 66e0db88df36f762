"""For tests from end to end: the command line with a home of its own. One event loop is enough for the engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def bykilt(tmp_path: Path) -> Iterator[CommandLine]:
    """The command `bykilt`, to be run as a process."""
    command_line = CommandLine(tmp_path / "home")
    yield command_line
    command_line.kill_left()
