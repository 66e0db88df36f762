"""The JSON Schema of a model, as short as it can be said. Knows what pydantic adds that tells a reader nothing."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel


def model_schema(model: type[BaseModel], defs: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one model; the models inside it go to `defs`."""
    schema = _tidy(model.model_json_schema(by_alias=True, ref_template="#/$defs/{model}"))
    defs.update(schema.pop("$defs", {}))
    return cast(dict[str, Any], schema)


def _tidy(part: Any, *, names: bool = False) -> Any:
    """Drop the titles that pydantic makes from names, and the null that means the same as leaving a key out."""
    if isinstance(part, list):
        return [_tidy(item) for item in part]
    if not isinstance(part, dict):
        return part
    tidy = {
        key: _tidy(value, names=key in ("properties", "$defs"))
        for key, value in part.items()
        if names or not (key == "title" or (key == "default" and value is None))
    }
    return tidy if names else _without_null(tidy)


def _without_null(part: dict[str, Any]) -> dict[str, Any]:
    choices = part.get("anyOf")
    if not isinstance(choices, list) or {"type": "null"} not in choices:
        return part
    left = [choice for choice in choices if choice != {"type": "null"}]
    if len(left) > 1:
        return {**part, "anyOf": left}
    rest = {key: value for key, value in part.items() if key != "anyOf"}
    return {**left[0], **rest}
