"""How an action is called in one short line for people. Knows fields by their names, not what actions do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bykilt.browser.engine.action_model import Action
from bykilt.json_types import JsonObject

_LONGEST = 80


def title_of(action: Action, fields: JsonObject) -> str:
    """Return the action and what it is aimed at; `fields` as `to_json` gives them."""
    return _titled(action.type, fields)


def _titled(name: str, fields: JsonObject) -> str:
    inner = fields.get("action")
    if isinstance(inner, Mapping):
        return f"{name}: {_titled(str(inner.get('type', '')), inner)}"
    for key in ("url", "selector", "key", "name", "text", "expression", "page"):
        value = fields.get(key)
        if isinstance(value, str):
            short = value if len(value) <= _LONGEST else value[: _LONGEST - 3] + "..."
            return f"{name} {short}"
        if isinstance(value, Sequence) and value:
            return f"{name} {value[0]}"
    return name
