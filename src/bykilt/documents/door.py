"""The door between JSON values and pydantic models: every error becomes a problem in plain words.

Knows pydantic's kinds of error and how to find the place of each in what was given. Knows no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from bykilt.documents.problems import Problem, describe, nearest, pointer_to
from bykilt.json_types import JsonValue

M = TypeVar("M", bound=BaseModel)
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$", max_length=100)]


class Strict(BaseModel):
    """A model that takes no key that it does not know, and no value that is only nearly right."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
}
_LIMITS = {
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be {ge:g} or more",
    "less_than_equal": "must be {le:g} or less",
    "string_too_short": "must not be empty",
    "string_too_long": "must have {max_length:,} characters at most",
    "too_short": "must not be empty",
    "too_long": "must have {max_length:,} items at most",
    "string_pattern_mismatch": "must begin with a letter or _ and have only letters, digits, _ and -",
}


class ProblemList:
    """Collects the problems of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Problem] = []

    def add(self, pointer: str, reason: str, suggestion: str = "") -> None:
        """Note one problem."""
        self.found.append(Problem(self.file, pointer, reason, suggestion))


def read_model(model: type[M], value: JsonValue, pointer: str, problems: ProblemList) -> M | None:
    """Return the model that a value describes; None after noting every reason why it does not."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        _note(error.errors(include_url=False), model, value, pointer, problems)
        return None


def keys_of(model: type[BaseModel]) -> list[str]:
    """Return the keys that a model takes, as they are written in a file."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _note(
    errors: Sequence[ErrorDetails], model: type[BaseModel], value: JsonValue, pointer: str, problems: ProblemList
) -> None:
    groups: dict[str, list[tuple[ErrorDetails, JsonValue]]] = {}
    for error in errors:
        place, there = _find(error["loc"], value)
        groups.setdefault(place, []).append((error, there))
    for place, group in groups.items():
        # Of a union, the branch that got furthest is the one that was meant.
        if any(other.startswith(place + "/") for other in groups):
            group = [pair for pair in group if pair[0]["type"] in ("missing", "extra_forbidden")]
        elif any(pair[0]["type"] in _LIMITS for pair in group):
            group = [pair for pair in group if pair[0]["type"] in _LIMITS]
        expected: list[str] = []
        for error, there in group:
            if error["type"] in _EXPECTED:
                expected.append(_EXPECTED[error["type"]])
            elif error["type"] in ("literal_error", "enum") and len(group) > 1:
                expected.append(str(error["ctx"]["expected"]))
            else:
                reason, suggestion = _say(error, there, model)
                problems.add(pointer + place, reason, suggestion)
        if expected:
            wanted = " or ".join(dict.fromkeys(expected))
            problems.add(pointer + place, f"expected {wanted}, got {describe(group[0][1])}")


def _find(location: Sequence[str | int], value: JsonValue) -> tuple[str, JsonValue]:
    """Return the pointer of a location and what stands there; names of union branches are left out."""
    pointer = ""
    for part in location:
        if isinstance(value, Mapping) and part in value:
            value = value[str(part)]
        elif isinstance(value, Sequence) and not isinstance(value, str) and isinstance(part, int):
            value = value[part]
        else:
            continue
        pointer = pointer_to(pointer, part)
    return pointer, value


def _say(error: ErrorDetails, value: JsonValue, model: type[BaseModel]) -> tuple[str, str]:
    kind, last = error["type"], str(error["loc"][-1]) if error["loc"] else ""
    context: Mapping[str, Any] = error.get("ctx", {})
    if kind == "missing":
        return f"{last!r} is missing", f"add {last!r}"
    if kind == "extra_forbidden":
        return f"unknown key {last!r}", nearest(last, _siblings(error["loc"], model), "the keys")
    if kind in ("literal_error", "enum"):
        expected = str(context["expected"])
        words = [word.strip("'\" ") for word in expected.replace(" or ", ",").split(",")]
        suggestion = nearest(value, words) if isinstance(value, str) else ""
        return f"must be {expected}, got {describe(value)}", suggestion if "mean" in suggestion else ""
    if kind in _LIMITS:
        return f"{_LIMITS[kind].format(**context)}, got {describe(value)}", ""
    message = error["msg"]
    return message[:1].lower() + message[1:], ""


def _siblings(location: Sequence[str | int], model: type[BaseModel]) -> list[str]:
    """Return the keys of the innermost model on the way to a location."""
    current = model
    for part in location[:-1]:
        field = next((field for name, field in current.model_fields.items() if part in (name, field.alias)), None)
        inner = _models_in(field.annotation) if field is not None else []
        current = inner[0] if inner else current
    return keys_of(current)


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]
