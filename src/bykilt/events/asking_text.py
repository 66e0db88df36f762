"""What a model was asked and answered in words, the same in the trace and on the command line. Pure."""

from __future__ import annotations

import json

from bykilt.events.asking import ModelAnswered

_MAX_CHARS = 300


def answer_in_words(fact: ModelAnswered) -> str:
    """Return who answered a step, what, and at which cost, in one line."""
    step = f"step {fact.step_id!r}"
    if fact.failure is not None:
        return f"{step}: no answer of a model: {fact.failure.message}"
    spoken = fact.answer if isinstance(fact.answer, str) else json.dumps(fact.answer, ensure_ascii=False)
    answer = spoken if len(spoken) <= _MAX_CHARS else spoken[: _MAX_CHARS - 1] + "…"
    return f"{step}: {who_answered(fact)}: {answer}"


def who_answered(fact: ModelAnswered) -> str:
    """Return who answered, and what it took."""
    who = f"{fact.model} ({fact.provider})" if fact.model else "a model"
    if fact.replayed_from:
        return f"{who}, replayed from run {fact.replayed_from}"
    parts = [f"{fact.prompt_tokens} + {fact.completion_tokens} tokens"]
    if fact.cost_usd is None:
        parts.append("price unknown")
    elif fact.cost_usd:
        parts.append(f"${fact.cost_usd:.4f}")
    parts += ["answered before"] if fact.cached else []
    return f"{who}, {', '.join(parts)}"
