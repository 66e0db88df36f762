"""What a run's events say of its questions to language models.

Knows the events and the totals of `result.json`. Asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from bykilt.cli.amounts import duration
from bykilt.events.asking_text import answer_in_words
from bykilt.events.model import Event, ModelAnswered
from bykilt.json_types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """All questions of one run, in their order."""

    answers: tuple[ModelAnswered, ...]

    @classmethod
    def of(cls, events: Iterable[Event]) -> ModelRecord:
        """Read it from the events of a run."""
        return cls(tuple(event.fact for event in events if isinstance(event.fact, ModelAnswered)))

    def to_json(self) -> list[JsonObject]:
        """Return it for programs."""
        return [asdict(answer) for answer in self.answers]

    def lines(self) -> Iterator[str]:
        """Yield it for people."""
        for answer in self.answers:
            yield f"{answer_in_words(answer)} ({duration(answer.duration_ms)})"


def totals_in_words(totals: Mapping[str, JsonValue]) -> str:
    """Return the totals of a run in one line."""
    calls = _number(totals, "calls")
    parts = [f"{calls:g} question{'' if calls == 1 else 's'}"]
    parts += [f"{count:g} {name}" for name in ("failed", "cached", "replayed") if (count := _number(totals, name))]
    parts.append(f"{_number(totals, 'prompt_tokens'):g} + {_number(totals, 'completion_tokens'):g} tokens")
    parts += [f"${cost:.4f}"] if (cost := _number(totals, "cost_usd")) else []
    parts += [f"{unpriced:g} at a price that nobody knows"] if (unpriced := _number(totals, "unpriced")) else []
    return ", ".join(parts)


def _number(totals: Mapping[str, JsonValue], name: str) -> float:
    value = totals.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
