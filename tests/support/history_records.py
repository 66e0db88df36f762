"""Records and facts with every field filled in, for tests of the history and what stands on it.

Knows plausible values. Each function takes what matters to a test by name.
"""

from __future__ import annotations

from dataclasses import replace

from bykilt.events.model import Event, Fact, Outcome, RunFinished, RunStarted, StepFinished, StepStarted
from bykilt.history.model import RunRecord, RunStatus
from bykilt.ids import RunId, new_run_id

START_S = 1_795_000_000.0

_RUN = RunRecord(
    id=RunId(""),
    flow="orders",
    source="orders.json",
    engine="cdp",
    params={"q": "tea", "limit": 3},
    status=RunStatus.QUEUED,
    submitted_s=START_S,
    owner="owner",
    owner_pid=4711,
)


def run_record(submitted_s: float = START_S, **changes: object) -> RunRecord:
    """Return a queued run with an id that fits its time."""
    return replace(_RUN, id=new_run_id(submitted_s), submitted_s=submitted_s, **changes)  # type: ignore[arg-type]


def step_started(step: str = "login", *, attempt: int = 1, depth: int = 0) -> StepStarted:
    """Return the beginning of a step."""
    return StepStarted(step, f"/steps/{step}", f"Do {step}", "fill", depth, attempt)


def step_finished(step: str = "login", outcome: Outcome = Outcome.SUCCEEDED, *, attempt: int = 1) -> StepFinished:
    """Return the end of a step."""
    return StepFinished(step, f"/steps/{step}", outcome, 12.5, attempt)


def run_started() -> RunStarted:
    """Return the beginning of a run of two steps."""
    return RunStarted("orders", "cdp", 2)


def run_finished(outcome: Outcome = Outcome.SUCCEEDED) -> RunFinished:
    """Return the end of a run."""
    return RunFinished(outcome, 1500.0)


def events(run_id: RunId, *facts: Fact) -> list[Event]:
    """Return the facts as events, one second apart."""
    return [Event(run_id, seq, START_S + seq, fact) for seq, fact in enumerate(facts, 1)]
