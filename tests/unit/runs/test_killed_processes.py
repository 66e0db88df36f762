"""kill -9 at any moment: no run that was submitted is lost, none is left without its end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from bykilt.events.event_file import read_events
from bykilt.events.model import RunFinished
from bykilt.history.model import RunRecord, RunStatus
from bykilt.ids import RunId
from bykilt.runs.ownership import known_owners
from bykilt.runs.recovery import recover
from bykilt.storage.home import Home
from tests.support.run_services import open_history

_ROOT = Path(__file__).resolve().parents[3]

# Submits runs for ever, and says each one's id once `submit` has returned. Every third hangs in its first step.
SUBMITTER = """
import sys
from pathlib import Path
import anyio
from tests.support.run_services import request, run_service
from tests.support.scripted_engine import Script, ScriptedEngines, hangs

async def main(home, count):
    async with run_service(Path(home), ScriptedEngines(Script({"#hang": hangs})), max_runs=8) as service:
        for number in range(count):
            run_id = await service.submit(request("#hang" if number % 3 == 2 else "#a"))
            print(run_id, flush=True)

anyio.run(main, sys.argv[1], int(sys.argv[2]))
"""


def start(home: Path, count: int = 1000) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SUBMITTER, str(home), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT)


def output(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def all_runs(home: Path) -> dict[RunId, RunRecord]:
    history = open_history(home)
    recover(history, Home(home), None)
    runs = {run.id: run for run in history.list_runs(limit=10_000).runs}
    history.close()
    return runs


def check_files(home: Path, runs: dict[RunId, RunRecord]) -> None:
    """Every run has its folder, its events from 1 to its end without a gap, and its result; nothing else is there."""
    for run in runs.values():
        folder = Home(home).run_folder(run.id)
        events = list(read_events(folder.events, run.id))
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert isinstance(events[-1].fact, RunFinished)
        assert json.loads(folder.result.read_bytes())["run"]["status"] == run.status
    assert known_owners(Home(home).owners) == frozenset()


@pytest.mark.parametrize("submitted", [1, 2, 5, 9, 14])
def test_a_process_killed_while_it_submits_and_runs_loses_no_run(tmp_path: Path, submitted: int) -> None:
    with start(tmp_path) as process:
        told = [RunId(output(process).readline().strip()) for _ in range(submitted)]
        process.send_signal(signal.SIGKILL)
        told += [RunId(line.strip()) for line in output(process)]

    runs = all_runs(tmp_path)
    assert set(told) <= set(runs)
    assert all(run.status.is_final for run in runs.values())
    assert {runs[run_id].status for run_id in told[2::3]} <= {RunStatus.INTERRUPTED}
    check_files(tmp_path, runs)


def test_eight_processes_submit_at_once_and_one_killed_loses_nothing_of_any(tmp_path: Path) -> None:
    processes = [start(tmp_path, 2) for _ in range(7)]
    with start(tmp_path) as victim:
        told = [RunId(output(victim).readline().strip()) for _ in range(4)]
        victim.send_signal(signal.SIGKILL)
        told += [RunId(line.strip()) for line in output(victim)]
    for process in processes:
        told += [RunId(line) for line in process.communicate(timeout=60)[0].split()]
        assert process.returncode == 0

    runs = all_runs(tmp_path)
    assert len(told) >= 18
    assert set(told) <= set(runs)
    assert sum(run.status is RunStatus.SUCCEEDED for run in runs.values()) >= 14
    check_files(tmp_path, runs)


def test_the_next_process_brings_the_runs_of_a_killed_one_to_their_end(tmp_path: Path) -> None:
    """Contract: at the next start of any process, without being asked."""
    with start(tmp_path) as process:
        told = [RunId(output(process).readline().strip()) for _ in range(3)]
        process.send_signal(signal.SIGKILL)

    with start(tmp_path, 1) as following:
        following.communicate(timeout=60)
    assert following.returncode == 0

    history = open_history(tmp_path)
    assert {history.get(run_id).status.is_final for run_id in told} == {True}
    history.close()


def test_a_stopped_process_still_owns_its_runs(tmp_path: Path) -> None:
    """Ctrl-Z is not the end of a run."""
    with start(tmp_path) as process:
        told = [RunId(output(process).readline().strip()) for _ in range(3)]
        process.send_signal(signal.SIGSTOP)

        assert all_runs(tmp_path)[told[2]].status in (RunStatus.QUEUED, RunStatus.RUNNING)
        process.send_signal(signal.SIGKILL)
