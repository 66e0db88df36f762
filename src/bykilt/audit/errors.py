"""What can go wrong with the audit ledger."""

from __future__ import annotations

from pathlib import Path

from bykilt.errors import BykiltError, ExitCode


class AuditUnavailable(BykiltError):
    """The ledger could not be written; what was to be recorded must not happen."""

    code = "audit_unavailable"
    exit_code = ExitCode.MISSING_CAPABILITY

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"the audit ledger {path} cannot be written: {reason}",
            hint="nothing is given out that cannot be recorded: free some disk space, or check its owner and mode",
        )


class LedgerDamaged(BykiltError):
    """The ledger's end cannot be read, so that no record can be linked to it."""

    code = "audit_damaged"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"the audit ledger {path} is damaged: {reason}",
            hint="`bykilt audit verify` says where; move the folder away to begin another ledger, and keep it",
        )


class LedgerUnreadable(BykiltError):
    code = "audit_unreadable"
    exit_code = ExitCode.MISSING_CAPABILITY

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"the audit ledger {path} cannot be read: {reason}", hint="check its owner and mode")
