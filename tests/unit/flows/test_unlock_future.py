"""The older unlock-future files: what each command becomes, and what is told of those that cannot be read."""

from __future__ import annotations

import json

import pytest

from bykilt.documents.problems import Problem
from bykilt.flows.loader import load_flow_text
from bykilt.flows.model import Flow
from bykilt.flows.params import bind_params
from bykilt.flows.problems import FlowError
from bykilt.flows.writer import to_json
from bykilt.json_types import JsonObject, JsonValue
from tests.unit.flows.scripted import Script, gives, run_flow


def load(*commands: JsonValue, **more: JsonValue) -> Flow:
    return load_flow_text(json.dumps({"script_name": "old", **more, "commands": list(commands)}), "old.json")


def steps_of(*commands: JsonValue, **more: JsonValue) -> JsonValue:
    return to_json(load(*commands, **more))["steps"]


def problems_of(*commands: JsonValue, **more: JsonValue) -> list[Problem]:
    with pytest.raises(FlowError) as caught:
        load(*commands, **more)
    return list(caught.value.problems)


LOADED = {
    "action": "wait_for",
    "expression": "document.readyState === 'complete'",
    "title": "Wait until the page has loaded",
}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            {"action": "command", "args": ["http://127.0.0.1/"]},
            [{"action": "navigate", "url": "http://127.0.0.1/"}],
        ),
        (
            {"action": "command", "url": "http://127.0.0.1/", "wait_until": "domcontentloaded", "wait_for": "#q"},
            [
                {"action": "navigate", "url": "http://127.0.0.1/", "wait_until": "domcontentloaded"},
                {"action": "wait_for", "selector": "#q"},
            ],
        ),
        ({"action": "wait_for_navigation"}, [LOADED]),
        ({"action": "wait_for_selector", "args": ["#a"]}, [{"action": "wait_for", "selector": "#a"}]),
        (
            {"action": "wait_for_selector", "selector": "#a", "state": "hidden", "timeout": 500},
            [{"action": "wait_for", "selector": "#a", "state": "hidden", "timeout_ms": 500}],
        ),
        ({"action": "click", "args": ["#a"]}, [{"action": "click", "selector": "#a"}]),
        ({"action": "click", "args": ["#a", 800]}, [{"action": "click", "selector": "#a", "timeout_ms": 800}]),
        (
            {"action": "click", "selector": "#a", "wait_for_navigation": True},
            [{"action": "click", "selector": "#a"}, LOADED],
        ),
        ({"action": "fill_form", "args": ["#a", "tea"]}, [{"action": "fill", "selector": "#a", "text": "tea"}]),
        ({"action": "fill", "selector": "#a", "value": 5}, [{"action": "fill", "selector": "#a", "text": 5}]),
        ({"action": "input", "args": ["#a", ""]}, [{"action": "fill", "selector": "#a", "text": ""}]),
        ({"action": "keyboard_press", "args": ["Enter"]}, [{"action": "press", "key": "Enter"}]),
        ({"action": "keyboard_press", "selector": "Enter"}, [{"action": "press", "key": "Enter"}]),
        ({"action": "keyboard_press", "key": "Tab"}, [{"action": "press", "key": "Tab"}]),
        ({"action": "screenshot"}, [{"action": "screenshot"}]),
        ({"action": "screenshot", "args": ["a/b.png"]}, [{"action": "screenshot", "path": "a/b.png"}]),
        (
            {"action": "screenshot", "args": [{"prefix": "search", "full_page": True}]},
            [{"action": "screenshot", "path": "screenshots/search.png", "full_page": True}],
        ),
        (
            {"action": "upload_file", "args": ["#f", "a.pdf"]},
            [{"action": "file_upload", "selector": "#f", "files": "a.pdf"}],
        ),
        (
            {"action": "upload_file", "args": ["#f", "a.pdf", "b.pdf"]},
            [{"action": "file_upload", "selector": "#f", "files": ["a.pdf", "b.pdf"]}],
        ),
        (
            {"action": "upload_file", "selector": "#f", "path": ["a.pdf"]},
            [{"action": "file_upload", "selector": "#f", "files": ["a.pdf"]}],
        ),
        ({"action": "execute_javascript", "args": ["f()"]}, [{"action": "evaluate_js", "expression": "f()"}]),
        (
            {"action": "execute_javascript", "args": ["f()"], "target": "n"},
            [
                {"id": "script_1", "action": "evaluate_js", "expression": "f()"},
                {"action": "variable", "name": "n", "value": "${steps.script_1.result}"},
            ],
        ),
        ({"action": "delay", "args": [3000]}, [{"action": "wait_for", "ms": 3000}]),
        ({"action": "delay", "args": 3000}, [{"action": "wait_for", "ms": 3000}]),
        ({"action": "variable", "name": "rows", "value": []}, [{"action": "variable", "name": "rows", "value": []}]),
        ({"action": "append", "target": "rows", "value": 1}, [{"action": "append", "name": "rows", "value": 1}]),
        ({"action": "save_data", "args": [[1]]}, [{"action": "save_data", "file": "data.json", "data": [1]}]),
        (
            {"action": "save_data", "args": [[1], "a.csv"], "format": "csv"},
            [{"action": "save_data", "file": "a.csv", "data": [1], "format": "csv"}],
        ),
        ({"action": "close_tab"}, [{"action": "close_tab"}]),
        (
            {"action": "extract", "target": "rows", "selector": "tr", "limit": 5, "attributes": {"a": ".a", "b": ".b"}},
            [
                {
                    "id": "extract_1",
                    "action": "extract",
                    "selector": "tr",
                    "fields": {"a": ".a", "b": ".b"},
                    "limit": 5,
                },
                {"action": "variable", "name": "rows", "value": "${steps.extract_1.result}"},
            ],
        ),
        (
            {"action": "extract", "selector": "a", "attributes": {"to": {"selector": "a", "attribute": "href"}}},
            [{"action": "extract", "selector": "a", "fields": {"to": {"selector": "a", "attribute": "href"}}}],
        ),
        (
            {"action": "extract", "args": [None, "a", 3, "href"]},
            [{"action": "extract", "selector": "a", "all": True, "limit": 3, "kind": "attribute", "attribute": "href"}],
        ),
        (
            {"action": "extract_content", "args": ["h1", "p"]},
            [
                {"id": "content_1", "action": "extract", "selector": "h1", "all": True},
                {"id": "content_2", "action": "extract", "selector": "p", "all": True},
                {
                    "action": "variable",
                    "name": "content",
                    "value": {"h1": "${steps.content_1.result}", "p": "${steps.content_2.result}"},
                },
            ],
        ),
        (
            {
                "action": "extract_content",
                "selectors": [{"selector": "h1", "label": "top", "fields": ["text", "href"]}],
            },
            [
                {
                    "id": "content_1",
                    "action": "extract",
                    "selector": "h1",
                    "fields": {
                        "text": {"selector": "", "kind": "text"},
                        "href": {"selector": "", "kind": "attribute", "attribute": "href"},
                    },
                },
                {"action": "variable", "name": "content", "value": {"top": "${steps.content_1.result}"}},
            ],
        ),
        (
            {
                "action": "if",
                "condition": "true",
                "commands": [{"action": "close_tab"}],
                "else": [{"action": "screenshot"}],
            },
            [
                {
                    "action": "if",
                    "condition": "true",
                    "then": [{"action": "close_tab"}],
                    "else": [{"action": "screenshot"}],
                }
            ],
        ),
        (
            {"action": "for_each", "items": [1], "var_name": "n", "commands": [{"action": "click", "args": ["#${n}"]}]},
            [
                {
                    "action": "for_each",
                    "items": [1],
                    "as": "n",
                    "steps": [{"action": "click", "selector": "#${n}"}],
                }
            ],
        ),
    ],
)
def test_a_command_becomes_steps(command: JsonObject, expected: JsonValue) -> None:
    assert steps_of(command) == expected


