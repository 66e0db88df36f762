"""Which process carries out a run, and whether it is alive."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bykilt.runs.ownership import Owner, known_owners, leftover_of, process_start_ticks


@pytest.fixture
def owners(tmp_path: Path) -> Path:
    return tmp_path


CLAIMER = """
import sys
from pathlib import Path
from bykilt.runs.ownership import Owner

owner = Owner.claim(Path(sys.argv[1]))
print(owner.name, flush=True)
sys.stdin.read()
"""


@contextmanager
def other_process(owners: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield a process that owns something, and its name as an owner."""
    command = [sys.executable, "-c", CLAIMER, str(owners)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


def test_an_owner_is_known_as_long_as_it_has_not_let_go(owners: Path) -> None:
    owner = Owner.claim(owners)
    assert known_owners(owners) == {owner.name}

    owner.release()
    owner.release()

    assert known_owners(owners) == frozenset()


def test_two_owners_in_one_process_are_told_apart(owners: Path) -> None:
    first, second = Owner.claim(owners), Owner.claim(owners)
    assert first.name != second.name

    with leftover_of(owners, first.name) as leftover:
        assert leftover is None
    first.release()
    second.release()


def test_the_file_names_the_process_for_people(owners: Path) -> None:
    owner = Owner.claim(owners)
    said = json.loads((owners / f"{owner.name}.lock").read_text())

    assert said == {"pid": os.getpid(), "start_ticks": process_start_ticks(os.getpid())}
    assert (owners / f"{owner.name}.lock").stat().st_mode & 0o777 == 0o600
    owner.release()


def test_nothing_is_left_over_from_a_process_that_lives(owners: Path) -> None:
    with other_process(owners) as (_, name), leftover_of(owners, name) as leftover:
        assert leftover is None


def test_a_killed_process_leaves_something_for_one_to_tidy_up(owners: Path) -> None:
    with other_process(owners) as (process, name):
        process.send_signal(signal.SIGKILL)
        process.wait()

    with leftover_of(owners, name) as leftover, leftover_of(owners, name) as second:
        assert leftover is not None
        assert second is None
        leftover.tidied = True
    assert known_owners(owners) == frozenset()


def test_what_could_not_be_tidied_up_is_left_for_the_next(owners: Path) -> None:
    with other_process(owners) as (process, name):
        process.send_signal(signal.SIGKILL)
        process.wait()

    with leftover_of(owners, name) as leftover:
        assert leftover is not None

    assert known_owners(owners) == {name}


def test_an_owner_whose_file_is_gone_is_dead(owners: Path) -> None:
    """The file goes when its owner lets go, or after tidying up; rows that still name it belong to nobody."""
    with leftover_of(owners, "gone") as leftover:
        assert leftover is not None
        leftover.tidied = True

    assert known_owners(owners) == frozenset()


def test_children_do_not_keep_their_parent_alive(owners: Path) -> None:
    """A browser that outlives its process must not hold the lock."""
    start_child = "import subprocess as s; print(s.Popen(['sleep', '60'], stdout=s.DEVNULL, stderr=s.DEVNULL).pid)"
    script = CLAIMER.replace("sys.stdin.read()", start_child)
    done = subprocess.run([sys.executable, "-c", script, str(owners)], capture_output=True, text=True, check=True)
    name, child = done.stdout.split()

    try:
        with leftover_of(owners, name) as leftover:
            assert leftover is not None
    finally:
        os.kill(int(child), signal.SIGKILL)


def test_a_process_start_is_known_and_that_of_a_dead_one_is_not() -> None:
    assert process_start_ticks(os.getpid()) == process_start_ticks(os.getpid())
    with subprocess.Popen(["true"]) as process:
        pass
    assert process_start_ticks(process.pid) is None
