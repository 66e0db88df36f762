"""The form of a flow file: pydantic models at the door, and the JSON Schema made from them and from the actions.

Knows which keys may stand where. Does not know the fields of actions (they come from `actions`) and does not
look at templates and names; `steps` and `names` do. Nothing past the readers sees these models.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, field_validator

from bykilt.browser.engine.actions import Action, action_types, fields_of, parse_action
from bykilt.browser.engine.actions_emulation import Emulate
from bykilt.browser.engine.actions_evidence import AccessibilitySnapshot
from bykilt.browser.engine.browser_engine import EngineType
from bykilt.browser.engine.errors import InvalidAction
from bykilt.browser.sandbox.flow_profile import FlowSandboxModel
from bykilt.documents.door import Identifier, Strict
from bykilt.documents.json_schema import model_schema
from bykilt.flows.model import (
    DEFAULT_ANSWER_TOKENS,
    DEFAULT_MAX_ITERATIONS,
    DEFAULT_PAGE_CHARS,
    DEFAULT_RETRY_DELAY_MS,
    DataFormat,
    FieldType,
    ParamType,
)
from bykilt.json_types import JsonObject

SCHEMA_VERSION = 1
MAX_STEPS = 5_000

Steps = list[JsonValue]
Timeout = Annotated[float, Field(gt=0, le=86_400_000)]
Iterations = Annotated[int, Field(ge=1, le=1_000_000)]
ConditionText = Annotated[
    str | bool,
    Field(description='true, false, or a condition such as "${vars.page} < 5 and not empty ${steps.rows.result}"'),
]


class RetryModel(Strict):
    """How often a step is tried."""

    attempts: int = Field(ge=1, le=100, description="attempts in all, the first included")
    delay_ms: float = Field(
        default=DEFAULT_RETRY_DELAY_MS, ge=0, le=3_600_000, description="pause before the next attempt"
    )


class StepCommon(Strict):
    """The keys that every step may have beside those of its own."""

    id: Identifier | None = Field(default=None, description="name for ${steps.<id>.…}; unique in the flow")
    title: str | None = Field(default=None, description="what the step does, for people; may hold ${…}")
    when: ConditionText | None = Field(default=None, description="the step is skipped when this is false")
    timeout_ms: Timeout | None = Field(default=None, description="deadline of one attempt, in milliseconds")
    retry: Annotated[int, Field(ge=1, le=100)] | RetryModel | None = Field(
        default=None, description="attempts in all, or {attempts, delay_ms}"
    )
    on_error: Literal["stop", "continue"] | Steps = Field(
        default="stop",
        description="after the last attempt failed: stop the flow, continue with the next step, "
        "or run these steps and then continue; inside them ${error.code}, ${error.message} and ${error.step}",
    )


class IfModel(StepCommon):
    """Run the steps of `then` when the condition holds, else those of `else`."""

    action: Literal["if"]
    condition: ConditionText
    then: Steps
    otherwise: Steps = Field(default_factory=list, alias="else")


class ForEachModel(StepCommon):
    """Run steps once for every item of a list; `as` names the item: ${item}."""

    action: Literal["for_each"]
    items: str | Steps = Field(description="a list, or a reference to one such as ${steps.rows.result}")
    item_name: Identifier = Field(default="item", alias="as", description="the item is ${<this>} inside `steps`")
    index_as: Identifier | None = Field(default=None, description="the item's place, from 0, is ${<this>}")
    steps: Steps
    max_iterations: Iterations = Field(
        default=DEFAULT_MAX_ITERATIONS, description="a longer list fails the step before anything is done"
    )


class WhileModel(StepCommon):
    """Run steps as long as the condition holds."""

    action: Literal["while"]
    condition: ConditionText
    index_as: Identifier | None = Field(default=None, description="the round, from 0, is ${<this>}")
    steps: Steps
    max_iterations: Iterations = Field(
        default=DEFAULT_MAX_ITERATIONS, description="the step fails when the condition still holds after so many"
    )


class GroupModel(StepCommon):
    """Run steps that belong together: one title, one deadline, one retry for all."""

    action: Literal["group"]
    steps: Steps


class VariableModel(StepCommon):
    """Give a variable a value; it is ${vars.<name>} from then on."""

    action: Literal["variable"]
    name: Identifier
    value: JsonValue


class AppendModel(StepCommon):
    """Add to the list ${vars.<name>}, which is made when there is none: one `value`, or all `items` of a list."""

    action: Literal["append"]
    name: Identifier
    value: JsonValue = Field(default=None, description="the one value to add")
    items: str | Steps | None = Field(default=None, description="a list, every item of which is added")


class SaveDataModel(StepCommon):
    """Write a value into the run's data folder, as JSON or CSV."""

    action: Literal["save_data"]
    file: Annotated[str, Field(min_length=1)] = Field(description="relative path inside the run's data folder")
    data: JsonValue = Field(description="what to write, usually a reference such as ${vars.rows}")
    format: DataFormat | None = Field(
        default=None, strict=False, description="csv when the file's name ends in .csv, else json"
    )
    columns: list[str] = Field(
        default_factory=list, description="columns of a CSV file and their order; default: as first seen in the data"
    )


