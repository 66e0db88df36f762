"""Writing a flow back: what was written reads as the same flow."""

from __future__ import annotations

import json

import pytest

from bykilt.flows.loader import load_flow, load_flow_text
from bykilt.flows.writer import to_json
from bykilt.json_types import JsonObject
from bykilt.practice import DEMO_FLOW

EVERYTHING: JsonObject = {
    "bykilt": 1,
    "name": "everything",
    "description": "uses every key once",
    "params": {
        "plain": {},
        "q": {"type": "string", "required": True, "description": "what"},
        "n": {"type": "integer", "default": 3, "choices": [1, 3]},
        "off": {"type": "boolean", "default": False},
    },
    "timeout_ms": 60000,
    "defaults": {"timeout_ms": 5000},
    "engine": "cdp",
    "browser": {"viewport": {"width": 800, "height": 600}, "user_agent": "x"},
    "sandbox": {"network": "restricted", "allowed_hosts": ["a.example"], "webgl": True, "limits": {"tmp_mib": 64}},
    "steps": [
        {
            "id": "a",
            "action": "click",
            "selector": ["#a", "#${params.q}"],
            "button": "right",
            "title": "Click ${params.q}",
            "when": "${params.n} > 1",
            "timeout_ms": 100,
            "retry": 3,
            "on_error": "continue",
        },
        {
            "action": "group",
            "steps": [{"action": "reload"}],
            "retry": {"attempts": 2, "delay_ms": 9},
            "on_error": [{"action": "fail", "message": "${error.message}"}],
        },
        {"action": "if", "condition": True, "then": [{"action": "reload"}], "else": [{"action": "go_back"}]},
        {"action": "if", "condition": "${params.off}", "then": []},
        {
            "action": "for_each",
            "items": [1, "${params.n}"],
            "as": "row",
            "index_as": "i",
            "max_iterations": 5,
            "steps": [{"action": "append", "name": "rows", "value": {"n": "${row}", "i": "${i}"}}],
        },
        {"action": "while", "condition": "false", "index_as": "k", "steps": [{"action": "reload"}]},
        {"action": "variable", "name": "v", "value": None},
        {"action": "append", "name": "rows", "items": "${vars.rows}"},
        {"action": "save_data", "file": "a.txt", "data": "${vars.rows}", "format": "csv", "columns": ["n"]},
        {"action": "upload_file", "selector": "#f", "files": ["$${x}"]},
        {"action": "ask", "question": "Why ${params.q}?"},
        {
            "action": "ask",
            "question": "How many?",
            "data": {"rows": "${vars.rows}"},
            "schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
            "model": "m",
            "provider": "p",
            "max_tokens": 9,
        },
        {"action": "extract_ai", "fields": {"price": "the price"}},
        {
            "action": "extract_ai",
            "fields": {
                "n": {"description": "how many", "type": "integer", "required": True},
                "tags": {"description": "the tags", "type": "array"},
                "short": {"description": "a short text", "max_chars": 20},
            },
            "selector": ["#a", "#${params.q}"],
            "frame": "#f",
            "max_chars": 900,
        },
        {"action": "choose", "question": "Good?", "options": ["yes", "no"]},
        {
            "action": "choose",
            "question": "Good?",
            "data": "${vars.rows}",
            "options": {"yes": "it is good", "no/way": "it is not"},
            "cases": {"yes": [{"action": "reload"}], "no/way": [{"action": "if", "condition": True, "then": []}]},
            "else": [{"action": "go_back"}],
        },
    ],
    "outputs": {"rows": "${vars.rows}"},
}


def test_everything_comes_back() -> None:
    assert to_json(load_flow_text(json.dumps(EVERYTHING), "a.json")) == EVERYTHING


def test_the_demo_flow_comes_back() -> None:
    flow = load_flow(DEMO_FLOW)
    again = load_flow_text(json.dumps(to_json(flow)), flow.source)

    assert (again.steps, again.params, again.outputs) == (flow.steps, flow.params, flow.outputs)
    assert to_json(again) == to_json(flow)


@pytest.mark.parametrize("key", ["on_error", "retry", "when"])
def test_defaults_are_left_out(key: str) -> None:
    text = '{"bykilt": 1, "name": "a", "steps": [{"action": "reload", "on_error": "stop", "retry": 1}]}'

    assert key not in json.dumps(to_json(load_flow_text(text, "a.json")))
