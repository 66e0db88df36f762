"""`llm.jsonl` of a run: what its steps asked language models, word for word as it was sent, and what was answered.

Knows the form of its lines, which other programs read, and how they are looked up again. What is secret was masked
before it comes here. Does not know models. Everything here waits for the disk for a moment.

    {"path":"/steps/2","occurrence":1,"step":"verdict","messages":[…],"schema":{…},"outcome":"succeeded","answer":{…},…}
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bykilt.errors import InvalidInput
from bykilt.events.codec import format_time
from bykilt.events.model import Failure, ModelAnswered, Outcome
from bykilt.events.redactor import Redactor
from bykilt.json_types import JsonObject, JsonValue
from bykilt.llm.prompts import FencedPrompt
from bykilt.storage.atomic_file import PRIVATE_FILE
from bykilt.storage.errors import explained

_UNFIT = (KeyError, TypeError, ValueError, RecursionError)
"""What reading a line of another form raises."""


@dataclass(frozen=True, slots=True)
class AskedPrompt:
    """What is sent to a model: messages, and the JSON Schema of the answer."""

    messages: tuple[tuple[str, str], ...]
    mark: str
    schema: JsonObject | None

    @classmethod
    def of(cls, prompt: FencedPrompt, schema: JsonObject | None) -> AskedPrompt:
        """Return it from the messages as they were made."""
        return cls(tuple((str(one.role), one.content) for one in prompt.messages), prompt.mark, schema)

    def masked(self, redactor: Redactor) -> AskedPrompt:
        """Return it with what is secret masked in its messages."""
        return replace(self, messages=tuple((role, redactor.mask(content)) for role, content in self.messages))

    @property
    def sha256(self) -> str:
        """The digest of messages and schema: the same prompt has the same."""
        spelled = json.dumps([self.messages, self.schema], ensure_ascii=True, sort_keys=True)
        return hashlib.sha256(spelled.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """One line, as far as a replay needs it. `at` is where the line begins, `sha256` the digest of its prompt."""

    at: int
    sha256: str
    outcome: Outcome
    answer: JsonValue
    failure: Failure | None
    model: str
    provider: str


@dataclass(frozen=True, slots=True)
class RecordedAnswers:
    """All answers of a run, by the path of the step and the count of its questions. Prompts stay in the file."""

    run: str
    path: Path
    answers: Mapping[tuple[str, int], RecordedAnswer]

    def prompt_of(self, answer: RecordedAnswer) -> AskedPrompt:
        """Return what was asked. Waits for the disk.

        Raises:
            StorageError: The file cannot be read any more.
            InvalidInput: It has been changed since.
        """
        with explained(self.path), self.path.open("rb") as file:
            file.seek(answer.at)
            line = file.readline()
        try:
            return _prompt(json.loads(line))
        except _UNFIT as error:
            raise _damaged(self.path, f"at byte {answer.at}", error) from None


class AnswerFile:
    """Appends lines; the first makes the file, for its owner alone."""

    def __init__(self, path: Path) -> None:
        """Take the path."""
        self._path = path

    def append(self, prompt: AskedPrompt, fact: ModelAnswered, answer: JsonValue, wall_s: float) -> None:
        """Write one question with its answer, all of it or nothing.

        Raises:
            StorageError: It could not be written.
        """
        told = {name: value for name, value in asdict(fact).items() if name not in ("step_id", "time_ms", "answer")}
        line: dict[str, JsonValue] = {
            "step": fact.step_id,
            **told,
            "time": format_time(wall_s),
            "mark": prompt.mark,
            "messages": [{"role": role, "content": content} for role, content in prompt.messages],
            "schema": prompt.schema,
            "answer": answer,
        }
        data = json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        with explained(self._path):
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
            try:
                _write_whole(file, data)
            finally:
                os.close(file)


def read_answers(path: Path, run: str) -> RecordedAnswers:
    """Return the answers in a run's file; none where there is no file. A line without its end is left out.

    Raises:
        InvalidInput: A line is not of this form.
        StorageError: The file cannot be read.
    """
    answers: dict[tuple[str, int], RecordedAnswer] = {}
    for number, at, line in _whole_lines(path):
        try:
            fields = json.loads(line)
            answers[_text(fields, "path"), _count(fields)] = _recorded(fields, at)
        except _UNFIT as error:
            raise _damaged(path, f"line {number}", error) from None
    return RecordedAnswers(run, path, answers)


def _damaged(path: Path, place: str, error: Exception) -> InvalidInput:
    return InvalidInput(
        f"{place} of {path} is no answer of a model that was recorded: {error}",
        hint="run the flow with the model again to record it anew",
    )


def _write_whole(file: int, data: bytes) -> None:
    size = os.fstat(file).st_size
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(file, rest) :]
    except OSError:
        os.ftruncate(file, size)
        raise


def _whole_lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield each line with its number and its place; a line without its end is left out."""
    at = 0
    with explained(path):
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if line.endswith(b"\n"):
                        yield number, at, line
                    at += len(line)
        except FileNotFoundError:
            return


def _recorded(fields: JsonObject, at: int) -> RecordedAnswer:
    failure = fields["failure"]
    return RecordedAnswer(
        at=at,
        sha256=_prompt(fields).sha256,
        outcome=Outcome(_text(fields, "outcome")),
        answer=fields["answer"],
        failure=Failure(*(_text(failure, name) for name in ("code", "message", "hint")))
        if isinstance(failure, Mapping)
        else None,
        model=_text(fields, "model"),
        provider=_text(fields, "provider"),
    )


def _prompt(fields: JsonObject) -> AskedPrompt:
    schema, messages = fields["schema"], fields["messages"]
    if not isinstance(messages, list) or not isinstance(schema, Mapping | None):
        raise ValueError("messages and schema are not as they must be")
    said = tuple((_text(one, "role"), _text(one, "content")) for one in messages if isinstance(one, Mapping))
    return AskedPrompt(said, _text(fields, "mark"), schema)


def _text(fields: JsonObject, name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def _count(fields: JsonObject) -> int:
    value = fields["occurrence"]
    if not isinstance(value, int):
        raise ValueError("occurrence is no number")
    return value
