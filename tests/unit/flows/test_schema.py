"""The published JSON Schema says the same as the readers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bykilt.browser.engine.actions import action_types, fields_of
from bykilt.flows.model import walk
from bykilt.flows.schema import CONTROL_MODELS, json_schema
from tests.unit.flows.scripted import flow_of


def schema() -> Any:
    return json_schema()


def nodes(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from nodes(value)
    elif isinstance(part, list):
        for item in part:
            yield from nodes(item)


def test_it_is_the_same_every_time_and_plain_json() -> None:
    assert json.dumps(schema(), sort_keys=False) == json.dumps(schema(), sort_keys=False)
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_reference_leads_somewhere() -> None:
    found = schema()
    references = {node["$ref"] for node in nodes(found) if isinstance(node.get("$ref"), str)}

    assert references
    assert all(reference.removeprefix("#/$defs/") in found["$defs"] for reference in references)


def test_every_kind_of_step_is_in_it_with_all_its_fields() -> None:
    found = schema()["$defs"]
    steps = {choice["$ref"].removeprefix("#/$defs/step_") for choice in found["step"]["anyOf"]}

    assert steps == {*action_types(), *CONTROL_MODELS}
    for name, action in action_types().items():
        properties = found[f"step_{name}"]["properties"]
        assert {spec.step_key for spec in fields_of(action).values()} <= set(properties)
        assert {"id", "title", "when", "retry", "on_error", "timeout_ms"} <= set(properties)
        required = {spec.step_key for spec in fields_of(action).values() if spec.required}
        assert set(found[f"step_{name}"]["required"]) == {"action", *required}


def test_every_step_is_described_and_takes_no_other_keys() -> None:
    found = schema()["$defs"]
    for name, part in found.items():
        if name.startswith("step_"):
            assert part["description"]
            assert part["additionalProperties"] is False


def test_lists_of_steps_hold_steps() -> None:
    found = schema()
    step = {"$ref": "#/$defs/step"}

    assert found["properties"]["steps"]["items"] == step
    assert found["$defs"]["step_if"]["properties"]["then"]["items"] == step
    assert found["$defs"]["step_if"]["properties"]["else"]["items"] == step
    assert found["$defs"]["step_while"]["properties"]["steps"]["items"] == step
    assert found["$defs"]["step_choose"]["properties"]["cases"]["additionalProperties"]["items"] == step
    assert {"type": "array", "items": step} in found["$defs"]["key_on_error"]["anyOf"]


def test_a_field_that_is_no_text_may_be_a_template() -> None:
    click = schema()["$defs"]["step_click"]["properties"]

    assert click["click_count"]["anyOf"][1] == {"$ref": "#/$defs/template"}
    assert click["button"]["anyOf"][1] == {"$ref": "#/$defs/template"}


def test_automatic_ids_are_unique_whatever_ids_are_given() -> None:
    """An id that a file gives begins with a letter, an automatic one at the top with a digit."""
    click = {"action": "click", "selector": "#a"}
    flow = flow_of(
        {"action": "group", "id": "a", "steps": [click, click], "on_error": [click]},
        {"action": "if", "condition": "true", "then": [click], "else": [click], "on_error": [click]},
        {"action": "group", "steps": [click, {**click, "id": "b"}, {"action": "group", "steps": [click]}]},
        {
            "action": "choose",
            "question": "?",
            "options": ["a", "a.1"],
            "cases": {"a": [{"action": "group", "steps": [click]}], "a.1": [click]},
            "else": [click],
        },
    )

    ids = [step.head.id for step in walk(flow.steps)]
    assert len(ids) == len(set(ids)) == flow.step_count == 18
