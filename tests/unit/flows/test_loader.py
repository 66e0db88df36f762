"""Files: JSON and YAML, what is refused before a flow is even looked at, and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bykilt.documents.problems import Problem
from bykilt.documents.reading import MAX_BYTES
from bykilt.errors import ExitCode
from bykilt.flows.loader import load_flow, load_flow_text, read_document, validate
from bykilt.flows.problems import FlowError

MINIMAL = {"bykilt": 1, "name": "one", "steps": [{"action": "navigate", "url": "http://127.0.0.1/"}]}

YAML = """
# comments are welcome
bykilt: 1
name: orders
params:
  country: {default: no}     # the country, not the boolean
  zip: {default: 007}
  day: {default: 2026-03-01}
  share: {type: number, default: 1e-3}
steps:
  - action: navigate
    url: http://127.0.0.1/${params.zip}
  - action: group
    title: two things
    steps:
      - {action: click, selector: "#a"}
      - action: evaluate_js
        expression: |
          document
            .title
"""


def problems(text: str, name: str = "flow.json") -> tuple[Problem, ...]:
    with pytest.raises(FlowError) as caught:
        load_flow_text(text, name)
    return caught.value.problems


def test_the_same_flow_reads_from_json_and_yaml(tmp_path: Path) -> None:
    (tmp_path / "flow.json").write_text(json.dumps(MINIMAL))
    (tmp_path / "flow.yml").write_text("bykilt: 1\nname: one\nsteps:\n- action: navigate\n  url: http://127.0.0.1/\n")

    from_json, from_yaml = load_flow(tmp_path / "flow.json"), load_flow(tmp_path / "flow.yml")

    assert from_json.steps == from_yaml.steps
    assert from_json.folder == tmp_path
    assert from_json.source == str(tmp_path / "flow.json")


def test_yaml_says_what_json_can_say_and_nothing_else() -> None:
    flow = load_flow_text(YAML, "orders.yaml")

    defaults = {param.name: param.default for param in flow.params}
    assert defaults == {"country": "no", "zip": "007", "day": "2026-03-01", "share": 0.001}
    assert flow.step_count == 4


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ('{"a": 1,}', 1, 9, "is not JSON"),
        ('{"a": 1\n "b": 2}', 2, 2, "is not JSON: Expecting ',' delimiter"),
        ("", 1, 1, "is not JSON"),
        ("{'a': 1}", 1, 2, "is not JSON"),
    ],
)
def test_a_mistake_in_json_is_shown_by_line_and_column(text: str, line: int, column: int, reason: str) -> None:
    [problem] = problems(text)

    assert reason in problem.reason
    assert (problem.line, problem.pointer) == (line, "")
    assert problem.column is not None
    assert abs(problem.column - column) <= 1  # the position differs by one between versions of Python


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ("a: [1, 2\nb: 3", 2, 2, "expected ',' or ']'"),
        ("a: &x 1\nb: *x", 2, 6, "aliases are not allowed"),
        ("a: 1\na: 2", 2, 1, "the key 'a' is there twice"),
        ("a: 1\n2: b", 2, 1, "a key must be text, not 2"),
        ("a: !!python/object/apply:os.system [id]", 1, 4, "python/object"),
        ("a: !!timestamp 2026-01-01", 1, 4, "timestamp"),
        ("a: 1\n---\nb: 2", 2, 1, "expected a single document"),
        ("a:\n\t- b", 2, 1, "found character '\\t'"),
    ],
)
def test_a_mistake_in_yaml_is_shown_by_line_and_column(text: str, line: int, column: int, reason: str) -> None:
    [problem] = problems(text, "flow.yaml")

    assert reason in problem.reason
    assert problem.line == line
    assert problem.place.startswith(f"line {line}, column")


def test_merge_keys_are_no_magic() -> None:
    found = problems("bykilt: 1\nname: a\n<<: {b: 1}\nsteps: [{action: reload}]", "flow.yaml")

    assert [problem.reason for problem in found] == ["unknown key '<<'"]


def test_a_key_that_is_there_twice_is_shown_where_it_is() -> None:
    text = '{"bykilt": 1, "name": "a", "steps": [{"action": "fill", "text": "a", "text": "b"}, {"id": 1, "id": 1}]}'

    assert [problem.pointer for problem in problems(text)] == ["/steps/0/text", "/steps/1/id"]


@pytest.mark.parametrize("text", ["[NaN]", "[Infinity]", "[1e999]", '{"n": -1e999}', f"[{'9' * 5000}]"])
def test_numbers_that_json_does_not_have_are_refused(text: str) -> None:
    assert len(problems(text)) == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[" * 100_000, "flow.json"),
        ("[" * 5_000, "flow.yaml"),
        ('{"a":' * 70 + "1" + "}" * 70, "flow.json"),
        ("[" * 70 + "]" * 70, "flow.yaml"),
    ],
)
def test_what_is_nested_without_end_is_refused(text: str, name: str) -> None:
    assert "nested too deeply" in problems(text, name)[0].reason


def test_a_flow_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    path.write_bytes(b" " * (MAX_BYTES + 1))

    assert "is larger than 1,048,576 bytes" in validate(path)[0].reason


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("flow.txt", b"{}", "'flow.txt' is no flow file"),
        ("flow", b"{}", "'flow' is no flow file"),
        ("latin.json", "{'é'}".encode("latin-1"), "is not UTF-8: byte 2 cannot be read"),
        ("list.json", b"[1]", "a flow is an object"),
        ("null.yaml", b"", "a flow is an object"),
        ("old.json", b'{"name": "a", "steps": [{"action": "reload"}]}', "'bykilt' is missing"),
        ("new.json", b'{"bykilt": 2, "name": "a", "steps": [{"action": "reload"}]}', "unknown version 2 of the schema"),
        ("true.json", b'{"bykilt": true, "name": "a", "steps": [{"action": "reload"}]}', "expected a whole number"),
    ],
)
def test_what_is_no_flow_file_is_refused(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)

    [problem] = validate(tmp_path / name)

    assert reason in problem.reason


def test_a_file_that_is_not_there_and_a_folder_are_told(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()

    assert "No such file" in validate(tmp_path / "none.json")[0].reason
    assert "Is a directory" in validate(tmp_path / "folder.json")[0].reason


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "flow.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(MINIMAL).encode())

    assert validate(tmp_path / "flow.json") == []


def test_an_error_lists_everything_and_is_bad_input() -> None:
    with pytest.raises(FlowError) as caught:
        load_flow_text('{"bykilt": 1, "nam": "a", "steps": [{"action": "clik"}]}', "a.json")

    assert caught.value.exit_code is ExitCode.BAD_INPUT
    assert caught.value.code == "invalid_flow"
    assert caught.value.message.splitlines() == [
        "3 problems",
        "  a.json: /: 'name' is missing (add 'name')",
        "  a.json: /nam: unknown key 'nam' (did you mean 'name'?)",
        "  a.json: /steps/0/action: unknown action 'clik' (did you mean 'click'?)",
    ]


def test_a_document_of_parameters_is_read_with_the_same_care(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("q: tea\nn: 3\n")
    (tmp_path / "twice.json").write_text('{"q": 1, "q": 2}')

    assert read_document(tmp_path / "params.yaml") == {"q": "tea", "n": 3}
    with pytest.raises(FlowError):
        read_document(tmp_path / "twice.json")


KEYS = """
    bykilt name steps action selector text if then else items as value condition on_error retry params type default
    when id title timeout_ms fields records outputs commands args script_name
"""
WORDS = "click fill if for_each append save_data extract upload_file ${vars.x} command"

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS.split()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS.split()) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=25,
)


@settings(max_examples=300)
@given(anything)
def test_no_document_breaks_the_reader(document: object) -> None:
    """Whatever stands in a file, the answer is a flow or a list of problems."""
    step_like = [document] if isinstance(document, dict) else []
    for text in (json.dumps(document), json.dumps({"bykilt": 1, "name": "a", "steps": step_like})):
        try:
            load_flow_text(text, "any.json")
        except FlowError as error:
            assert error.problems  # noqa: PT017 - either end is right


@given(st.text())
def test_no_text_breaks_the_yaml_reader(text: str) -> None:
    try:
        load_flow_text(text, "any.yaml")
    except FlowError as error:
        assert error.problems  # noqa: PT017 - either end is right
