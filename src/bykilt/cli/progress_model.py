"""What of a run's events a person wants to see while it goes on.

Knows which events become a line and what is going on now. Does not know a terminal (`progress_view`).
A step at the top of the flow becomes a line when it ends; what is inside of it shows only while it lasts,
unless it fails. So a loop over a thousand rows is one line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bykilt.events.containment_text import concerns_the_page, limit_in_words, refusal_in_words, sandbox_in_words
from bykilt.events.model import (
    BrowserStarted,
    EgressDecided,
    Event,
    LimitHit,
    Outcome,
    SandboxAttested,
    StepFinished,
    StepStarted,
    Warned,
)


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step that has ended. `inner` is how many steps ended inside of it."""

    outcome: Outcome
    title: str
    duration_ms: float
    depth: int = 0
    inner: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class NoteLine:
    """Something else that is worth a line."""

    text: str
    is_warning: bool = False


@dataclass(slots=True)
class _Open:
    fact: StepStarted
    inner: int = 0


class ProgressModel:
    """Fed with the events of one run in their order."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._refusals: set[str] = set()

    @property
    def current(self) -> str:
        """What is going on now: the titles of the open steps, outermost first; empty between steps."""
        return " › ".join(_title(step.fact) for step in self._open)

    def feed(self, event: Event) -> Iterator[StepLine | NoteLine]:
        """Take in one event; yield the lines that it adds."""
        match event.fact:
            case StepStarted() as fact:
                self._open.append(_Open(fact))
            case StepFinished() as fact:
                yield from self._finished(fact)
            case BrowserStarted() as fact:
                yield NoteLine(f"{fact.product} on the {fact.engine} engine")
            case SandboxAttested() as fact:
                yield NoteLine(f"Sandbox: {sandbox_in_words(fact)}")
            case EgressDecided() as fact if concerns_the_page(fact):
                words = refusal_in_words(fact)
                if words not in self._refusals:
                    self._refusals.add(words)
                    yield NoteLine(words, is_warning=True)
            case LimitHit() as fact:
                yield NoteLine(limit_in_words(fact), is_warning=True)
            case Warned() as fact:
                yield NoteLine(f"{fact.message} ({fact.hint})" if fact.hint else fact.message, is_warning=True)

    def _finished(self, fact: StepFinished) -> Iterator[StepLine]:
        while self._open:
            step = self._open.pop()
            if step.fact.path == fact.path:
                break
        else:
            return
        if self._open:
            self._open[-1].inner += 1 + step.inner
        if not self._open or fact.outcome is Outcome.FAILED:
            message = fact.failure.message if fact.failure else ""
            yield StepLine(fact.outcome, _title(step.fact), fact.duration_ms, len(self._open), step.inner, message)


def _title(fact: StepStarted) -> str:
    again = f" (attempt {fact.attempt})" if fact.attempt > 1 else ""
    return (fact.title or fact.action) + again
