"""Questions of a flow to a language model: what a step asks, and what becomes of the answer.

Knows the words of each kind of step and its JSON Schema. The flow's own words are trusted; whatever a `${…}` puts in is
data, and only its name stands among the words. Does not know models, prompts, records: `Asker` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bykilt.events.model import Failure
from bykilt.flows.model import AIField, AskStep, ChooseStep, ExtractAIStep, FieldType, ModelChoice, ModelStep
from bykilt.flows.page_text import PageText
from bykilt.flows.references import Reference
from bykilt.flows.templates import Resolve, Template, ValueTooLarge, measure, scan_text
from bykilt.json_types import JsonObject, JsonValue

_CHOICE = "choice"
# As `measure` counts; some 1.6 MB of text. What a model can hold is less, and its own to say.
_MAX_DATA = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a step asks: `text` in the flow's own words, about `data` that may come from anywhere.

    `occurrence` counts the questions of this step in this run, from 1; `path` is the step's JSON pointer. With a
    `schema` the answer is a document that fits it. `timeout_s` is the step's own deadline, None where it has none.
    """

    step_id: str
    path: str
    occurrence: int
    attempt: int
    text: str
    data: JsonObject
    schema: JsonObject | None
    choice: ModelChoice
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The document or text that was answered, or why there is none."""

    value: JsonValue = None
    failure: Failure | None = None


class Asker(Protocol):
    """What the interpreter needs of language models."""

    async def ask(self, question: Question) -> Answer:
        """Return the answer; expected failures are in it."""
        ...


class NobodyToAsk:
    """An asker where there is no model."""

    async def ask(self, question: Question) -> Answer:
        """Say so."""
        return Answer(failure=Failure("llm_disabled", "there is no language model to ask", "set ENABLE_LLM=true"))


class Questions:
    """Makes the questions of one run, and counts them."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()

    def of(self, step: ModelStep, attempt: int, resolve: Resolve, page: PageText | None = None) -> Question:
        """Return what a step asks; `page` is what a step that extracts has read.

        Raises:
            UnresolvedReference, ValueTooLarge: A value is not there, or too large.
        """
        text, data, schema = _content(step, resolve, page)
        head = step.head
        self._asked[head.path] += 1
        return Question(
            step_id=head.id,
            path=head.path,
            occurrence=self._asked[head.path],
            attempt=attempt,
            text=text,
            data=data,
            schema=schema,
            choice=step.choice,
            timeout_s=None if head.timeout_ms is None else head.timeout_ms / 1000,
        )


def result_of(step: ModelStep, answer: JsonValue) -> JsonValue:
    """Return the result of a step from an answer that fits its schema."""
    return answer[_CHOICE] if isinstance(step, ChooseStep) and isinstance(answer, Mapping) else answer


def _content(step: ModelStep, resolve: Resolve, page: PageText | None) -> tuple[str, JsonObject, JsonObject | None]:
    match step:
        case AskStep():
            text, data = _words(step.question, step.data, resolve)
            return text, data, step.schema
        case ChooseStep():
            text, data = _words(step.question, step.data, resolve)
            options = [
                f"- {each.name}" + (f": {each.description}" if each.description else "") for each in step.options
            ]
            names: list[JsonValue] = [each.name for each in step.options]
            listed = "\n".join([text, "Choose one of these options:", *options])
            return listed, data, _object({_CHOICE: {"enum": names}})
        case ExtractAIStep():
            lines = [f"- {each.name} ({_kind(each)}): {each.description}" for each in step.fields]
            text = "\n".join(["Find these values in the page. Say null for what it does not tell.", *lines])
            return (
                text,
                {"page": page.text if page else ""},
                _object({each.name: _schema(each) for each in step.fields}),
            )


def _words(question: Template, data: Template | None, resolve: Resolve) -> tuple[str, JsonObject]:
    """Return the question with names in place of values, and the values with the data."""
    values: dict[str, JsonValue] = {}
    words = []
    for part in scan_text(str(question.source)):
        if isinstance(part, Reference):
            values[part.source] = resolve(part)
            words.append(f"[{part.source}]")
        else:
            words.append(part)
    given: dict[str, JsonValue] = {"values": values} if values else {}
    if data is not None:
        given["data"] = data.render(resolve)
    try:
        measure(given, _MAX_DATA)
    except ValueTooLarge:
        raise ValueTooLarge(
            "the data is more than any model could be asked about", hint="pick the part that the question is about"
        ) from None
    return "".join(words), given


def _kind(field: AIField) -> str:
    kind = "list of texts" if field.type is FieldType.ARRAY else str(field.type)
    bound = "" if field.max_chars is None else f" of {field.max_chars} characters at most"
    return f"{kind}{bound}" if field.required else f"{kind}{bound}, or null"


def _schema(field: AIField) -> JsonObject:
    kind = str(field.type)
    own: dict[str, JsonValue] = {"type": kind if field.required else [kind, "null"]}
    bound: dict[str, JsonValue] = {} if field.max_chars is None else {"maxLength": field.max_chars}
    return own | {"items": {"type": "string", **bound}} if field.type is FieldType.ARRAY else own | bound


def _object(properties: dict[str, JsonValue]) -> JsonObject:
    required: list[JsonValue] = list(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
