"""What the ledger records: an action, on what, where, with which outcome. Never a value.

Knows the words. Does not know how a record is written (`chain`) or kept (`ledger`).
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bykilt.json_types import JsonScalar


class Action(StrEnum):
    """What was done."""

    SECRET_READ = "secret.read"
    SECRET_SET = "secret.set"
    SECRET_DELETED = "secret.deleted"
    SECRET_UNDELETED = "secret.undeleted"
    SECRETS_FOR_REDACTION = "secret.redaction"
    SECRETS_LISTED = "secret.listed"
    VAULT_SEALED = "vault.sealed"
    VAULT_ROTATED = "vault.rotated"
    VAULT_BACKED_UP = "vault.backed_up"
    VAULT_RESTORED = "vault.restored"
    RUN_STARTED = "run.started"
    RUN_FINISHED = "run.finished"
    EGRESS_DECIDED = "egress.decided"
    LLM_CALLED = "llm.called"
    LLM_SENT = "llm.sent"
    FLAG_CHANGED = "flag.changed"
    LOGIN = "login"
    APPROVAL = "approval"
    LEDGER_CONTINUED = "ledger.continued"
    LEDGER_MENDED = "ledger.mended"
    LEDGER_NOT_SHIPPED = "ledger.not_shipped"


class AuditOutcome(StrEnum):
    """What came of it."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One thing that was done. `what` names the secret, run, host or flag; `where` the run, flow or origin."""

    action: Action
    what: str
    outcome: AuditOutcome
    where: Mapping[str, str] = field(default_factory=dict)
    detail: Mapping[str, JsonScalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Who:
    """Who did it: the user of the system, the process, and by which command or service."""

    user: str
    uid: int
    pid: int
    host: str
    via: str

    @classmethod
    def this_process(cls, via: str = "python") -> Who:
        """Return who this process is."""
        uid = os.getuid()
        try:
            user = pwd.getpwuid(uid).pw_name  # not USER or LOGNAME: anybody can set these
        except KeyError:
            user = str(uid)
        return cls(user, uid, os.getpid(), os.uname().nodename, via)
