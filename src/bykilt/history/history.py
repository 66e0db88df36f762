"""The history of all runs: what is saved, what can be asked.

Knows which questions there are. Does not know where records come from (`recorder`) nor the files of a run.
Several processes may have the same history open. Everything here waits for the disk: call it from a worker
thread in async code. All of it raises `StorageError` when the database cannot do its work.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from bykilt.history.model import (
    AmbiguousRun,
    ArtifactRecord,
    Change,
    RunFilter,
    RunNotFinished,
    RunPage,
    RunRecord,
    StepRecord,
    UnknownRun,
)
from bykilt.history.tables import MIGRATIONS, artifact_of, insert_run, run_of, save_change, step_of
from bykilt.ids import RunId
from bykilt.storage.database import Database

_UNFINISHED = "status IN ('queued', 'running')"
_MAX_CANDIDATES = 5


class History:
    """The database of runs."""

    def __init__(self, path: Path) -> None:
        """Open the database; a new one is made, an older one brought up to date.

        Raises:
            StorageError: It cannot be opened, is damaged, or was written by a newer version.
        """
        self._database = Database(path, MIGRATIONS)

    def close(self) -> None:
        """Close the database. Calling it twice is fine."""
        self._database.close()

    # ---- what is saved

    def add(self, run: RunRecord) -> None:
        """Save a new run; it is on the disk when this returns."""
        self._database.write(lambda connection: insert_run(connection, run))

    def save(self, changes: Iterable[Change]) -> None:
        """Save changes in their order, all or none; they are on the disk when this returns.

        What belongs to a run that was deleted meanwhile is left out.
        """

        def work(connection: sqlite3.Connection) -> None:
            known: dict[RunId, bool] = {}
            for change in changes:
                if change.run_id not in known:
                    known[change.run_id] = _run(connection, change.run_id) is not None
                if known[change.run_id]:
                    save_change(connection, change)

        self._database.write(work)

    def delete(self, run_id: RunId) -> None:
        """Forget a run that is finished; its folder is not touched (`retention`). An unknown one is fine.

        Raises:
            RunNotFinished: It is still going on.
        """

        def work(connection: sqlite3.Connection) -> None:
            run = _run(connection, run_id)
            if run is not None and not run.status.is_final:
                raise RunNotFinished(run_id, run.status, run.owner_pid)
            connection.execute("DELETE FROM runs WHERE id = ?", (run_id,))

        self._database.write(work)

    # ---- what can be asked

    def get(self, run_id: RunId) -> RunRecord:
        """Return a run.

        Raises:
            UnknownRun: There is none with that id.
        """
        run = self._database.read(lambda connection: _run(connection, run_id))
        if run is None:
            raise UnknownRun(run_id)
        return run

    def find(self, name: str) -> RunRecord:
        """Return the run that a person means: by its id, by the first letters of it, or the `latest`.

        Raises:
            UnknownRun: No id begins like that.
            AmbiguousRun: Several do.
        """
        if name == "latest":
            newest = self.list_runs(limit=1).runs
            if not newest:
                raise UnknownRun(name)
            return newest[0]
        found = self._database.read(
            lambda connection: connection.execute(
                # `{` sorts after every letter of an id.
                "SELECT * FROM runs WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
                (name.lower(), name.lower() + "{", _MAX_CANDIDATES),
            ).fetchall()
        )
        if not found or not name:
            raise UnknownRun(name)
        if len(found) > 1 and found[0]["id"] != name:
            raise AmbiguousRun(name, tuple(RunId(row["id"]) for row in found))
        return run_of(found[0])

    def list_runs(self, wanted: RunFilter | None = None, *, limit: int = 50, before: RunId | None = None) -> RunPage:
        """Return the latest runs that fit, at most `limit`, from `before` (exclusive) backwards."""
        conditions, values = _conditions(wanted or RunFilter(), before)
        query = f"SELECT * FROM runs WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?"
        rows = self._database.read(lambda connection: connection.execute(query, (*values, limit + 1)).fetchall())
        runs = tuple(run_of(row) for row in rows[:limit])
        return RunPage(runs, runs[-1].id if runs and len(rows) > limit else None)

    def steps(self, run_id: RunId) -> tuple[StepRecord, ...]:
        """Return the steps of a run, in the order in which they began; none for an unknown run."""
        return tuple(map(step_of, self._rows_of_run("steps", run_id)))

    def artifacts(self, run_id: RunId) -> tuple[ArtifactRecord, ...]:
        """Return the files that the steps of a run asked for, oldest first; none for an unknown run."""
        return tuple(map(artifact_of, self._rows_of_run("artifacts", run_id)))

    def unfinished(self, owner: str) -> tuple[RunRecord, ...]:
        """Return the runs that a process has not brought to their end, oldest first."""
        query = f"SELECT * FROM runs WHERE owner = ? AND {_UNFINISHED} ORDER BY id"
        rows = self._database.read(lambda connection: connection.execute(query, (owner,)).fetchall())
        return tuple(map(run_of, rows))

    def owners_of_unfinished(self) -> frozenset[str]:
        """Return the processes that have runs which are not at their end."""
        query = f"SELECT DISTINCT owner FROM runs WHERE {_UNFINISHED}"
        return frozenset(self._database.read(lambda connection: [row[0] for row in connection.execute(query)]))

    def _rows_of_run(self, table: str, run_id: RunId) -> list[sqlite3.Row]:
        query = f"SELECT * FROM {table} WHERE run_id = ? ORDER BY seq"
        return self._database.read(lambda connection: connection.execute(query, (run_id,)).fetchall())


def _run(connection: sqlite3.Connection, run_id: RunId) -> RunRecord | None:
    row = connection.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone()
    return None if row is None else run_of(row)


def _conditions(wanted: RunFilter, before: RunId | None) -> tuple[list[str], list[str | float]]:
    conditions, values = ["1"], list[str | float]()
    if wanted.status:
        conditions.append(f"status IN ({', '.join('?' * len(wanted.status))})")
        values.extend(sorted(wanted.status))
    for condition, value in (
        ("flow = ?", wanted.flow),
        ("engine = ?", wanted.engine),
        ("submitted_s >= ?", wanted.since_s),
        ("id < ?", before),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    return conditions, values
