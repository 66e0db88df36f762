"""What is wrong with a flow, told with its place and with what may have been meant."""

from __future__ import annotations

import json

import pytest

from bykilt.documents.problems import pointer_to
from bykilt.flows.loader import load_flow_text
from bykilt.flows.problems import FlowError
from bykilt.json_types import JsonObject, JsonValue
from tests.unit.flows.scripted import flow_of

CLICK: JsonObject = {"action": "click", "selector": "#a"}


def problems_of(*steps: JsonValue, **more: JsonValue) -> list[tuple[str, str, str]]:
    document = {"bykilt": 1, "name": "a", "steps": list(steps), **more}
    with pytest.raises(FlowError) as caught:
        load_flow_text(json.dumps(document), "a.json")
    return [(problem.pointer, problem.reason, problem.suggestion) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("step", "pointer"),
    [
        ({"action": "navigate", "url": "${secrets.key}"}, "/steps/0/url"),
        ({"action": "fill", "selector": "${secrets.key}", "text": "a"}, "/steps/0/selector"),
        ({"action": "set_cookie", "name": "a", "value": "${secrets.key}"}, "/steps/0/value"),
        ({"action": "evaluate_js", "expression": "1", "arg": {"a": "${secrets.key}"}}, "/steps/0/arg/a"),
        ({"action": "variable", "name": "a", "value": "${secrets.key}"}, "/steps/0/value"),
        ({"action": "save_data", "file": "a.json", "data": "${secrets.key}"}, "/steps/0/data"),
        ({"action": "fail", "message": "${secrets.key}"}, "/steps/0/message"),
        ({**CLICK, "title": "${secrets.key}"}, "/steps/0/title"),
        ({**CLICK, "when": "${secrets.key} == 'a'"}, "/steps/0/when"),
        ({"action": "for_each", "items": "${secrets.key}", "as": "a", "steps": [CLICK]}, "/steps/0/items"),
    ],
)
def test_a_secret_goes_nowhere_but_into_a_field(step: JsonObject, pointer: str) -> None:
    [(found, reason, _)] = problems_of(step)
    assert found == pointer
    assert "a secret can only be the whole text" in reason


def test_an_output_is_no_place_for_a_secret() -> None:
    [(pointer, reason, _)] = problems_of(CLICK, outputs={"a": "${secrets.key}"})
    assert pointer == "/outputs/a"
    assert "a secret can only be" in reason


@pytest.mark.parametrize(
    ("more", "pointer", "reason", "suggestion"),
    [
        ({"engine": "cpd"}, "/engine", "must be 'cdp' or 'playwright', got 'cpd'", "did you mean 'cdp'?"),
        ({"timeout_ms": "5"}, "/timeout_ms", "expected a number, got '5'", ""),
        ({"timeout_ms": 0}, "/timeout_ms", "must be more than 0, got 0", ""),
        ({"descripton": "x"}, "/descripton", "unknown key 'descripton'", "did you mean 'description'?"),
        ({"browser": {"viewport": {"width": 800}}}, "/browser/viewport", "'height' is missing", "add 'height'"),
        ({"browser": {"view": 1}}, "/browser/view", "unknown key 'view'", "did you mean 'viewport'?"),
        ({"sandbox": 5}, "/sandbox", "expected text or an object, got 5", ""),
        ({"sandbox": {"networkk": "none"}}, "/sandbox/networkk", "unknown key 'networkk'", "did you mean 'network'?"),
        ({"sandbox": {"network": "host"}}, "/sandbox/network", "must be 'none', 'restricted' or 'open'", ""),
        ({"sandbox": {"enabled": False}}, "/sandbox/enabled", "unknown key 'enabled'", "the keys: network"),
        (
            {"defaults": {"timout_ms": 1}},
            "/defaults/timout_ms",
            "unknown key 'timout_ms'",
            "did you mean 'timeout_ms'?",
        ),
        (
            {"params": {"q": {"type": "strng"}}},
            "/params/q/type",
            "must be 'string', 'number'",
            "did you mean 'string'?",
        ),
        (
            {"params": {"q": {"requird": True}}},
            "/params/q/requird",
            "unknown key 'requird'",
            "did you mean 'required'?",
        ),
        ({"params": {"1q": {}}}, "/params/1q", "must begin with a letter or _", ""),
        ({"params": {"q": 5}}, "/params/q", "expected an object, got 5", ""),
        (
            {"params": {"q": {"type": "integer", "default": "x"}}},
            "/params/q/default",
            "expected a whole number, got 'x'",
            "",
        ),
        (
            {"params": {"q": {"choices": ["a", 1]}}},
            "/params/q/choices/1",
            "expected text, got 1",
            "",
        ),
        (
            {"params": {"q": {"choices": ["a"], "default": "b"}}},
            "/params/q/default",
            "the default is none of the choices",
            "",
        ),
        (
            {"params": {"q": {"required": True, "default": "b"}}},
            "/params/q/default",
            "a required parameter never uses its default",
            "leave one of them out",
        ),
        ({"outputs": {"n": "${vars.x}"}}, "/outputs/n", "${vars.x}: there is no variable 'x'", ""),
        ({"outputs": {"n": {"a/b": "${"}}}, "/outputs/n/a~1b", "expected a name, found the end", ""),
    ],
)
def test_the_top_of_a_flow(more: JsonObject, pointer: str, reason: str, suggestion: str) -> None:
    [(found_pointer, found_reason, found_suggestion)] = problems_of(CLICK, **more)

    assert found_pointer == pointer
    assert reason in found_reason
    assert suggestion in found_suggestion


