"""From the action `extract` to what the injected reader takes; the same for both engines. Pure."""

from __future__ import annotations

from typing import Any

from bykilt.browser.engine.actions import Extract


def extract_spec(action: Extract) -> dict[str, Any]:
    """Return the argument of `bykiltExtract.read`."""
    spec: dict[str, Any] = {
        "alternatives": list(action.selector),
        "kind": str(action.kind),
        "attribute": action.attribute,
        "all": action.all,
        "limit": action.limit,
    }
    if action.records is not None:
        spec["records"] = {
            "limit": action.records.limit or action.limit,
            "fields": {
                name: {"selector": list(field.selector), "kind": str(field.kind), "attribute": field.attribute or None}
                for name, field in action.records.fields
            },
        }
    return spec