def test_the_page_that_is_open_already_is_not_opened_again() -> None:
    assert steps_of({"action": "command", "args": ["current"]}, {"action": "close_tab"}) == [{"action": "close_tab"}]


def test_parameters_get_their_type_from_their_value() -> None:
    flow = load(
        {"action": "close_tab"},
        params={"s": "a", "b": True, "i": 3, "f": 1.5, "l": ["a"], "o": {"a": 1}, "n": None},
    )

    kinds = {param.name: (str(param.type), param.default) for param in flow.params}
    assert kinds == {
        "s": ("string", "a"),
        "b": ("boolean", True),
        "i": ("integer", 3),
        "f": ("number", 1.5),
        "l": ("array", ["a"]),
        "o": ("object", {"a": 1}),
        "n": ("string", None),
    }


def test_a_parameter_that_the_file_leaves_out_must_be_given() -> None:
    """Old files do so with passwords."""
    flow = load({"action": "fill", "args": ["#p", "${params.password}"]}, params={"user": "aiko"})

    with pytest.raises(FlowError) as caught:
        bind_params(flow, {})
    assert "password is required" in caught.value.message
    assert bind_params(flow, {"password": "x"}) == {"user": "aiko", "password": "x"}


def test_names_are_found_wherever_they_come_from() -> None:
    found = steps_of(
        {"action": "variable", "name": "seen", "value": []},
        {
            "action": "for_each",
            "items": "${sites}",
            "var_name": "site",
            "commands": [
                {"action": "command", "args": ["http://${site}.test/?q=${query}&p=${params.page}"]},
                {"action": "append", "target": "seen", "value": {"site": "${site}", "all": "${seen}"}},
            ],
        },
        {"action": "if", "condition": "${seen.length} > 1 and '$${x}' != ''", "commands": [{"action": "close_tab"}]},
        {"action": "save_data", "args": ["${seen}"]},
        params={"sites": ["a"], "query": "tea"},
    )

    text = json.dumps(found)
    assert '"${params.sites}"' in text
    assert "http://${site}.test/?q=${params.query}&p=${params.page}" in text
    assert '"all": "${vars.seen}"' in text
    assert "${vars.seen.length} > 1 and '$${x}' != ''" in text
    assert '"data": "${vars.seen}"' in text