class FailModel(StepCommon):
    """End the flow as failed, with a message."""

    action: Literal["fail"]
    message: str


Words = Annotated[str, Field(min_length=1, max_length=4_000)]
ShortName = Annotated[str, Field(min_length=1, max_length=100)]


class ModelStepCommon(StepCommon):
    """The keys of every step that asks a model."""

    model: ShortName | None = Field(default=None, description="which model is asked; default: the gateway's choice")
    provider: ShortName | None = Field(default=None, description="who is asked: `local`, or a provider of the settings")
    max_tokens: Annotated[int, Field(ge=1, le=131_072)] = Field(
        default=DEFAULT_ANSWER_TOKENS, description="how long the answer may be; one that is cut off fails the step"
    )


class AskModel(ModelStepCommon):
    """Ask a language model about data; what comes back fits the JSON Schema, or is a text without one."""

    action: Literal["ask"]
    question: Words = Field(
        description="what is asked; a value put in with ${…} is handed over as data, never as words"
    )
    data: JsonValue = Field(default=None, description="what it is asked about, such as ${steps.rows.result}")
    schema_: dict[str, JsonValue] | None = Field(
        default=None, alias="schema", description="JSON Schema of the answer; taken as it is, ${…} is not filled in"
    )


class AIFieldModel(Strict):
    """What is to be found under a name."""

    description: Words
    type: FieldType = Field(default=FieldType.STRING, strict=False, description="an array is one of texts")
    required: bool = Field(default=False, description="never null; a model that does not know makes something up")
    max_chars: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None, description="the longest that a text, or each text of an array, may be"
    )


class ExtractAIModel(ModelStepCommon):
    """Have a language model find values in the page by their description; null where the page does not tell."""

    action: Literal["extract_ai"]
    fields: Annotated[dict[ShortName, Words | AIFieldModel], Field(min_length=1, max_length=100)] = Field(
        description="what to find: {name: description}, or {name: {description, type, required}}"
    )
    selector: JsonValue = None
    frame: JsonValue = None
    page: JsonValue = None
    max_chars: Annotated[int, Field(ge=200, le=200_000)] = Field(
        default=DEFAULT_PAGE_CHARS, description="how much of the page is given to the model; the rest is cut off"
    )


class ChooseModel(ModelStepCommon):
    """Have a language model choose one of the options, and run the steps of that case."""

    action: Literal["choose"]
    question: Words = Field(
        description="what is asked; a value put in with ${…} is handed over as data, never as words"
    )
    data: JsonValue = Field(default=None, description="what it is asked about, such as ${steps.text.result}")
    options: (
        Annotated[list[ShortName], Field(min_length=1, max_length=100)]
        | Annotated[dict[ShortName, Words], Field(min_length=1, max_length=100)]
    ) = Field(description="the only answers there are: a list, or {name: what it means}")
    cases: dict[ShortName, Steps] = Field(default_factory=dict, description="steps to run for an option, by its name")
    otherwise: Steps = Field(default_factory=list, alias="else", description="steps for an option without a case")


CONTROL_MODELS: dict[str, type[StepCommon]] = {
    "if": IfModel,
    "for_each": ForEachModel,
    "while": WhileModel,
    "group": GroupModel,
    "variable": VariableModel,
    "append": AppendModel,
    "save_data": SaveDataModel,
    "fail": FailModel,
    "ask": AskModel,
    "extract_ai": ExtractAIModel,
    "choose": ChooseModel,
}


class ParamModel(Strict):
    """A parameter: its type, and what it is when nothing is given."""

    type: ParamType = Field(default=ParamType.STRING, strict=False)
    required: bool = Field(default=False, description="a run without a value is refused")
    default: JsonValue = None
    description: str = ""
    choices: list[JsonValue] = Field(default_factory=list, description="the only values allowed")


class ViewportModel(Strict):
    """The size of the page in CSS pixels."""

    width: int = Field(ge=1, le=20_000)
    height: int = Field(ge=1, le=20_000)


