"""What is removed, and when: single runs, old runs, and removals that were cut off.

Knows that a run is a row and a folder, and in which order they go, so that a kill in between leaves nothing
that the next start does not finish. Does not know why somebody wants a run gone.
Everything here waits for the disk: call it from a worker thread in async code.
"""

from __future__ import annotations

from bykilt.history.history import History
from bykilt.history.model import RunFilter, RunNotFinished, RunRecord, RunStatus
from bykilt.ids import RunId
from bykilt.storage.home import Home

_FINAL = frozenset(status for status in RunStatus if status.is_final)
_PAGE = 200


def delete_run(history: History, home: Home, run_id: RunId) -> None:
    """Remove a run: its folder with all files, then its row.

    Raises:
        UnknownRun: There is none with that id.
        RunNotFinished: It is still going on.
        StorageError: Some of it could not be removed.
    """
    run = history.get(run_id)
    if not run.status.is_final:
        raise RunNotFinished(run_id, run.status, run.owner_pid)
    home.run_folder(run_id).remove()
    history.delete(run_id)


def prune(
    history: History, home: Home, *, now_s: float, max_age_s: float | None = None, keep: int | None = None
) -> tuple[RunId, ...]:
    """Remove finished runs that are older than `max_age_s`, and all but the latest `keep`; return which.

    Without either, nothing is removed. Runs that go on are never touched and do not count.

    Raises:
        StorageError: Some of it could not be removed; what was removed before stays removed.
    """
    doomed = [
        run.id
        for rank, run in enumerate(_finished_runs(history))
        if (keep is not None and rank >= keep) or (max_age_s is not None and now_s - _end_s(run) > max_age_s)
    ]
    for run_id in doomed:
        delete_run(history, home, run_id)
    return tuple(doomed)


def finish_removals(history: History, home: Home) -> None:
    """Finish the removals that a kill cut off.

    Raises:
        StorageError: Some of it could not be removed.
    """
    for run_id, folder in home.half_removed():
        home.finish_removal(folder)
        history.delete(run_id)


def _finished_runs(history: History) -> list[RunRecord]:
    runs: list[RunRecord] = []
    before: RunId | None = None
    while True:
        page = history.list_runs(RunFilter(status=_FINAL), limit=_PAGE, before=before)
        runs.extend(page.runs)
        before = page.next_before
        if before is None:
            return runs


def _end_s(run: RunRecord) -> float:
    return run.submitted_s if run.finished_s is None else run.finished_s
