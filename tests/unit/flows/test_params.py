"""Parameters: what is given on the command line or in a file, and what the flow gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from bykilt.flows.loader import load_flow
from bykilt.flows.model import Flow
from bykilt.flows.params import bind_params
from bykilt.flows.problems import FlowError
from bykilt.json_types import JsonObject, JsonValue
from tests.unit.flows.scripted import flow_of


def flow_with(**params: JsonValue) -> Flow:
    return flow_of({"action": "reload"}, params=params)


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("string", "5", "5"),
        ("string", "", ""),
        ("number", "2.5", 2.5),
        ("number", " 3 ", 3),
        ("number", 1e3, 1000.0),
        ("integer", "-3", -3),
        ("integer", 7, 7),
        ("boolean", "true", True),
        ("boolean", "YES", True),
        ("boolean", "off", False),
        ("boolean", "0", False),
        ("boolean", False, False),
        ("array", '["a", 1]', ["a", 1]),
        ("array", ["a"], ["a"]),
        ("object", '{"a": [1]}', {"a": [1]}),
        ("object", {"a": 1}, {"a": 1}),
    ],
)
def test_a_value_becomes_what_was_declared(kind: str, given: JsonValue, expected: JsonValue) -> None:
    bound = bind_params(flow_with(p={"type": kind}), {"p": given})["p"]

    assert bound == expected
    assert type(bound) is type(expected)


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("string", 5, "p: expected text, got 5"),
        ("number", "many", "p: expected a number, got 'many'"),
        ("number", "nan", "p: expected a number"),
        ("number", True, "p: expected a number"),
        ("integer", "2.5", "p: expected a whole number"),
        ("boolean", "maybe", "p: expected true or false, got 'maybe'"),
        ("boolean", 1, "p: expected true or false"),
        ("array", "a,b", 'p: expected a list in JSON, such as ["a", "b"], got'),
        ("array", '{"a": 1}', "p: expected a list in JSON"),
        ("object", "[1]", "p: expected an object in JSON"),
        ("object", "[" * 100_000, "p: expected an object in JSON"),
        ("file", "", "p: expected the path of a file"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kind: str, given: JsonValue, expected: str) -> None:
    with pytest.raises(FlowError) as caught:
        bind_params(flow_with(p={"type": kind}), {"p": given})

    [problem] = caught.value.problems
    assert expected in problem.reason
    assert problem.pointer == "/params/p"


def test_defaults_stand_in_and_the_rest_is_null() -> None:
    flow = flow_with(a={"default": "x"}, b={"type": "integer", "default": 0}, c={})

    assert bind_params(flow, {}) == {"a": "x", "b": 0, "c": None}
    assert bind_params(flow, {"a": None})["a"] == "x"


def test_everything_wrong_is_told_at_once_with_what_was_meant() -> None:
    flow = flow_with(
        query={"required": True, "description": "what to look for"},
        status={"choices": ["new", "shipped"]},
        count={"type": "integer"},
    )

    with pytest.raises(FlowError) as caught:
        bind_params(flow, {"qury": "tea", "status": "shiped", "count": "x"})

    reasons = {problem.reason: problem.suggestion for problem in caught.value.problems}
    assert reasons["the flow has no parameter 'qury'"] == "did you mean 'query'?"
    assert reasons["query is required (what to look for)"] == "give it with -p query=…"
    assert reasons['status must be one of "new", "shipped"; got \'shiped\''] == "did you mean 'shipped'?"
    assert len(reasons) == 4
    assert caught.value.hint == "the flow's parameters: query (string, required), status (string), count (integer)"


def test_the_path_of_a_file_is_made_absolute_and_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "given.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    flow = flow_with(f={"type": "file", "required": True})

    assert bind_params(flow, {"f": "given.txt"}) == {"f": str(tmp_path / "given.txt")}
    with pytest.raises(FlowError) as caught:
        bind_params(flow, {"f": "gone.txt"})
    assert caught.value.problems[0].reason == f"f: there is no file {tmp_path / 'gone.txt'}"


def test_the_default_of_a_file_is_looked_for_beside_the_flow(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(
        "bykilt: 1\nname: a\nparams: {f: {type: file, default: note.txt}}\nsteps: [{action: reload}]\n"
    )
    (tmp_path / "note.txt").write_text("x")

    assert bind_params(load_flow(tmp_path / "flow.yaml"), {}) == {"f": str(tmp_path / "note.txt")}


@pytest.mark.parametrize("given", [{"p": 3}, {"p": "3"}])
def test_choices_hold_after_the_value_has_its_type(given: JsonObject) -> None:
    flow = flow_with(p={"type": "integer", "choices": [1, 3]})

    assert bind_params(flow, given) == {"p": 3}
