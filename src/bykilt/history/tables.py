"""The tables of the history, and how records become rows and rows become records.

Knows SQL. Does not know when anything is saved or asked for (`history`).
"""

from __future__ import annotations

import sqlite3

from bykilt.events.model import Failure, Outcome
from bykilt.history.model import (
    ArtifactKind,
    ArtifactRecord,
    Change,
    RunBegun,
    RunEnded,
    RunRecord,
    RunStatus,
    StepRecord,
)
from bykilt.ids import RunId
from bykilt.storage.json_document import compact_json, decode_object

# Never change one that was released: add the next.
MIGRATIONS = (
    """
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, flow TEXT NOT NULL, source TEXT NOT NULL, engine TEXT NOT NULL, params TEXT NOT NULL,
        status TEXT NOT NULL, submitted_s REAL NOT NULL, started_s REAL, finished_s REAL, duration_ms REAL,
        failure_code TEXT, failure_message TEXT, failure_hint TEXT, failed_step TEXT,
        step_count INTEGER NOT NULL, owner TEXT NOT NULL, owner_pid INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX runs_by_flow ON runs (flow, id);
    CREATE INDEX runs_unfinished ON runs (owner) WHERE status IN ('queued', 'running');
    CREATE TABLE steps (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, seq INTEGER NOT NULL,
        step_id TEXT NOT NULL, path TEXT NOT NULL, title TEXT NOT NULL, action TEXT NOT NULL,
        depth INTEGER NOT NULL, attempt INTEGER NOT NULL, started_s REAL NOT NULL, outcome TEXT, duration_ms REAL,
        failure_code TEXT, failure_message TEXT, failure_hint TEXT,
        PRIMARY KEY (run_id, seq)
    ) WITHOUT ROWID;
    CREATE TABLE artifacts (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, seq INTEGER NOT NULL,
        file TEXT NOT NULL, kind TEXT NOT NULL, format TEXT NOT NULL, records INTEGER,
        PRIMARY KEY (run_id, seq)
    ) WITHOUT ROWID
    """,
)

_END_RUN = """
    UPDATE runs SET status = ?, finished_s = ?, duration_ms = ?,
        failure_code = ?, failure_message = ?, failure_hint = ?, failed_step = ?
    WHERE id = ? AND status IN ('queued', 'running')
"""
_BEGIN_RUN = """
    UPDATE runs SET status = 'running', started_s = ?, engine = ?, step_count = ? WHERE id = ? AND status = 'queued'
"""


def insert_run(connection: sqlite3.Connection, run: RunRecord) -> None:
    """Add a run."""
    row = (
        run.id, run.flow, run.source, run.engine, compact_json(run.params),
        str(run.status), run.submitted_s, run.started_s, run.finished_s, run.duration_ms,
        *_failure_columns(run.failure), run.failed_step, run.step_count, run.owner, run.owner_pid,
    )  # fmt: skip
    connection.execute(f"INSERT INTO runs VALUES ({_marks(row)})", row)


def save_change(connection: sqlite3.Connection, change: Change) -> None:
    """Save one change; a step or artifact that is there already is replaced."""
    match change:
        case RunBegun():
            connection.execute(_BEGIN_RUN, (change.started_s, change.engine, change.step_count, change.run_id))
        case RunEnded():
            row = (
                str(change.outcome), change.finished_s, change.duration_ms,
                *_failure_columns(change.failure), change.failed_step, change.run_id,
            )  # fmt: skip
            connection.execute(_END_RUN, row)
        case StepRecord():
            _replace(connection, "steps", (
                change.run_id, change.seq, change.step_id, change.path, change.title, change.action,
                change.depth, change.attempt, change.started_s, change.outcome and str(change.outcome),
                change.duration_ms, *_failure_columns(change.failure),
            ))  # fmt: skip
        case ArtifactRecord():
            _replace(connection, "artifacts", (
                change.run_id, change.seq, change.file, str(change.kind), change.format, change.records,
            ))  # fmt: skip


def run_of(row: sqlite3.Row) -> RunRecord:
    """Return the run in a row of `runs`."""
    return RunRecord(
        id=RunId(row["id"]),
        flow=row["flow"],
        source=row["source"],
        engine=row["engine"],
        params=decode_object(row["params"]),
        status=RunStatus(row["status"]),
        submitted_s=row["submitted_s"],
        started_s=row["started_s"],
        finished_s=row["finished_s"],
        duration_ms=row["duration_ms"],
        failure=_failure_of(row),
        failed_step=row["failed_step"],
        step_count=row["step_count"],
        owner=row["owner"],
        owner_pid=row["owner_pid"],
    )


def step_of(row: sqlite3.Row) -> StepRecord:
    """Return the step in a row of `steps`."""
    return StepRecord(
        run_id=RunId(row["run_id"]),
        seq=row["seq"],
        step_id=row["step_id"],
        path=row["path"],
        title=row["title"],
        action=row["action"],
        depth=row["depth"],
        attempt=row["attempt"],
        started_s=row["started_s"],
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        duration_ms=row["duration_ms"],
        failure=_failure_of(row),
    )


def artifact_of(row: sqlite3.Row) -> ArtifactRecord:
    """Return the file in a row of `artifacts`."""
    return ArtifactRecord(
        run_id=RunId(row["run_id"]),
        seq=row["seq"],
        file=row["file"],
        kind=ArtifactKind(row["kind"]),
        format=row["format"],
        records=row["records"],
    )


def _replace(connection: sqlite3.Connection, table: str, row: tuple[object, ...]) -> None:
    connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({_marks(row)})", row)


def _marks(row: tuple[object, ...]) -> str:
    return ", ".join("?" * len(row))


def _failure_columns(failure: Failure | None) -> tuple[str | None, str | None, str | None]:
    return (failure.code, failure.message, failure.hint) if failure else (None, None, None)


def _failure_of(row: sqlite3.Row) -> Failure | None:
    if row["failure_code"] is None:
        return None
    return Failure(row["failure_code"], row["failure_message"], row["failure_hint"])
