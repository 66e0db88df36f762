"""What is on record of each request that leaves, or that was not let out: facts and hashes, never text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from anyio import to_thread

from bykilt.audit.ledger import Ledger
from bykilt.audit.record import Action, AuditOutcome, AuditRecord
from bykilt.json_types import JsonScalar


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRecord:
    """One request as far as it has come: allowed, refused, succeeded or failed.

    Sizes are bytes of bodies. `address` and `status` are None where it did not come so far, `reason` is an error's
    code. The tokens are the provider's own count, or counted here where `is_estimated`.
    """

    provider: str
    model: str
    host: str
    owner: str
    outcome: AuditOutcome
    run: str | None = None
    address: str | None = None
    status: int | None = None
    request_bytes: int = 0
    request_sha256: str = ""
    answer_bytes: int = 0
    answer_sha256: str = ""
    duration_ms: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    is_estimated: bool = False
    reason: str | None = None


class ExchangeRecords(Protocol):
    """Where exchanges are put on record."""

    async def note(self, record: ExchangeRecord) -> None:
        """Keep a record. It is called before a request leaves, and again when it is known what came of it.

        Raises:
            BykiltError: It cannot be kept; a request that has not left does not leave.
        """
        ...


class NoRecords:
    """Keeps nothing."""

    async def note(self, record: ExchangeRecord) -> None:
        """Do nothing."""


class LedgerRecords:
    """Keeps exchanges in the audit ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def note(self, record: ExchangeRecord) -> None:
        """Write a line.

        Raises:
            AuditUnavailable, LedgerDamaged: It could not be written.
        """
        where = {"origin": record.host} | ({"run": record.run} if record.run else {})
        detail: dict[str, JsonScalar] = {
            "model": record.model,
            "owner": record.owner,
            "address": record.address,
            "status": record.status,
            "request_bytes": record.request_bytes,
            "request_sha256": record.request_sha256,
            "answer_bytes": record.answer_bytes,
            "answer_sha256": record.answer_sha256,
            "duration_ms": round(record.duration_ms, 1),
            "prompt_tokens": record.prompt_tokens,
            "completion_tokens": record.completion_tokens,
            "estimated": record.is_estimated or None,
            "reason": record.reason,
        }
        known = {name: value for name, value in detail.items() if value not in (None, "")}
        line = AuditRecord(Action.LLM_SENT, record.provider, record.outcome, where, known)
        if not self._ledger.try_append(line):
            await to_thread.run_sync(self._ledger.append, line)
