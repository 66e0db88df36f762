"""Calls to models in the audit ledger: before one is made, and when it is known what came of it. Never a text.

Prompt and answer are there as SHA-256, so that a record of them elsewhere can be shown to be the one that was asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import anyio.to_thread

from bykilt.audit.ledger import Ledger
from bykilt.audit.record import Action, AuditOutcome, AuditRecord
from bykilt.json_types import JsonScalar
from bykilt.llm.calls import Call, Completion
from bykilt.llm.money import in_dollars
from bykilt.llm.usage import Asking, Ending, RequestOutcome


class CallRecord:
    """Writes the lines. A call whose line cannot be written is not made, or its answer is not given."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def close(self) -> None:
        """Close the ledger's files; it opens them again when it is needed."""
        self._ledger.close()

    async def allowed(self, call: Call, asking: Asking) -> None:
        """Write that a request is about to be made.

        Raises:
            AuditUnavailable, LedgerDamaged: It could not be written.
        """
        detail: Mapping[str, JsonScalar] = {"prompt_sha256": prompt_sha256(call), "most_tokens": asking.most.tokens}
        await self._write(AuditOutcome.ALLOWED, asking, detail)

    async def refused(self, call: Call, asking: Asking, code: str) -> None:
        """Write that a call was not made, and why."""
        await self._write(AuditOutcome.REFUSED, asking, {"prompt_sha256": prompt_sha256(call), "reason": code})

    async def ended(self, call: Call, asking: Asking, ending: Ending, answer: Completion | None) -> None:
        """Write what came of a request."""
        is_answered = ending.outcome is RequestOutcome.ANSWERED
        cost = None if ending.parts is None else format(in_dollars(ending.parts).normalize(), "f")
        detail: dict[str, JsonScalar] = {
            "prompt_sha256": prompt_sha256(call),
            "prompt_tokens": ending.prompt_tokens,
            "completion_tokens": ending.completion_tokens,
            "cost_usd": cost,
        }
        if answer is not None:
            detail["answer_sha256"] = text_sha256(answer.text)
        if ending.code is not None:
            detail["reason"] = ending.code
        await self._write(AuditOutcome.SUCCEEDED if is_answered else AuditOutcome.FAILED, asking, detail)

    async def cached(self, call: Call, asking: Asking, answer: Completion) -> None:
        """Write that a call is answered from what was kept."""
        detail: Mapping[str, JsonScalar] = {
            "prompt_sha256": prompt_sha256(call),
            "answer_sha256": text_sha256(answer.text),
            "cached": True,
        }
        await self._write(AuditOutcome.SUCCEEDED, asking, detail)

    async def _write(self, outcome: AuditOutcome, asking: Asking, detail: Mapping[str, JsonScalar]) -> None:
        where = {"owner": asking.owner} | ({"run": asking.run} if asking.run else {})
        about: dict[str, JsonScalar] = {"call": asking.call, "model": asking.model, **detail}
        line = AuditRecord(Action.LLM_CALLED, asking.provider, outcome, where, about)
        if not self._ledger.try_append(line):
            await anyio.to_thread.run_sync(self._ledger.append, line)


def prompt_sha256(call: Call) -> str:
    """Return the hash of messages and schema, written as one line of JSON."""
    said = [[str(message.role), message.content] for message in call.messages]
    schema = None if call.schema is None else dict(call.schema)
    return text_sha256(json.dumps([said, schema], ensure_ascii=False))


def text_sha256(text: str) -> str:
    """Return the hash of a text in UTF-8, in hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
