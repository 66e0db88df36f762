"""Reading steps: from JSON values to checked, frozen steps.

Knows which keys each step takes and finds every problem it can without running. Fields of actions that hold
`${…}` are checked when the step runs, all others now. Does not know which names exist (`names`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from bykilt.browser.engine.actions import Action, FieldSpec, action_types, fields_of, parse_action, read_field
from bykilt.browser.engine.actions_evidence import AccessibilitySnapshot
from bykilt.browser.engine.errors import InvalidAction
from bykilt.documents.door import ProblemList, keys_of, read_model
from bykilt.documents.problems import describe, nearest, pointer_to
from bykilt.flows.conditions import Condition, compile_condition
from bykilt.flows.model import (
    ActionStep,
    AppendStep,
    AskStep,
    ChooseStep,
    ExtractAIStep,
    FailStep,
    ForEachStep,
    GroupStep,
    IfStep,
    OnError,
    Retry,
    SaveDataStep,
    Step,
    StepHead,
    VariableStep,
    WhileStep,
)
from bykilt.flows.model_keys import choice_of, fields_of_page, literal, options_of, usable_schema
from bykilt.flows.references import NotationError
from bykilt.flows.schema import (
    CONTROL_MODELS,
    LOOK_FIELDS,
    MAX_STEPS,
    WITHOUT_HIDDEN,
    AppendModel,
    AskModel,
    ChooseModel,
    ExtractAIModel,
    FailModel,
    ForEachModel,
    GroupModel,
    IfModel,
    RetryModel,
    SaveDataModel,
    StepCommon,
    VariableModel,
    WhileModel,
)
from bykilt.flows.templates import Template, TemplateProblem, compile_template
from bykilt.json_types import JsonObject, JsonValue

MAX_NESTING = 20
_NOTHING = compile_template(None)
_NEVER = compile_condition(False)
_COMMON_KEYS = keys_of(StepCommon)
M = TypeVar("M", bound=StepCommon)


class StepReader:
    """Reads the steps of one file; problems go to the list that was given."""

    def __init__(self, problems: ProblemList) -> None:
        self._problems = problems
        self._ids: dict[str, str] = {}
        self._count = 0
        self._nesting = 0
        self._builders: Mapping[type[StepCommon], Callable[[Any, StepHead], Step]] = {
            IfModel: self._if,
            ForEachModel: self._for_each,
            WhileModel: self._while,
            GroupModel: self._group,
            VariableModel: self._variable,
            AppendModel: self._append,
            SaveDataModel: self._save_data,
            FailModel: self._fail,
            AskModel: self._ask,
            ExtractAIModel: self._extract_ai,
            ChooseModel: self._choose,
        }

    def read(self, values: Sequence[JsonValue], pointer: str, place: str = "") -> tuple[Step, ...]:
        """Return the steps that could be read; `place` is where automatic ids begin."""
        if self._nesting > MAX_NESTING:
            self._problems.add(pointer, f"steps may be nested {MAX_NESTING} levels deep at most")
            return ()
        self._nesting += 1
        steps = [
            self._step(value, pointer_to(pointer, index), f"{place}{index + 1}") for index, value in enumerate(values)
        ]
        self._nesting -= 1
        return tuple(step for step in steps if step is not None)

    def template(self, value: JsonValue, pointer: str) -> Template:
        """Return a compiled template; one that renders to null after noting why it is none."""
        try:
            return compile_template(value)
        except TemplateProblem as problem:
            self._problems.add(pointer + problem.pointer, problem.reason, problem.suggestion)
            return _NOTHING

    def _step(self, value: JsonValue, pointer: str, place: str) -> Step | None:
        self._count += 1
        if self._count == MAX_STEPS + 1:
            self._problems.add(pointer, f"a flow may have {MAX_STEPS:,} steps at most")
        if self._count > MAX_STEPS:
            return None
        if not isinstance(value, Mapping):
            self._problems.add(pointer, f"a step is an object, got {describe(value)}")
            return None
        name = value.get("action")
        if not isinstance(name, str):
            self._problems.add(pointer, _no_action(value, name), _instead_of(value))
            return None
        if (model := CONTROL_MODELS.get(name)) is not None:
            found = read_model(model, value, pointer, self._problems)
            return None if found is None else self._builders[model](found, self._head(found, pointer, place))
        if (action := action_types().get(name)) is not None:
            return self._action(name, action, value, pointer, place)
        known = [*CONTROL_MODELS, *action_types()]
        self._problems.add(f"{pointer}/action", f"unknown action {name!r}", nearest(name, known, "the actions"))
        return None

    # ---- what all steps have

    def _head(self, common: StepCommon, pointer: str, place: str) -> StepHead:
        step_id = self._id(common.id, pointer, place)
        recovery: tuple[Step, ...] = ()
        on_error = OnError.RECOVER
        if isinstance(common.on_error, str):
            on_error = OnError(common.on_error)
        else:
            recovery = self.read(_values(common.on_error), f"{pointer}/on_error", f"{step_id}.on_error.")
        return StepHead(
            id=step_id,
            path=pointer,
            named=common.id is not None,
            title=None if common.title is None else self.template(common.title, f"{pointer}/title"),
            when=None if common.when is None else self._condition(common.when, f"{pointer}/when"),
            timeout_ms=common.timeout_ms,
            retry=_retry(common.retry),
            on_error=on_error,
            recovery=recovery,
        )

    def _id(self, given: str | None, pointer: str, place: str) -> str:
        if given is None:
            return place
        first = self._ids.setdefault(given, pointer)
        if first != pointer:
            self._problems.add(f"{pointer}/id", f"the id {given!r} is taken by {first}", "ids are unique in a flow")
        return given

    def _condition(self, source: str | bool, pointer: str) -> Condition:
        try:
            return compile_condition(source)
        except NotationError as error:
            self._problems.add(pointer, f"{error.reason} (at character {error.position + 1})", error.suggestion)
            return _NEVER

    # ---- actions

    def _action(self, name: str, action: type[Action], value: JsonObject, pointer: str, place: str) -> Step | None:
        common = read_model(
            StepCommon, {key: value[key] for key in value if key in _COMMON_KEYS}, pointer, self._problems
        )
        given = {
            key: item for key, item in value.items() if key not in _COMMON_KEYS and key != "action" and item is not None
        }
        wrong = len(self._problems.found)
        fields = {key: self.template(item, pointer_to(pointer, key)) for key, item in given.items()}
        readable = len(self._problems.found) == wrong
        ready = self._check_fields(action, given, fields, pointer) if readable else None
        if common is None:
            return None
        return ActionStep(self._head(common, pointer, place), name, tuple(fields.items()), ready)

    def _check_fields(
        self, action: type[Action], given: Mapping[str, JsonValue], fields: Mapping[str, Template], pointer: str
    ) -> Action | None:
        """Note every field that cannot be right; return the action when all of it is known already."""
        known = fields_of(action)
        full = action.unfold(dict(given))
        wrong = len(self._problems.found)
        for name in full:
            place = pointer_to(pointer, _key_in(given, name, known))
            if name not in known:
                near = nearest(name, [*known, *_COMMON_KEYS], f"the fields of {action.type}")
                self._problems.add(place, f"{action.type} has no field {name!r}", near)
                continue
            template = _static(full[name])
            if template is not None:
                self._check_field(action, name, template.render(_no_values), place)
        for spec in known.values():
            if spec.required and spec.name not in full:
                key = spec.step_key
                self._problems.add(pointer, f"{action.type} needs {key!r}", f"add {key!r} to the step")
        if len(self._problems.found) > wrong or not all(field.is_static for field in fields.values()):
            return None
        return self._parse(action, fields, pointer)

    def _check_field(self, action: type[Action], name: str, value: JsonValue, pointer: str) -> None:
        try:
            read_field(action, name, value)
        except InvalidAction as error:
            self._problems.add(pointer, error.message, error.hint)

    def _parse(self, action: type[Action], fields: Mapping[str, Template], pointer: str) -> Action | None:
        values = {name: field.render(_no_values) for name, field in fields.items()}
        try:
            return parse_action({"type": action.type, **values})
        except InvalidAction as error:
            place = pointer_to(pointer, error.field) if error.field in fields else pointer
            self._problems.add(place, error.message, error.hint)
            return None

    # ---- control steps

    def _if(self, model: IfModel, head: StepHead) -> Step:
        return IfStep(
            head,
            condition=self._condition(model.condition, f"{head.path}/condition"),
            then=self._inside(model.then, head, "then"),
            otherwise=self._inside(model.otherwise, head, "else"),
        )

    def _for_each(self, model: ForEachModel, head: StepHead) -> Step:
        items = self.template(cast(JsonValue, model.items), f"{head.path}/items")
        if isinstance(model.items, str) and items.is_static and items is not _NOTHING:
            self._problems.add(
                f"{head.path}/items", f"expected a list, got {model.items!r}", "refer to a list with ${…}"
            )
        return ForEachStep(
            head,
            items=items,
            item_name=model.item_name,
            index_name=model.index_as,
            steps=self._inside(model.steps, head, "steps"),
            max_iterations=model.max_iterations,
        )

    def _while(self, model: WhileModel, head: StepHead) -> Step:
        return WhileStep(
            head,
            condition=self._condition(model.condition, f"{head.path}/condition"),
            index_name=model.index_as,
            steps=self._inside(model.steps, head, "steps"),
            max_iterations=model.max_iterations,
        )

    def _group(self, model: GroupModel, head: StepHead) -> Step:
        return GroupStep(head, self._inside(model.steps, head, "steps"))

    def _variable(self, model: VariableModel, head: StepHead) -> Step:
        return VariableStep(head, model.name, self.template(cast(JsonValue, model.value), f"{head.path}/value"))

    def _append(self, model: AppendModel, head: StepHead) -> Step:
        given = [name for name in ("value", "items") if name in model.model_fields_set]
        if len(given) != 1:
            self._problems.add(
                head.path, "append needs exactly one of 'value' and 'items'", "'items' adds every item of a list"
            )
        name = "items" if "items" in given else "value"
        return AppendStep(
            head, model.name, self.template(getattr(model, name), f"{head.path}/{name}"), each=name == "items"
        )

    def _save_data(self, model: SaveDataModel, head: StepHead) -> Step:
        return SaveDataStep(
            head,
            file=self.template(model.file, f"{head.path}/file"),
            data=self.template(cast(JsonValue, model.data), f"{head.path}/data"),
            format=model.format,
            columns=tuple(model.columns),
        )

    def _fail(self, model: FailModel, head: StepHead) -> Step:
        return FailStep(head, self.template(model.message, f"{head.path}/message"))

    # ---- steps that ask a model

    def _ask(self, model: AskModel, head: StepHead) -> Step:
        return AskStep(
            head,
            question=self.template(model.question, f"{head.path}/question"),
            data=self._data(model, head),
            schema=usable_schema(cast(JsonObject | None, model.schema_), f"{head.path}/schema", self._problems),
            choice=choice_of(model, head.path, self._problems),
        )

    def _extract_ai(self, model: ExtractAIModel, head: StepHead) -> Step:
        literal(model.model_dump(include={"fields"})["fields"], f"{head.path}/fields", self._problems)
        aimed = {name: value for name in LOOK_FIELDS if (value := cast(JsonValue, getattr(model, name))) is not None}
        aimed[WITHOUT_HIDDEN] = True
        wrong = len(self._problems.found)
        fields = {name: self.template(value, f"{head.path}/{name}") for name, value in aimed.items()}
        readable = len(self._problems.found) == wrong
        ready = self._check_fields(AccessibilitySnapshot, aimed, fields, head.path) if readable else None
        look = ActionStep(head, AccessibilitySnapshot.type, tuple(fields.items()), ready)
        return ExtractAIStep(
            head,
            fields_of_page(model, head.path, self._problems),
            look,
            choice_of(model, head.path, self._problems),
            model.max_chars,
        )

    def _choose(self, model: ChooseModel, head: StepHead) -> Step:
        options = options_of(model, head.path, self._problems)
        return ChooseStep(
            head,
            question=self.template(model.question, f"{head.path}/question"),
            data=self._data(model, head),
            options=options,
            cases=tuple(
                (name, self.read(_values(steps), pointer_to(head.path, "cases", name), f"{head.id}.case{number}."))
                for number, (name, steps) in enumerate(model.cases.items(), 1)
            ),
            otherwise=self._inside(model.otherwise, head, "else"),
            choice=choice_of(model, head.path, self._problems),
        )

    def _data(self, model: AskModel | ChooseModel, head: StepHead) -> Template | None:
        given = cast(JsonValue, model.data)
        return self.template(given, f"{head.path}/data") if "data" in model.model_fields_set else None

    def _inside(self, values: Sequence[object], head: StepHead, key: str) -> tuple[Step, ...]:
        # A step's own id may be given by the file; places inside stay short and unique all the same.
        middle = "" if key == "steps" else f"{key}."
        return self.read(_values(values), f"{head.path}/{key}", f"{head.id}.{middle}")


def _values(values: Sequence[object]) -> Sequence[JsonValue]:
    return cast(Sequence[JsonValue], values)


def _retry(given: int | RetryModel | None) -> Retry:
    if isinstance(given, RetryModel):
        return Retry(given.attempts, given.delay_ms)
    return Retry() if given is None else Retry(given)


def _key_in(given: Mapping[str, JsonValue], name: str, known: Mapping[str, FieldSpec]) -> str:
    """Return under which key the file gives a field: short forms have a key of their own."""
    if name in given or name not in known:
        return name
    return "fields" if name == "records" and "fields" in given else known[name].step_key


def _static(value: JsonValue) -> Template | None:
    try:
        template = compile_template(value)
    except TemplateProblem:
        return None  # noted where the field itself was compiled
    return template if template.is_static else None


def _no_values(reference: object) -> JsonValue:
    raise AssertionError(f"a template without references asked for {reference}")


def _no_action(value: JsonObject, name: JsonValue) -> str:
    return f"'action' must be text, got {describe(name)}" if "action" in value else "a step needs 'action'"


def _instead_of(value: JsonObject) -> str:
    if isinstance(name := value.get("type"), str):
        return f'write "action": "{name}" instead of "type"'
    for name in CONTROL_MODELS:
        if name in value:
            return f'write "action": "{name}" and see its keys in the schema'
    return 'for instance {"action": "click", "selector": "#buy"}'
