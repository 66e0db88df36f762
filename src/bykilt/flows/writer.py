"""Writing a flow back as JSON in our schema; `bykilt flow convert` prints it.

Knows every key of the schema. What is at its default is left out, and so are ids that the file did not give.
"""

from __future__ import annotations

from collections.abc import Sequence

from bykilt.browser.sandbox.flow_profile import flow_sandbox_document
from bykilt.flows.model import (
    DEFAULT_ANSWER_TOKENS,
    DEFAULT_MAX_ITERATIONS,
    DEFAULT_PAGE_CHARS,
    DEFAULT_RETRY_DELAY_MS,
    ActionStep,
    AIField,
    AppendStep,
    AskStep,
    BrowserSettings,
    ChooseStep,
    ExtractAIStep,
    FailStep,
    FieldType,
    Flow,
    ForEachStep,
    GroupStep,
    IfStep,
    ModelChoice,
    OnError,
    Param,
    ParamType,
    SaveDataStep,
    Step,
    StepHead,
    VariableStep,
    WhileStep,
)
from bykilt.flows.schema import LOOK_FIELDS, SCHEMA_VERSION
from bykilt.json_types import JsonObject, JsonValue


def to_json(flow: Flow) -> JsonObject:
    """Return the flow as a document that reads back as the same flow."""
    result: dict[str, JsonValue] = {"bykilt": SCHEMA_VERSION, "name": flow.name}
    if flow.description:
        result["description"] = flow.description
    if flow.params:
        result["params"] = {param.name: _param(param) for param in flow.params}
    if flow.timeout_ms is not None:
        result["timeout_ms"] = flow.timeout_ms
    if flow.default_timeout_ms is not None:
        result["defaults"] = {"timeout_ms": flow.default_timeout_ms}
    if flow.engine is not None:
        result["engine"] = flow.engine
    if browser := _browser(flow.browser):
        result["browser"] = browser
    if flow.sandbox is not None:
        given = flow.sandbox
        result["sandbox"] = given if isinstance(given, str) else flow_sandbox_document(given)
    result["steps"] = steps_json(flow.steps)
    if flow.outputs:
        result["outputs"] = {name: template.source for name, template in flow.outputs}
    return result


def steps_json(steps: Sequence[Step]) -> list[JsonValue]:
    """Return steps as the schema writes them."""
    return [{**_before(step.head), "action": step.action, **_own(step), **_after(step.head)} for step in steps]


def _param(param: Param) -> JsonObject:
    result: dict[str, JsonValue] = {"type": str(param.type)}
    if param.required:
        result["required"] = True
    if param.default is not None:
        result["default"] = param.default
    if param.description:
        result["description"] = param.description
    if param.choices:
        result["choices"] = list(param.choices)
    return result if len(result) > 1 or param.type is not ParamType.STRING else {}


def _browser(settings: BrowserSettings) -> JsonObject:
    result: dict[str, JsonValue] = {}
    if settings.viewport_width is not None:
        result["viewport"] = {"width": settings.viewport_width, "height": settings.viewport_height}
    if settings.user_agent is not None:
        result["user_agent"] = settings.user_agent
    if settings.hide:
        result["hide"] = list(settings.hide)
    if settings.emulation is not None:
        result["emulation"] = settings.emulation
    return result


def _before(head: StepHead) -> JsonObject:
    return {"id": head.id} if head.named else {}


def _after(head: StepHead) -> JsonObject:
    result: dict[str, JsonValue] = {}
    if head.title is not None:
        result["title"] = head.title.source
    if head.when is not None:
        result["when"] = head.when.source
    if head.timeout_ms is not None:
        result["timeout_ms"] = head.timeout_ms
    if head.retry.attempts > 1:
        plain = head.retry.delay_ms == DEFAULT_RETRY_DELAY_MS
        detailed: JsonObject = {"attempts": head.retry.attempts, "delay_ms": head.retry.delay_ms}
        result["retry"] = head.retry.attempts if plain else detailed
    if head.on_error is OnError.RECOVER:
        result["on_error"] = steps_json(head.recovery)
    elif head.on_error is not OnError.STOP:
        result["on_error"] = str(head.on_error)
    return result


