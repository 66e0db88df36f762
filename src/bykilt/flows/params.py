"""Parameters: checking their declarations, and binding what is given for a run.

Knows how a text from the command line becomes a value of the declared type. Does not know where the values
come from, nor what the flow does with them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from bykilt.documents.door import ProblemList
from bykilt.documents.problems import describe, nearest, pointer_to
from bykilt.flows.conditions import number_in
from bykilt.flows.model import Flow, Param, ParamType
from bykilt.flows.problems import FlowError
from bykilt.flows.schema import ParamModel
from bykilt.json_types import JsonValue

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


def check_param(name: str, model: ParamModel, pointer: str, problems: ProblemList) -> Param:
    """Return a declared parameter; what does not fit together is noted in `problems`."""
    default = cast(JsonValue, model.default)
    choices = tuple(cast(Sequence[JsonValue], model.choices))
    if model.required and "default" in model.model_fields_set:
        problems.add(f"{pointer}/default", "a required parameter never uses its default", "leave one of them out")
    for key, value in [("default", default), *((f"choices/{index}", item) for index, item in enumerate(choices))]:
        if value is not None and (reason := _misfit(model.type, value)):
            problems.add(f"{pointer}/{key}", f"{reason}, got {describe(value)}")
    if default is not None and choices and default not in choices:
        problems.add(f"{pointer}/default", "the default is none of the choices")
    return Param(name, model.type, model.required, default, model.description, choices)


def bind_params(flow: Flow, given: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """Return a value for every parameter of the flow.

    Texts become values of the declared type: `yes`/`no` and the like for booleans, JSON for lists and objects.
    A null counts as not given. Paths of files become absolute; a default's path starts at the flow's folder.

    Raises:
        FlowError: Unknown, missing or unfit values, all of them.
    """
    problems = ProblemList(flow.source)
    known = {param.name: param for param in flow.params}
    for name in given:
        if name not in known:
            problems.add("/params", f"the flow has no parameter {name!r}", nearest(name, known, "its parameters"))
    bound = {name: _bind(param, given.get(name), flow.folder, problems) for name, param in known.items()}
    if problems.found:
        raise FlowError(problems.found, hint=_usage(flow.params))
    return bound


def _bind(param: Param, value: JsonValue, folder: Path | None, problems: ProblemList) -> JsonValue:
    pointer = pointer_to("/params", param.name)
    if value is None:
        if param.required:
            description = f" ({param.description})" if param.description else ""
            problems.add(pointer, f"{param.name} is required{description}", f"give it with -p {param.name}=…")
            return None
        return _default(param, folder, problems)
    try:
        bound = _read(param.type, value)
    except ValueError as error:
        problems.add(pointer, f"{param.name}: {error}, got {describe(value)}")
        return None
    if param.choices and bound not in param.choices:
        listed = ", ".join(json.dumps(choice, ensure_ascii=False) for choice in param.choices)
        near = nearest(str(bound), [choice for choice in param.choices if isinstance(choice, str)])
        suggestion = near if near.startswith("did") else ""
        problems.add(pointer, f"{param.name} must be one of {listed}; got {describe(bound)}", suggestion)
    if param.type is ParamType.FILE and isinstance(bound, str):
        return _check_file(param, Path(bound), problems)
    return bound


def _default(param: Param, folder: Path | None, problems: ProblemList) -> JsonValue:
    if param.type is not ParamType.FILE or not isinstance(param.default, str):
        return param.default
    return _check_file(param, (folder or Path()) / param.default, problems)


def _check_file(param: Param, path: Path, problems: ProblemList) -> str:
    path = path.expanduser().absolute()
    if not path.is_file():
        problems.add(pointer_to("/params", param.name), f"{param.name}: there is no file {path}", "check the path")
    return str(path)


def _misfit(kind: ParamType, value: JsonValue) -> str:
    """Return why a value that is not null is not of a type; empty when it is."""
    fits = {
        ParamType.STRING: isinstance(value, str),
        ParamType.FILE: isinstance(value, str) and bool(value),
        ParamType.BOOLEAN: isinstance(value, bool),
        ParamType.NUMBER: _is_number(value),
        ParamType.INTEGER: _is_number(value) and not isinstance(value, float),
        ParamType.ARRAY: isinstance(value, Sequence) and not isinstance(value, str),
        ParamType.OBJECT: isinstance(value, Mapping),
    }
    return "" if fits[kind] else f"expected {_EXPECTED[kind]}"


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_EXPECTED = {
    ParamType.STRING: "text",
    ParamType.FILE: "the path of a file",
    ParamType.BOOLEAN: "true or false",
    ParamType.NUMBER: "a number",
    ParamType.INTEGER: "a whole number",
    ParamType.ARRAY: 'a list in JSON, such as ["a", "b"]',
    ParamType.OBJECT: 'an object in JSON, such as {"a": 1}',
}


def _read(kind: ParamType, value: JsonValue) -> JsonValue:
    if isinstance(value, str) and kind not in (ParamType.STRING, ParamType.FILE):
        value = _from_text(kind, value)
    if reason := _misfit(kind, value):
        raise ValueError(reason)
    return value


def _from_text(kind: ParamType, text: str) -> JsonValue:
    """Return the value that a text spells, or the text itself when it spells none of that kind."""
    if kind is ParamType.BOOLEAN:
        word = text.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else text
    if kind in (ParamType.NUMBER, ParamType.INTEGER):
        number = number_in(text)
        return text if number is None else number
    try:
        parsed: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return parsed


def _usage(params: Sequence[Param]) -> str:
    if not params:
        return "the flow takes no parameters"
    listed = ", ".join(f"{param.name} ({param.type}{', required' if param.required else ''})" for param in params)
    return f"the flow's parameters: {listed}"
