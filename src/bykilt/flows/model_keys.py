"""The keys that only steps which ask a model have: the literal ones, which no run changes.

Knows what may stand in a JSON Schema, in options and in descriptions. A model is told these as the flow's own words, so
nothing that a page or a parameter says may get into them. Does not know templates that are filled in (`steps`).
"""

from __future__ import annotations

from typing import cast

from bykilt.documents.door import ProblemList
from bykilt.documents.problems import nearest, pointer_to
from bykilt.errors import InvalidInput
from bykilt.flows.model import AIField, FieldType, ModelChoice, Option
from bykilt.flows.schema import AIFieldModel, ChooseModel, ExtractAIModel, ModelStepCommon
from bykilt.flows.templates import TemplateProblem, compile_template
from bykilt.json_types import JsonObject, JsonValue

_TEXTS = (FieldType.STRING, FieldType.ARRAY)


def literal(value: JsonValue, pointer: str, problems: ProblemList) -> None:
    """Note each reference in a value that is taken as it is."""
    try:
        references = compile_template(value).references
    except TemplateProblem:
        return  # nothing of it is filled in, so it need not be a template
    for below, reference in references:
        problems.add(
            pointer + below,
            f"{reference}: nothing is filled in here, so that no page can change what is asked",
            "write it out, or put the value into 'data'",
        )


def usable_schema(given: JsonObject | None, pointer: str, problems: ProblemList) -> JsonObject | None:
    """Return a JSON Schema after noting why it cannot be used, if so."""
    if given is None:
        return None
    # Flows that ask no model do without the library that knows schemas.
    from bykilt.llm.schemas import AnswerSchema

    literal(given, pointer, problems)
    try:
        AnswerSchema(given)
    except InvalidInput as error:
        problems.add(pointer, error.message, error.hint)
    return given


def fields_of_page(model: ExtractAIModel, pointer: str, problems: ProblemList) -> tuple[AIField, ...]:
    """Return what is to be found in a page, after noting bounds of what is no text."""
    for name, given in model.fields.items():
        if isinstance(given, AIFieldModel) and given.max_chars and given.type not in _TEXTS:
            place = pointer_to(pointer, "fields", name, "max_chars")
            problems.add(place, f"a {given.type} has no characters", "leave 'max_chars' out")
    return tuple(
        AIField(name, given.description, given.type, given.required, given.max_chars)
        if isinstance(given, AIFieldModel)
        else AIField(name, given)
        for name, given in model.fields.items()
    )


def options_of(model: ChooseModel, pointer: str, problems: ProblemList) -> tuple[Option, ...]:
    """Return the options, after noting those that come twice and cases of none."""
    literal(cast(JsonValue, model.options), f"{pointer}/options", problems)
    given = model.options
    options = (
        [Option(name, text) for name, text in given.items()] if isinstance(given, dict) else list(map(Option, given))
    )
    names = [option.name for option in options]
    for index, name in enumerate(names):
        if name in names[:index]:
            problems.add(f"{pointer}/options/{index}", f"the option {name!r} is there twice", "")
    for name in model.cases:
        if name not in names:
            problems.add(
                pointer_to(pointer, "cases", name),
                f"there is no option {name!r}",
                nearest(name, names, "the options"),
            )
    return tuple(options)


def choice_of(model: ModelStepCommon, pointer: str, problems: ProblemList) -> ModelChoice:
    """Return which model is asked, which no page may choose."""
    for name in ("model", "provider"):
        literal(getattr(model, name), f"{pointer}/{name}", problems)
    return ModelChoice(model.model, model.provider, model.max_tokens)