async def test_an_old_file_runs_and_gives_back_its_variables() -> None:
    flow = load(
        {"action": "variable", "name": "names", "value": []},
        {
            "action": "extract",
            "target": "products",
            "selector": ".p",
            "limit": "${params.max}",
            "attributes": {"name": ".n"},
        },
        {
            "action": "for_each",
            "items": "${products}",
            "var_name": "product",
            "commands": [
                {
                    "action": "if",
                    "condition": "${product.name} matches 'tea*'",
                    "commands": [{"action": "append", "target": "names", "value": "${product.name}"}],
                }
            ],
        },
        params={"max": 2},
    )
    ran = await run_flow(flow, Script({".p": gives([{"name": "tea pot"}, {"name": "cup"}])}))

    assert ran.result.failure is None
    assert ran.result.outputs["names"] == ["tea pot"]
    [asked] = ran.asked
    assert (asked["type"], asked["limit"]) == ("extract", 2)


@pytest.mark.parametrize(
    ("command", "below", "reason", "suggestion"),
    [
        ("click", "", "a command is an object with an 'action'", ""),
        ({"args": []}, "", "a command is an object with an 'action'", ""),
        ({"action": "clik", "args": ["#a"]}, "/action", "unknown command 'clik'", "did you mean 'click'?"),
        ({"action": "go_to_url", "args": ["x"]}, "/action", "unknown command 'go_to_url'", "write 'command'"),
        ({"action": "click_element", "args": {"index": 0}}, "/action", "unknown command", "write 'click'"),
        ({"action": "click"}, "", "click needs a selector", 'in "args" as number 1, or as "selector"'),
        ({"action": "fill", "args": ["#a"]}, "", "fill needs a value", 'in "args" as number 2, or as "value"'),
        ({"action": "command"}, "", "command needs a url", ""),
        ({"action": "command", "args": [5]}, "", "command: url must be text, got 5", ""),
        ({"action": "upload_file", "args": ["#f"]}, "", "upload_file needs a path", ""),
        ({"action": "if", "commands": []}, "", "if needs a 'condition'", ""),
        ({"action": "if", "condition": "true"}, "", "if needs 'commands'", ""),
        ({"action": "for_each", "commands": []}, "", "for_each needs 'items' and 'var_name'", ""),
        ({"action": "for_each", "items": [], "var_name": "x", "commands": [5]}, "/commands/0", "a command is", ""),
        ({"action": "extract_content", "args": [{"label": "x", "fields": []}, ""]}, "", "needs a selector", ""),
        ({"action": "delay", "args": ["soon"]}, "", "ms expected a number, got 'soon'", ""),
        ({"action": "click", "args": ["#${nam}"]}, "", "${nam}: unknown name 'nam'", "did you mean 'name'?"),
        ({"action": "screenshot", "args": [{"format": "gif"}]}, "", "must be one of png, jpeg", ""),
        ({"action": "if", "condition": "a is b", "commands": []}, "", "unknown word 'a'", ""),
    ],
)
def test_a_problem_names_the_command_it_comes_from(
    command: JsonValue, below: str, reason: str, suggestion: str
) -> None:
    before = {"action": "extract_content", "args": ["h1"]}  # becomes two steps: places must still be right
    loop: JsonObject = {"action": "for_each", "items": [1], "var_name": "name", "commands": [before, command]}

    [problem] = problems_of(before, loop)

    assert problem.pointer == "/commands/1/commands/1" + below
    assert reason in problem.reason
    assert suggestion in problem.suggestion