def _own(step: Step) -> JsonObject:
    match step:
        case ActionStep(fields=fields):
            return {name: template.source for name, template in fields}
        case IfStep():
            otherwise: JsonObject = {"else": steps_json(step.otherwise)} if step.otherwise else {}
            return {"condition": step.condition.source, "then": steps_json(step.then), **otherwise}
        case ForEachStep():
            return {"items": step.items.source, "as": step.item_name, **_loop(step)}
        case WhileStep():
            return {"condition": step.condition.source, **_loop(step)}
        case GroupStep(steps=steps):
            return {"steps": steps_json(steps)}
        case VariableStep(name=name, value=value):
            return {"name": name, "value": value.source}
        case AppendStep(name=name, value=value, each=each):
            return {"name": name, "items" if each else "value": value.source}
        case SaveDataStep():
            return _save_data(step)
        case FailStep(message=message):
            return {"message": message.source}
        case AskStep():
            return _ask(step)
        case ExtractAIStep():
            return _extract_ai(step)
        case ChooseStep():
            return _choose(step)


def _loop(step: ForEachStep | WhileStep) -> JsonObject:
    result: dict[str, JsonValue] = {}
    if step.index_name is not None:
        result["index_as"] = step.index_name
    if step.max_iterations != DEFAULT_MAX_ITERATIONS:
        result["max_iterations"] = step.max_iterations
    result["steps"] = steps_json(step.steps)
    return result


def _save_data(step: SaveDataStep) -> JsonObject:
    result: dict[str, JsonValue] = {"file": step.file.source, "data": step.data.source}
    if step.format is not None:
        result["format"] = str(step.format)
    if step.columns:
        result["columns"] = list(step.columns)
    return result


def _ask(step: AskStep) -> JsonObject:
    result: dict[str, JsonValue] = {"question": step.question.source}
    if step.data is not None:
        result["data"] = step.data.source
    if step.schema is not None:
        result["schema"] = step.schema
    return {**result, **_choice(step.choice)}


def _extract_ai(step: ExtractAIStep) -> JsonObject:
    result: dict[str, JsonValue] = {"fields": {field.name: _field(field) for field in step.fields}}
    result.update({name: template.source for name, template in step.look.fields if name in LOOK_FIELDS})
    if step.max_chars != DEFAULT_PAGE_CHARS:
        result["max_chars"] = step.max_chars
    return {**result, **_choice(step.choice)}


def _field(field: AIField) -> JsonValue:
    if field.type is FieldType.STRING and not field.required and field.max_chars is None:
        return field.description
    result: dict[str, JsonValue] = {"description": field.description}
    if field.type is not FieldType.STRING:
        result["type"] = str(field.type)
    if field.required:
        result["required"] = True
    if field.max_chars is not None:
        result["max_chars"] = field.max_chars
    return result


def _choose(step: ChooseStep) -> JsonObject:
    result: dict[str, JsonValue] = {"question": step.question.source}
    if step.data is not None:
        result["data"] = step.data.source
    if any(option.description for option in step.options):
        result["options"] = {option.name: option.description for option in step.options}
    else:
        result["options"] = [option.name for option in step.options]
    if step.cases:
        result["cases"] = {name: steps_json(steps) for name, steps in step.cases}
    if step.otherwise:
        result["else"] = steps_json(step.otherwise)
    return {**result, **_choice(step.choice)}


def _choice(choice: ModelChoice) -> JsonObject:
    result: dict[str, JsonValue] = {}
    if choice.model is not None:
        result["model"] = choice.model
    if choice.provider is not None:
        result["provider"] = choice.provider
    if choice.max_tokens != DEFAULT_ANSWER_TOKENS:
        result["max_tokens"] = choice.max_tokens
    return result