class BrowserModel(Strict):
    """What the flow asks of the browser."""

    viewport: ViewportModel | None = None
    user_agent: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None
    hide: list[Annotated[str, Field(min_length=1, max_length=1_000)]] = Field(
        default=[], description="CSS selectors of what no picture, video or snapshot may show"
    )
    emulation: dict[str, JsonValue] | None = Field(
        default=None, description="what pages are made to believe from the start, in the fields of `emulate`"
    )

    @field_validator("emulation")
    @classmethod
    def _known(cls, given: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
        try:
            if given is not None:
                parse_action({"type": Emulate.type, **given})
        except InvalidAction as error:
            raise ValueError(f"{error.message} ({error.hint})") from None
        return given


class DefaultsModel(Strict):
    """What holds for every step that says nothing else."""

    timeout_ms: Timeout | None = Field(default=None, description="deadline of each action, in milliseconds")


class FlowModel(Strict):
    """A flow of bykilt: steps to carry out in a browser, one after another."""

    schema_: str | None = Field(default=None, alias="$schema", description="for editors; not looked at")
    bykilt: int = Field(description="version of this schema", json_schema_extra={"const": SCHEMA_VERSION})
    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: str = ""
    params: dict[Identifier, ParamModel] = Field(default_factory=dict, description="values given for each run")
    timeout_ms: Timeout | None = Field(default=None, description="deadline of the whole run, in milliseconds")
    engine: EngineType | None = Field(
        default=None, strict=False, description="the engine it needs; default: the run's choice"
    )
    browser: BrowserModel = Field(default_factory=BrowserModel)
    sandbox: Identifier | FlowSandboxModel | None = Field(
        default=None,
        description="what the browser may reach and use up: the name of a profile of the user's, or a policy",
    )
    defaults: DefaultsModel = Field(default_factory=DefaultsModel)
    steps: Annotated[Steps, Field(min_length=1, max_length=MAX_STEPS)]
    outputs: dict[Identifier, JsonValue] = Field(
        default_factory=dict, description='values that the run gives back, such as {"orders": "${vars.rows}"}'
    )


_TEMPLATE: JsonObject = {
    "type": "string",
    "pattern": r"\$\{",
    "description": "a value that is known when the flow runs, such as ${params.count}",
}


LOOK_FIELDS = ("selector", "frame", "page")
"""Which part of which page `extract_ai` reads, in the fields of `accessibility_snapshot`."""

WITHOUT_HIDDEN = "without_hidden"
"""The field of `accessibility_snapshot` by which `extract_ai` always leaves out what the flow hides from pictures."""

_OF_STEPS = ("timeout_ms", "frame", "page", "reset")


def json_schema() -> JsonObject:
    """Return the JSON Schema (draft 2020-12) of flow files, the fields of every action included."""
    defs: dict[str, Any] = {"template": dict(_TEMPLATE)}
    flow = model_schema(FlowModel, defs)
    common = model_schema(StepCommon, defs)["properties"]
    kinds: list[str] = []
    for name, model in CONTROL_MODELS.items():
        defs[f"step_{name}"] = model_schema(model, defs)
        kinds.append(f"step_{name}")
    for name, action in action_types().items():
        defs[f"step_{name}"] = _action_schema(name, action, common)
        kinds.append(f"step_{name}")
    for key in LOOK_FIELDS:
        defs["step_extract_ai"]["properties"][key] = _or_template(fields_of(AccessibilitySnapshot)[key].kind.schema)
    for kind in kinds:
        properties = defs[kind]["properties"]
        properties.update({key: {"$ref": f"#/$defs/key_{key}"} for key in common})
        _say_steps(properties)
    _say_steps(common)
    _say_steps(flow["properties"])
    defs["BrowserModel"]["properties"]["emulation"] |= {
        "properties": {
            spec.name: spec.kind.schema for spec in fields_of(Emulate).values() if spec.name not in _OF_STEPS
        },
        "additionalProperties": False,
    }
    for key in ("params", "outputs"):
        flow["properties"][key]["additionalProperties"] = False
    defs.update({f"key_{key}": value for key, value in common.items()})
    defs["step"] = {"anyOf": [{"$ref": f"#/$defs/{kind}"} for kind in sorted(kinds)]}
    defs["JsonValue"] = {"description": "any JSON value; texts in it may hold ${…}"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bykilt flow",
        **flow,
        "$defs": {name: defs[name] for name in sorted(defs)},
    }


def _action_schema(name: str, action: type[Action], common: Collection[str]) -> dict[str, Any]:
    properties: dict[str, Any] = {"action": {"const": name}}
    required = ["action"]
    for spec in fields_of(action).values():
        if spec.name in common:
            continue
        properties[spec.step_key] = _or_template(spec.kind.schema)
        if spec.required:
            required.append(spec.step_key)
    if "records" in properties:
        records: Any = properties["records"]["anyOf"][0]
        properties["fields"] = {"description": "short for records.fields", **records["properties"]["fields"]}
    return {
        "type": "object",
        "description": action.summary,
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _or_template(schema: JsonObject) -> dict[str, Any]:
    takes_any_text = not schema or (schema.get("type") == "string" and "enum" not in schema)
    return dict(schema) if takes_any_text else {"anyOf": [dict(schema), {"$ref": "#/$defs/template"}]}


def _say_steps(properties: dict[str, Any]) -> None:
    """Say what the models leave open: that these lists hold steps."""
    step = {"$ref": "#/$defs/step"}
    for key in ("steps", "then", "else"):
        if key in properties:
            properties[key]["items"] = step
    if "cases" in properties:
        properties["cases"]["additionalProperties"] |= {"items": step}
    for choice in properties.get("on_error", {}).get("anyOf", ()):
        if choice.get("type") == "array":
            choice["items"] = step
