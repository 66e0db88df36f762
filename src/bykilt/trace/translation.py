"""The event stream of a run as the lines of a trace.

Knows which fact becomes which line. Does not know files or zips; keeps only what is open, so that a long
run needs no more memory than a short one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from bykilt.events.asking_text import answer_in_words
from bykilt.events.containment_text import concerns_the_page, limit_in_words, refusal_in_words, sandbox_in_words
from bykilt.events.model import (
    ActionFinished,
    ActionLogged,
    ActionPointed,
    ActionStarted,
    BrowserClosed,
    BrowserStarted,
    ConsoleMessage,
    DataSaved,
    DialogHandled,
    DomCaptured,
    EgressDecided,
    Event,
    Fact,
    Failure,
    LimitHit,
    ModelAnswered,
    Outcome,
    PageClosed,
    PageCrashed,
    PageError,
    PageNavigated,
    PageOpened,
    RequestFinished,
    ResponseKept,
    RunFinished,
    RunStarted,
    RunSubmitted,
    SandboxAttested,
    ScreenshotTaken,
    StepFinished,
    StepStarted,
    Warned,
)
from bykilt.events.redactor import KEEP_ALL, Redactor
from bykilt.trace.calls import Calls
from bykilt.trace.dom import DomLines, ReadFile
from bykilt.trace.lines import (
    Line,
    attachment_of,
    console_line,
    context_line,
    note_line,
    page_error_line,
    page_line,
)
from bykilt.trace.requests import RequestLines
from bykilt.trace.time_base import TimeBase

_MAX_PRELUDE = 1000
_DATA_MEDIA_TYPES = {"csv": "text/csv", "json": "application/json"}


def trace_lines(events: Iterable[Event], read: ReadFile, redactor: Redactor = KEEP_ALL) -> Iterator[Line]:
    """Yield the lines of the trace, `context-options` first; nothing for a stream without events.

    `read` gives the content of the run folder's files. The content of pages is masked here, other texts are not.
    """
    stream = iter(events)
    base = TimeBase()
    prelude: list[Event] = []
    for event in stream:
        prelude.append(event)
        base.see(event)
        if base.known or len(prelude) >= _MAX_PRELUDE:
            break
    if not prelude:
        return
    yield _context(prelude, base)
    translation = Translation(base, DomLines(read, redactor))
    for event in chain(prelude, stream):
        yield from translation.feed(event)
    yield from translation.finish()


def _context(prelude: list[Event], base: TimeBase) -> Line:
    title, browser = "", None
    for event in prelude:
        if isinstance(event.fact, RunSubmitted | RunStarted):
            title = event.fact.flow
        elif isinstance(event.fact, BrowserStarted):
            browser = event.fact
    first_s = prelude[0].wall_s
    return context_line(title=title, wall_ms=first_s * 1000, monotonic_ms=base.at(first_s), browser=browser)


class Translation:
    """Fed with the records of one run in their order."""

    def __init__(self, base: TimeBase, doms: DomLines) -> None:
        self._base = base
        self._calls = Calls()
        self._doms = doms
        self._requests = RequestLines()
        self._now_ms = 0.0
        self._failure: Failure | None = None

    def feed(self, event: Event) -> Iterator[Line]:
        """Yield what one record adds to the trace."""
        self._base.see(event)
        self._now_ms = max(self._now_ms, self._base.at(event.wall_s))
        fact = event.fact
        match fact:
            case StepStarted() | StepFinished() | RunFinished() | DataSaved():
                yield from self._of_flow(fact)
            case ActionStarted() | ActionLogged() | ActionPointed() | ActionFinished() | ScreenshotTaken():
                yield from self._of_action(fact)
            case _:
                yield from self._of_page(fact)

    def finish(self) -> Iterator[Line]:
        """Yield what closes the trace."""
        yield from self._requests.finish()
        yield from self._calls.finish(self._now_ms, self._failure)

    def _of_flow(self, fact: StepStarted | StepFinished | RunFinished | DataSaved) -> Iterator[Line]:
        match fact:
            case StepStarted():
                yield from self._calls.step_started(fact, self._now_ms)
            case StepFinished():
                yield from self._calls.step_finished(fact, self._now_ms)
            case RunFinished():
                self._failure = fact.failure
            case DataSaved():
                yield from self._calls.open_step(self._now_ms)
                media_type = _DATA_MEDIA_TYPES.get(fact.format, "application/octet-stream")
                yield from self._attach(fact.file, media_type)

    def _of_action(
        self, fact: ActionStarted | ActionLogged | ActionPointed | ActionFinished | ScreenshotTaken
    ) -> Iterator[Line]:
        match fact:
            case ActionStarted():
                yield from self._calls.action_started(fact)
            case ActionLogged():
                yield from self._calls.action_logged(fact)
            case ActionPointed():
                yield from self._calls.action_pointed(fact)
                yield from self._doms.pointed(fact)
            case ActionFinished():
                yield from self._calls.action_finished(fact)
            case ScreenshotTaken() if fact.call_id is not None and fact.phase is not None:
                yield from self._calls.picture_taken(fact)
                self._doms.picture_taken(fact)
            case ScreenshotTaken():
                yield from self._attach(fact.file, fact.media_type)

    def _of_page(self, fact: Fact) -> Iterator[Line]:
        match fact:
            case DomCaptured():
                if fact.left_out:
                    text = f"only the picture of the page is kept: {fact.left_out}"
                    yield from self._calls.note(text, fact.time_ms)
                yield from self._doms.captured(fact)
            case PageOpened():
                yield page_line(fact)
            case PageClosed():
                self._doms.page_closed(fact.page_id)
                yield page_line(fact)
            case PageCrashed():
                yield note_line(f"the page {fact.url} crashed", fact.time_ms, is_warning=True)
            case PageNavigated():
                yield from self._calls.note(f"navigated to {fact.url}", fact.time_ms)
            case ConsoleMessage():
                yield console_line(fact)
            case PageError():
                yield page_error_line(fact)
            case RequestFinished():
                yield from self._requests.finished(fact)
            case ResponseKept():
                yield from self._requests.kept(fact)
            case DialogHandled():
                text = f"{fact.dialog} dialog {fact.message!r}: {fact.answer}"
                yield note_line(text, fact.time_ms, is_warning=False)
            case BrowserClosed() if not fact.expected:
                yield note_line(f"the browser ended: {fact.reason}", self._now_ms, is_warning=True)
            case SandboxAttested():
                yield note_line(f"sandbox: {sandbox_in_words(fact)}", self._now_ms, is_warning=False)
            case EgressDecided() if concerns_the_page(fact):
                yield note_line(refusal_in_words(fact), self._now_ms, is_warning=True)
            case LimitHit():
                yield note_line(limit_in_words(fact), self._now_ms, is_warning=True)
            case ModelAnswered():
                failed = fact.outcome is not Outcome.SUCCEEDED
                yield note_line(answer_in_words(fact), fact.time_ms, is_warning=failed)
            case Warned():
                hint = f" ({fact.hint})" if fact.hint else ""
                yield note_line(fact.message + hint, self._now_ms, is_warning=True)
            case _:
                return

    def _attach(self, file: str, media_type: str) -> Iterator[Line]:
        """Hang a file on the open call; a line without a body brings the file into the zip."""
        if self._calls.attach(attachment_of(file, media_type)):
            yield Line(None, file=file)