@pytest.mark.parametrize(
    ("step", "below", "reason", "suggestion"),
    [
        (5, "", "a step is an object, got 5", ""),
        ({"selector": "#a"}, "", "a step needs 'action'", ""),
        ({"action": 1}, "", "'action' must be text, got 1", ""),
        ({"type": "click"}, "", "a step needs 'action'", 'write "action": "click" instead of "type"'),
        ({"if": "true", "then": []}, "", "a step needs 'action'", 'write "action": "if"'),
        ({"action": "clik"}, "/action", "unknown action 'clik'", "did you mean 'click'?"),
        ({"action": "foreach"}, "/action", "unknown action 'foreach'", "did you mean 'for_each'?"),
        ({"action": "click"}, "", "click needs 'selector'", "add 'selector'"),
        ({**CLICK, "selectr": "#b"}, "/selectr", "click has no field 'selectr'", "did you mean 'selector'?"),
        ({**CLICK, "titel": "x"}, "/titel", "click has no field 'titel'", "did you mean 'title'?"),
        ({**CLICK, "button": "lft"}, "/button", "must be one of left, middle, right", ""),
        ({**CLICK, "selector": []}, "/selector", "expected a text or a list of texts", ""),
        ({**CLICK, "id": "1a"}, "/id", "must begin with a letter or _", ""),
        ({**CLICK, "retry": "3"}, "/retry", "expected a whole number or an object, got '3'", ""),
        ({**CLICK, "retry": 0}, "/retry", "must be 1 or more, got 0", ""),
        ({**CLICK, "retry": {"attempts": 2, "delay": 1}}, "/retry/delay", "unknown key", "did you mean 'delay_ms'?"),
        ({**CLICK, "on_error": "ignore"}, "/on_error", "expected 'stop' or 'continue' or a list, got 'ignore'", ""),
        ({**CLICK, "on_error": [{"action": "clik"}]}, "/on_error/0/action", "unknown action", "did you mean 'click'?"),
        ({**CLICK, "when": "a = 1"}, "/when", "unknown word 'a' (at character 1)", "${a} for the value"),
        ({**CLICK, "when": 1}, "/when", "expected text or true or false, got 1", ""),
        ({**CLICK, "timeout_ms": -1}, "/timeout_ms", "must be more than 0, got -1", ""),
        ({"action": "wait_for", "ms": 1, "text": "a"}, "/ms", "wait_for needs exactly one of", ""),
        ({"action": "wait_for"}, "", "wait_for needs exactly one of", ""),
        ({"action": "extract", "selector": "a", "fields": {"x": 5}}, "/fields", "field 'x'", ""),
        ({"action": "fill", "selector": "#a", "text": "${x"}, "/text", "never closed", "write '$${'"),
        ({"action": "evaluate_js", "expression": "`${n + 1}`"}, "/expression", "unexpected '+'", "write '$${'"),
        ({"action": "for_each", "steps": []}, "", "'items' is missing", "add 'items'"),
        ({"action": "for_each", "items": "rows", "steps": []}, "/items", "expected a list, got 'rows'", "${…}"),
        ({"action": "for_each", "items": [], "steps": [], "as": "a b"}, "/as", "must begin with a letter", ""),
        ({"action": "for_each", "items": [], "steps": [], "as": "params"}, "/as", "has a meaning of its own", ""),
        ({"action": "while", "condition": "true", "steps": {}}, "/steps", "expected a list, got {}", ""),
        ({"action": "if", "condition": "", "then": []}, "/condition", "expected a value", ""),
        ({"action": "if", "condition": "true", "then": [5]}, "/then/0", "a step is an object", ""),
        ({"action": "if", "condition": "true", "then": [], "else": [5]}, "/else/0", "a step is an object", ""),
        ({"action": "append", "name": "x"}, "", "append needs exactly one of 'value' and 'items'", ""),
        ({"action": "append", "name": "x", "value": 1, "items": []}, "", "needs exactly one of", ""),
        ({"action": "save_data", "file": "a", "data": 1, "format": "xml"}, "/format", "must be 'json' or 'csv'", ""),
        ({"action": "save_data", "file": "", "data": 1}, "/file", "must not be empty", ""),
        ({"action": "group", "steps": [], "colour": 1}, "/colour", "unknown key 'colour'", "the keys: id"),
    ],
)
def test_one_step(step: JsonValue, below: str, reason: str, suggestion: str) -> None:
    [(found_pointer, found_reason, found_suggestion)] = problems_of(CLICK, step)

    assert found_pointer == "/steps/1" + below
    assert reason in found_reason
    assert suggestion in found_suggestion


