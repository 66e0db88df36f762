"""What a flow is once it has been read: frozen, checked, and free of its file's notation.

Knows every kind of step. Does not know how a flow is read (`loader`, `steps`) nor how it runs (`interpreter`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, TypeAlias

from bykilt.browser.engine.actions import Action
from bykilt.browser.sandbox.profile import SandboxProfile
from bykilt.flows.conditions import Condition
from bykilt.flows.templates import Template
from bykilt.json_types import JsonObject, JsonValue

DEFAULT_MAX_ITERATIONS = 10_000
DEFAULT_RETRY_DELAY_MS = 500.0
DEFAULT_ANSWER_TOKENS = 256
DEFAULT_PAGE_CHARS = 4_000
"""With the rules and an answer, this much of an English page fits into the 2,048 tokens of the model in the image."""


class ParamType(StrEnum):
    """What kind of value a parameter takes; `file` is the path of a file that is there."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    ARRAY = "array"
    OBJECT = "object"
    FILE = "file"


class DataFormat(StrEnum):
    """How a data file is written."""

    JSON = "json"
    CSV = "csv"


class OnError(StrEnum):
    """What happens after a step has failed in all its attempts."""

    STOP = "stop"
    CONTINUE = "continue"
    RECOVER = "recover"


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a flow. Without a value and a default it is null, unless it is required."""

    name: str
    type: ParamType = ParamType.STRING
    required: bool = False
    default: JsonValue = None
    description: str = ""
    choices: tuple[JsonValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a step is tried at most, and how long to wait before the next attempt."""

    attempts: int = 1
    delay_ms: float = DEFAULT_RETRY_DELAY_MS


@dataclass(frozen=True, slots=True)
class BrowserSettings:
    """What a flow asks of the browser; None leaves the choice to the run."""

    viewport_width: int | None = None
    viewport_height: int | None = None
    user_agent: str | None = None
    hide: tuple[str, ...] = ()
    emulation: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepHead:
    """What every step may have.

    `id` is unique in the flow; `named` says whether the file gave it. `path` is the step's JSON pointer.
    `recovery` holds the steps of `on_error` when it is a list.
    """

    id: str
    path: str
    named: bool = False
    title: Template | None = None
    when: Condition | None = None
    timeout_ms: float | None = None
    retry: Retry = Retry()
    on_error: OnError = OnError.STOP
    recovery: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionStep:
    """Do one thing in the browser. `ready` is the action itself when none of its fields is a template."""

    head: StepHead
    action: str
    fields: tuple[tuple[str, Template], ...]
    ready: Action | None = None


@dataclass(frozen=True, slots=True)
class IfStep:
    """Run one of two lists of steps."""

    action: ClassVar[str] = "if"
    head: StepHead
    condition: Condition
    then: tuple[Step, ...]
    otherwise: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class ForEachStep:
    """Run steps once for every item of a list."""

    action: ClassVar[str] = "for_each"
    head: StepHead
    items: Template
    item_name: str
    index_name: str | None
    steps: tuple[Step, ...]
    max_iterations: int = DEFAULT_MAX_ITERATIONS


@dataclass(frozen=True, slots=True)
class WhileStep:
    """Run steps as long as a condition holds; it is asked before each round."""

    action: ClassVar[str] = "while"
    head: StepHead
    condition: Condition
    index_name: str | None
    steps: tuple[Step, ...]
    max_iterations: int = DEFAULT_MAX_ITERATIONS


@dataclass(frozen=True, slots=True)
class GroupStep:
    """Run steps that belong together, under one title, one deadline, one retry."""

    action: ClassVar[str] = "group"
    head: StepHead
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class VariableStep:
    """Give a variable a value."""

    action: ClassVar[str] = "variable"
    head: StepHead
    name: str
    value: Template


@dataclass(frozen=True, slots=True)
class AppendStep:
    """Add one value to a list variable, or with `each` every item of a list."""

    action: ClassVar[str] = "append"
    head: StepHead
    name: str
    value: Template
    each: bool = False


@dataclass(frozen=True, slots=True)
class SaveDataStep:
    """Write a value into a file of the run. Without a format, the file's ending decides."""

    action: ClassVar[str] = "save_data"
    head: StepHead
    file: Template
    data: Template
    format: DataFormat | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FailStep:
    """End the flow as failed, with a message."""

    action: ClassVar[str] = "fail"
    head: StepHead
    message: Template


