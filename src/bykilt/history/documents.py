"""Records as JSON, for `result.json`, exports and `--json`.

Knows the names and the form of every field in these documents; other programs read them.
"""

from __future__ import annotations

from bykilt.events.codec import format_time
from bykilt.events.model import Failure
from bykilt.history.model import ArtifactRecord, RunRecord, StepRecord
from bykilt.json_types import JsonValue


def run_json(run: RunRecord) -> dict[str, JsonValue]:
    """Return a run. Times are UTC text, null where there is none yet."""
    return {
        "id": run.id,
        "flow": run.flow,
        "source": run.source,
        "engine": run.engine,
        "params": run.params,
        "status": str(run.status),
        "submitted": format_time(run.submitted_s),
        "started": _time(run.started_s),
        "finished": _time(run.finished_s),
        "duration_ms": run.duration_ms,
        "failure": failure_json(run.failure),
        "failed_step": run.failed_step,
        "step_count": run.step_count,
    }


def step_json(step: StepRecord) -> dict[str, JsonValue]:
    """Return one attempt at a step; `outcome` is null while it goes on."""
    return {
        "seq": step.seq,
        "id": step.step_id,
        "path": step.path,
        "title": step.title,
        "action": step.action,
        "depth": step.depth,
        "attempt": step.attempt,
        "started": format_time(step.started_s),
        "outcome": str(step.outcome) if step.outcome else None,
        "duration_ms": step.duration_ms,
        "failure": failure_json(step.failure),
    }


def artifact_json(artifact: ArtifactRecord, size_bytes: int | None = None) -> dict[str, JsonValue]:
    """Return a file that a step asked for; `size_bytes` is null when the file is gone."""
    return {
        "file": artifact.file,
        "kind": str(artifact.kind),
        "format": artifact.format,
        "records": artifact.records,
        "size_bytes": size_bytes,
    }


def failure_json(failure: Failure | None) -> JsonValue:
    """Return a failure, or null."""
    if failure is None:
        return None
    return {"code": failure.code, "message": failure.message, "hint": failure.hint}


def _time(wall_s: float | None) -> str | None:
    return None if wall_s is None else format_time(wall_s)