@pytest.mark.parametrize(
    ("text", "reason", "suggestion"),
    [
        ("${params.qury}", "there is no parameter 'qury'", "did you mean 'query'?"),
        ("${query}", "unknown name 'query'", "did you mean ${params.query}?"),
        ("${total}", "unknown name 'total'", "did you mean ${vars.total}?"),
        ("${login}", "unknown name 'login'", "did you mean ${steps.login.result}?"),
        ("${parms.query}", "unknown name 'parms'", "did you mean 'params'?"),
        ("${steps.logn.result}", "there is no step with the id 'logn'", "did you mean 'login'?"),
        ("${steps.login}", "a step alone is no value", "${steps.login.result}"),
        ("${steps.login.reslt}", "a step has no 'reslt'", "did you mean 'result'?"),
        ("${vars.totl}", "there is no variable 'totl'", "did you mean 'total'?"),
        ("${params}", "'params' alone is no value", ""),
        ("${run.name}", "there is no value 'name'", "run has: id, date, time, flow"),
        ("${row}", "unknown name 'row'", ""),
        ("${env.HOME}", "flows cannot read environment variables", "declare a parameter"),
        ("PIN ${secrets.key}", "a secret can only be the whole text of a fill or type step", "what is to be typed"),
        ("${secrets.key.first}", "a secret can only be the whole text of a fill or type step", ""),
        ("${secrets}", "a secret can only be the whole text of a fill or type step", ""),
        ("${error.code}", "there is an error only inside the steps of 'on_error'", ""),
    ],
)
def test_names_that_can_never_be(text: str, reason: str, suggestion: str) -> None:
    found = problems_of(
        {"id": "login", "action": "fill", "selector": "#a", "text": text},
        {"action": "variable", "name": "total", "value": 1},
        {"action": "for_each", "items": [1], "as": "row", "steps": [CLICK]},
        params={"query": {}},
    )

    [(pointer, found_reason, found_suggestion)] = found
    assert pointer == "/steps/0/text"
    assert reason in found_reason
    assert suggestion in found_suggestion