class FieldType(StrEnum):
    """What kind of value a model is to find for a field; the items of an array are texts."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    ARRAY = "array"


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model is asked, None where the gateway chooses, and how long its answer may be."""

    model: str | None = None
    provider: str | None = None
    max_tokens: int = DEFAULT_ANSWER_TOKENS


@dataclass(frozen=True, slots=True)
class AskStep:
    """Ask a model about data. With a JSON Schema the answer is a document that fits it, else a text."""

    action: ClassVar[str] = "ask"
    head: StepHead
    question: Template
    data: Template | None
    schema: JsonObject | None
    choice: ModelChoice


@dataclass(frozen=True, slots=True)
class AIField:
    """What is to be found in the page under a name. One that is not required may be null.

    `max_chars` bounds a text, or each text of an array.
    """

    name: str
    description: str
    type: FieldType = FieldType.STRING
    required: bool = False
    max_chars: int | None = None


@dataclass(frozen=True, slots=True)
class ExtractAIStep:
    """Have a model find fields in the page, or in a part of it. `look` is the action that reads the page."""

    action: ClassVar[str] = "extract_ai"
    head: StepHead
    fields: tuple[AIField, ...]
    look: ActionStep
    choice: ModelChoice
    max_chars: int = DEFAULT_PAGE_CHARS


@dataclass(frozen=True, slots=True)
class Option:
    """One answer that a model may choose, and what it means."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class ChooseStep:
    """Have a model choose one of the options, and run the steps of that case.

    `otherwise` is for an option without a case of its own.
    """

    action: ClassVar[str] = "choose"
    head: StepHead
    question: Template
    data: Template | None
    options: tuple[Option, ...]
    cases: tuple[tuple[str, tuple[Step, ...]], ...]
    otherwise: tuple[Step, ...]
    choice: ModelChoice

    def steps_for(self, option: str) -> tuple[Step, ...]:
        """Return the steps to run when this option was chosen."""
        return dict(self.cases).get(option, self.otherwise)


ModelStep: TypeAlias = AskStep | ExtractAIStep | ChooseStep
"""A step that asks a model."""

Step: TypeAlias = (
    ActionStep
    | IfStep
    | ForEachStep
    | WhileStep
    | GroupStep
    | VariableStep
    | AppendStep
    | SaveDataStep
    | FailStep
    | ModelStep
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A flow that has passed every check that needs no browser.

    `timeout_ms` is for the whole run, `default_timeout_ms` for each action that names none. `source` is the
    file's name for people; `folder` is where relative paths of file parameters' defaults start. `sandbox` is what the
    browser is to be limited to, or the name of a profile of the user's.
    """

    name: str
    steps: tuple[Step, ...]
    source: str
    description: str = ""
    params: tuple[Param, ...] = ()
    timeout_ms: float | None = None
    default_timeout_ms: float | None = None
    engine: str | None = None
    browser: BrowserSettings = field(default_factory=BrowserSettings)
    sandbox: str | SandboxProfile | None = None
    outputs: tuple[tuple[str, Template], ...] = ()
    folder: Path | None = None

    @property
    def step_count(self) -> int:
        """How many steps the flow has, those inside other steps included."""
        return sum(1 for _ in walk(self.steps))


def children(step: Step) -> Sequence[Step]:
    """Return the steps directly inside a step, those of `on_error` last."""
    match step:
        case IfStep(then=then, otherwise=otherwise):
            inside: tuple[Step, ...] = then + otherwise
        case ForEachStep(steps=steps) | WhileStep(steps=steps) | GroupStep(steps=steps):
            inside = steps
        case ChooseStep(cases=cases, otherwise=otherwise):
            inside = tuple(step for _, steps in cases for step in steps) + otherwise
        case _:
            inside = ()
    return inside + step.head.recovery


def walk(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield every step, outer before inner, in the order of the file."""
    for step in steps:
        yield step
        yield from walk(children(step))


def asks_a_model(steps: Sequence[Step]) -> bool:
    """Return whether any of these steps, those inside of them included, asks a model."""
    return any(isinstance(step, AskStep | ExtractAIStep | ChooseStep) for step in walk(steps))
