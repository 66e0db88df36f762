"""The fact that a step asked a language model; `model` has the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bykilt.events.outcome import Failure, Outcome
from bykilt.json_types import JsonValue


@dataclass(frozen=True, slots=True)
class ModelAnswered:
    """What became of one question. `occurrence` counts the questions of the step in this run, from 1.

    `prompt_sha256` is that of the messages and the schema as they were sent. `replayed_from` is the run whose record
    gave the answer, empty where a model did; `cached` says that it was asked before. `cost_usd` in US dollars, None
    where nobody knows the price.
    """

    kind: ClassVar[str] = "llm.answered"
    step_id: str
    path: str
    occurrence: int
    attempt: int
    outcome: Outcome
    provider: str
    model: str
    prompt_sha256: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    cached: bool
    replayed_from: str
    time_ms: float
    duration_ms: float
    answer: JsonValue = None
    failure: Failure | None = None
