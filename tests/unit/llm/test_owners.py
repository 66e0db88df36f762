"""Whose container it is: one whose process has ended may be removed, and no other."""

from __future__ import annotations

import subprocess
import sys

from bykilt.llm.owners import is_orphan, own_mark


def test_a_process_that_has_ended_is_told_from_one_that_lives() -> None:
    program = "import sys; from bykilt.llm.owners import own_mark; print(own_mark(), flush=True); sys.stdin.read()"
    paths = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=paths
    ) as other:
        assert other.stdout
        mark = other.stdout.readline().strip()
        assert not is_orphan(mark)
        other.kill()
    assert is_orphan(mark)
    assert not is_orphan(own_mark())


def test_another_process_under_the_same_id_is_not_the_owner() -> None:
    space, pid, started = own_mark().split(":")
    assert is_orphan(f"{space}:{pid}:{int(started) + 1}")


def test_what_cannot_be_judged_is_left_alone() -> None:
    _, pid, _ = own_mark().split(":")
    assert not is_orphan(f"another-boot/1:{pid}:1")
    assert not is_orphan("")
    assert not is_orphan("nonsense")
