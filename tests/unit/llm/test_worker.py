"""The real worker, as a process on this machine and without a model: how it reads lines and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys

from bykilt.llm.worker import second_filter
from bykilt.llm.worker.main import MAX_LINE_BYTES

PROGRAM = "from bykilt.llm.worker.main import main; main()"


def answers(sent: bytes, *, filtered: bool = False) -> tuple[int, list[dict[str, object]]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=sent,
        capture_output=True,
        check=False,
        env={"BYKILT_SECOND_FILTER": str(int(filtered)), "PYTHONPATH": ":".join(path for path in sys.path if path)},
        timeout=30,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def conversation(*lines: str, filtered: bool = False) -> list[dict[str, object]]:
    """Send lines one by one, each after the answer to the one before; return the answers."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"BYKILT_SECOND_FILTER": str(int(filtered)), "PYTHONPATH": ":".join(path for path in sys.path if path)},
    ) as worker:
        assert worker.stdin
        assert worker.stdout
        heard = [json.loads(worker.stdout.readline())]
        for line in lines:
            worker.stdin.write(line.encode() + b"\n")
            worker.stdin.flush()
            heard.append(json.loads(worker.stdout.readline()))
        worker.stdin.close()
        assert worker.wait(10) == 0
    return heard


def test_it_says_what_holds_it_before_it_takes_calls() -> None:
    (ready,) = conversation()
    limits = ready["limits"]
    assert ready["ev"] == "ready"
    assert isinstance(limits, dict)
    assert limits["mounts"]["/"]
    assert "lo" in limits["interfaces"]


def test_calls_are_answered_by_their_id() -> None:
    _, pong, unknown, no_model = conversation(
        '{"op":"ping","id":"a"}', '{"op":"run","id":"b"}', '{"op":"chat","id":"c","messages":[]}'
    )
    assert pong == {"id": "a", "ev": "pong"}
    assert (unknown["id"], unknown["ev"], unknown["code"]) == ("b", "error", "bad_call")
    assert (no_model["id"], no_model["code"]) == ("c", "no_model")


def test_it_serves_behind_its_own_filter() -> None:
    ready, pong = conversation('{"op":"ping","id":"a"}', filtered=True)
    assert ready["second_filter"] is True
    assert pong["ev"] == "pong"


def test_it_ends_when_its_input_ends() -> None:
    code, _ = answers(b"")
    assert code == 0


def test_a_line_that_never_ends_is_its_end() -> None:
    code, _ = answers(b"x" * (MAX_LINE_BYTES + 70_000))
    assert code == 71


def test_the_filter_jumps_nowhere_but_to_its_verdicts() -> None:
    """Each comparison of a number skips over exactly its own verdict."""
    program = second_filter.program()
    assert len(program) % 8 == 0
    assert len(program) // 8 < 256
    assert program.endswith(bytes.fromhex("0600000001000500"))
