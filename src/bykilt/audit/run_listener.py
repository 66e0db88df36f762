"""Writes into the ledger what of a run concerns it: its start and end, and where its browser was let or not.

Listens to the event stream. Knows which events those are. Does not know where the ledger is.
"""

from __future__ import annotations

from bykilt.audit.ledger import Ledger
from bykilt.audit.record import Action, AuditOutcome, AuditRecord
from bykilt.events.model import EgressDecided, Event, Outcome, RunFinished, RunStarted
from bykilt.json_types import JsonScalar


class RunAuditor:
    """One for all runs of a process. Each record is one line, which waits for other writers only while they write.

    What cannot be written raises, and the stream disconnects whoever raises, which is a warning of the run.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def on_event(self, event: Event) -> None:
        """Write down an event if it concerns the ledger.

        Raises:
            AuditUnavailable: It could not be written.
        """
        record = _record(event)
        if record is not None:
            self._ledger.append(record)


def _record(event: Event) -> AuditRecord | None:
    where = {"run": str(event.run_id)}
    match event.fact:
        case RunStarted(flow=flow, engine=engine):
            return AuditRecord(Action.RUN_STARTED, flow, AuditOutcome.ALLOWED, where, {"engine": engine})
        case RunFinished(outcome=outcome, failure=failure):
            came_to = AuditOutcome.SUCCEEDED if outcome is Outcome.SUCCEEDED else AuditOutcome.FAILED
            detail: dict[str, JsonScalar] = {"outcome": str(outcome)}
            if failure is not None:
                detail["code"] = failure.code
            return AuditRecord(Action.RUN_FINISHED, str(event.run_id), came_to, where, detail)
        case EgressDecided() as egress:
            return AuditRecord(
                Action.EGRESS_DECIDED,
                f"{egress.host}:{egress.port}",
                AuditOutcome.ALLOWED if egress.allowed else AuditOutcome.REFUSED,
                where,
                {"protocol": egress.protocol, "rule": egress.rule, "reason": egress.reason or egress.unreachable},
            )
        case _:
            return None