def test_names_are_looked_for_wherever_a_value_may_stand() -> None:
    bad = "${vars.x}"
    found = problems_of(
        {**CLICK, "title": bad, "when": f"{bad} == 1", "selector": ["#a", bad]},
        {"action": "if", "condition": f"'{bad}' == 'a'", "then": [{"action": "fail", "message": bad}]},
        {"action": "for_each", "items": bad, "steps": [{"action": "group", "steps": [{**CLICK, "selector": bad}]}]},
        {"action": "save_data", "file": bad, "data": [{"a": bad}]},
        {**CLICK, "on_error": [{"action": "append", "name": "y", "items": bad}]},
    )

    assert {pointer for pointer, _, _ in found} == {
        "/steps/0/title",
        "/steps/0/when",
        "/steps/0/selector/1",
        "/steps/1/condition",
        "/steps/1/then/0/message",
        "/steps/2/items",
        "/steps/2/steps/0/steps/0/selector",
        "/steps/3/file",
        "/steps/3/data/0/a",
        "/steps/4/on_error/0/items",
    }


def test_two_steps_cannot_have_one_id() -> None:
    inner: JsonObject = {"action": "group", "steps": [{**CLICK, "id": "a"}]}

    [(pointer, reason, _)] = problems_of({**CLICK, "id": "a"}, inner)

    assert pointer == "/steps/1/steps/0/id"
    assert reason == "the id 'a' is taken by /steps/0"


def test_a_loop_inside_a_loop_needs_a_name_of_its_own() -> None:
    inner: JsonObject = {"action": "for_each", "items": [1], "steps": [CLICK]}

    [(pointer, reason, suggestion)] = problems_of({"action": "for_each", "items": [1], "steps": [inner]})

    assert pointer == "/steps/0/steps/0/as"
    assert reason == "'item' is the name of a loop around this one"
    assert suggestion == "give one of them another name"


def test_the_names_of_a_loop_are_known_where_they_have_a_value() -> None:
    while_step: JsonObject = {"action": "while", "condition": "${i} < 3", "index_as": "i", "steps": [CLICK]}

    assert flow_of(while_step).step_count == 2
    found = problems_of(
        {**while_step, "when": "${i} < 3"},
        {"action": "for_each", "items": "${row}", "as": "row", "steps": [CLICK]},
    )
    assert [pointer for pointer, _, _ in found] == ["/steps/0/when", "/steps/1/items"]


def test_an_error_has_a_name_inside_on_error_only() -> None:
    ask: JsonObject = {"action": "fail", "message": "${error.code}: ${error.message} in ${error.step}"}

    assert flow_of({**CLICK, "on_error": [ask]}).step_count == 2
    [(pointer, _, _), *_] = problems_of({**CLICK, "on_error": [CLICK]}, ask)
    assert pointer == "/steps/1/message"


def test_every_problem_is_told_at_once() -> None:
    found = problems_of({"action": "clik"}, {**CLICK, "selectr": 1}, 5, engine="x", nam=1)

    assert len(found) == 5


def test_steps_can_be_nested_only_so_deep() -> None:
    step: JsonObject = CLICK
    for _ in range(24):
        step = {"action": "group", "steps": [step]}

    assert any("nested 20 levels deep" in reason for _, reason, _ in problems_of(step))


def test_a_flow_has_only_so_many_steps() -> None:
    inner: JsonObject = {"action": "group", "steps": [CLICK] * 3000}

    assert any("5,000 steps at most" in reason for _, reason, _ in problems_of(inner, inner))


def test_a_field_with_a_value_of_the_run_is_left_to_the_run() -> None:
    flow = flow_of(
        {"action": "click", "selector": "${params.where}", "click_count": "${params.count}"},
        params={"where": {}, "count": {"type": "integer"}},
    )

    assert flow.step_count == 1


def test_pointers_follow_the_standard() -> None:
    assert pointer_to("/a", "b/c", "d~e", 0) == "/a/b~1c/d~0e/0"
