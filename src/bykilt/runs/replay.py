"""Answers from the record of an earlier run, in place of a model.

Knows that an answer belongs to one step, one count and one prompt, and says in words where a prompt differs. Needs no
model and starts nothing.
"""

from __future__ import annotations

from bykilt.errors import BykiltError
from bykilt.events.model import FactSink, Failure, Outcome, Warned
from bykilt.flows.asking import Question
from bykilt.runs.answer_file import AskedPrompt, RecordedAnswer, RecordedAnswers
from bykilt.runs.asking import Given

_AROUND = 40
_CUT_OFF = Failure(
    "llm_replay_missing",
    "the run that is replayed ended before the model had answered here",
    "replay a run that came further, or run the flow with the model",
)


class ReplayMissing(BykiltError):
    """The earlier run asked nothing at this place."""

    code = "llm_replay_missing"


class ReplayDiffers(BykiltError):
    """The earlier run asked something else at this place."""

    code = "llm_replay_differs"


class ReplaySource:
    """Gives what was recorded; see `AnswerSource`."""

    def __init__(self, recorded: RecordedAnswers, facts: FactSink, *, loosely: bool) -> None:
        """With `loosely`, an answer to another prompt is taken too, and a warning tells of it."""
        self.replayed_from = recorded.run
        self._recorded = recorded
        self._facts = facts
        self._loosely = loosely

    async def answer(self, question: Question, prompt: AskedPrompt) -> Given:
        """Return what was answered at this place.

        Raises:
            ReplayMissing: Nothing was asked there.
            ReplayDiffers: Something else was.
            StorageError, InvalidInput: The record has been changed meanwhile.
        """
        found = self._recorded.answers.get((question.path, question.occurrence))
        if found is None:
            raise ReplayMissing(
                f"run {self.replayed_from} has no answer to question {question.occurrence} of "
                f"step {question.step_id!r}",
                hint="the flow has taken another way, or was changed; run it with the model to record it anew",
            )
        if found.sha256 != prompt.sha256:
            self._say_difference(question, found, prompt)
        if found.outcome is Outcome.CANCELLED:
            return Given(failure=_CUT_OFF, provider=found.provider, model=found.model)
        return Given(found.answer, found.failure, found.provider, found.model)

    def _say_difference(self, question: Question, found: RecordedAnswer, prompt: AskedPrompt) -> None:
        message = (
            f"step {question.step_id!r} asks something else than in run {self.replayed_from}: "
            f"{difference(self._recorded.prompt_of(found), prompt)}"
        )
        if not self._loosely:
            raise ReplayDiffers(
                message,
                hint="run the flow with the model to record it anew, or take the old answers with --replay-llm-loose",
            )
        self._facts.publish(Warned(ReplayDiffers.code, message, "the recorded answer is taken all the same"))


def difference(was: AskedPrompt, is_: AskedPrompt) -> str:
    """Return in words where two prompts differ first."""
    if was.schema != is_.schema:
        return "the JSON Schema of the answer is another one"
    before, after = _parts(was), _parts(is_)
    for name, text in after.items():
        if before.get(name, "") != text:
            return f"{name}: {_first_difference(before.get(name, ''), text)}"
    return "bykilt puts its rules into other words"


def _parts(prompt: AskedPrompt) -> dict[str, str]:
    """Return the question and the data of a prompt; the marks around the data differ with it."""
    said = "\n".join(content for role, content in prompt.messages if role == "user")
    if not prompt.mark:
        return {"the question": said}
    question, _, rest = said.partition(f'<data mark="{prompt.mark}">')
    return {"the question": question, "the data": rest.partition(f'</data mark="{prompt.mark}">')[0]}


def _first_difference(was: str, now: str) -> str:
    at = next((at for at, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), min(len(was), len(now)))
    begin = max(0, at - _AROUND // 2)
    before, after = (" ".join(text[begin : begin + _AROUND].split()) for text in (was, now))
    return f"«…{before}…» was recorded, «…{after}…» is asked"