@pytest.mark.parametrize(
    ("document", "pointer", "reason"),
    [
        ({"script_name": "a", "params": {}}, "/commands", "'commands' must be a list"),
        ({"script_name": "a", "commands": []}, "/commands", "'commands' must be a list"),
        ({"commands": [{"action": "close_tab"}], "params": [1]}, "/params", "'params' must be an object"),
        ({"commands": [{"action": "close_tab"}], "comands": 1}, "/comands", "unknown key 'comands'"),
        ([{"action": "clik"}], "/0/action", "unknown command 'clik'"),
    ],
)
def test_a_file_that_is_not_whole_is_told(document: JsonValue, pointer: str, reason: str) -> None:
    with pytest.raises(FlowError) as caught:
        load_flow_text(json.dumps(document), "old.json")

    [problem] = caught.value.problems
    assert problem.pointer == pointer
    assert reason in problem.reason


def test_a_bare_list_of_commands_is_a_flow_named_for_its_file() -> None:
    flow = load_flow_text('[{"action": "command", "args": ["http://127.0.0.1/"]}]', "folder/visit.json")

    assert (flow.name, flow.step_count) == ("visit", 1)


def test_what_steered_the_older_runner_is_left_aside() -> None:
    flow = load(
        {"action": "close_tab"},
        slowmo=1000,
        keep_tab_open=True,
        action_type="unlock-future",
        tab_selection_strategy="x",
    )

    assert flow.name == "old"


def test_commands_can_be_nested_only_so_deep() -> None:
    command: JsonObject = {"action": "close_tab"}
    for _ in range(24):
        command = {"action": "if", "condition": "true", "commands": [command]}

    assert "nested 20 levels deep at most" in problems_of(command)[0].reason
