"""What `bykilt --help` and the helps of the commands say, and how quickly."""

from __future__ import annotations

import inspect
import subprocess
import sys
import time
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from bykilt import __version__
from bykilt.browser.engine.browser_engine import EngineType
from bykilt.cli.main import COMMANDS, main
from bykilt.cli.run_options import ENGINES
from bykilt.cli.runs_commands import STATUSES
from bykilt.history.model import RunStatus

# Each takes longer to import than the whole help may take, or nearly so.
HEAVY = {
    "anyio",
    "rich",
    "pydantic",
    "yaml",
    "playwright",
    "orjson",
    "sqlite3",
    "bykilt.browser",
    "bykilt.flows",
    "cryptography",
    "keyring",
}


def commands(command: click.Command = main, path: str = "bykilt") -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from commands(child, f"{path} {name}")


ALL = dict(commands())
LEAVES = {path: command for path, command in ALL.items() if not isinstance(command, click.Group)}


def test_the_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom bykilt.cli.main import main\n"
        "try:\n    main(['--help'])\nfinally:\n    print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "Commands:" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_the_help_comes_within_a_quarter_of_a_second() -> None:
    took_s = []
    for _ in range(5):
        started_s = time.monotonic()
        subprocess.run([sys.executable, "-m", "bykilt", "--help"], capture_output=True, timeout=60, check=True)
        took_s.append(time.monotonic() - started_s)
    assert min(took_s) < 0.25


@pytest.mark.parametrize("path", ALL)
def test_every_command_explains_itself(path: str) -> None:
    result = CliRunner().invoke(main, [*path.split()[1:], "--help"])
    assert result.exit_code == 0
    assert ALL[path].help
    assert result.stdout.startswith(f"Usage: {path} ")


@pytest.mark.parametrize("path", [path for path in LEAVES if path != "bykilt version"])
def test_every_command_that_does_something_has_examples(path: str) -> None:
    text = inspect.cleandoc(LEAVES[path].help or "")
    assert "Examples:" in text
    assert f"\n  {path}" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_the_command_says_of_itself(name: str) -> None:
    """The list is written out so that it needs no imports; the two must not drift apart."""
    assert (ALL[f"bykilt {name}"].help or "").splitlines()[0] == COMMANDS[name].help


def test_the_engines_offered_are_those_there_are() -> None:
    assert set(ENGINES) == {str(engine) for engine in EngineType}


def test_the_statuses_offered_are_those_there_are() -> None:
    assert set(STATUSES) == {str(status) for status in RunStatus}


@pytest.mark.parametrize("arguments", [["--version"], ["version"]])
def test_the_version_can_be_asked_for(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).stdout == f"bykilt {__version__}\n"
