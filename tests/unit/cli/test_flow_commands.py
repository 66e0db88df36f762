"""`bykilt flow` on files of every kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bykilt.cli.main import main
from bykilt.practice import DEMO_FLOW


def ask(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.json"
    path.write_text('{"bykilt": 1, "name": "x", "steps": [{"action": "clik"}]}', encoding="utf-8")
    return path


def test_a_good_flow_is_said_to_be_good() -> None:
    result = ask("flow", "validate", DEMO_FLOW)
    assert (result.exit_code, result.stdout) == (0, f"{DEMO_FLOW}: ok\n")


def test_a_broken_flow_comes_with_place_reason_and_suggestion(broken: Path) -> None:
    result = ask("flow", "validate", DEMO_FLOW, broken)
    assert result.exit_code == 2
    assert result.stderr == (f"error: {broken}: /steps/0/action: unknown action 'clik' (did you mean 'click'?)\n")


def test_problems_are_there_for_programs_too(broken: Path, tmp_path: Path) -> None:
    result = ask("flow", "validate", broken, tmp_path / "missing.json", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 2
    assert not document["valid"]
    assert document["files"][0]["problems"][0]["pointer"] == "/steps/0/action"
    assert not document["files"][1]["valid"]


def test_the_schema_is_a_json_schema() -> None:
    assert json.loads(ask("flow", "schema").stdout)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_flow_is_shown_with_its_parameters_and_steps() -> None:
    text = ask("flow", "show", DEMO_FLOW).stdout
    assert "base_url  string  required" in text
    assert '    fill  role=textbox[name="User name"]' in text
    assert f" run {DEMO_FLOW} -p base_url=…" in text


def test_a_flow_is_shown_with_what_it_asks_models_and_where_that_leads(tmp_path: Path) -> None:
    flow = tmp_path / "asks.json"
    steps = [
        {"action": "extract_ai", "fields": {"price": "the price", "name": "the name"}},
        {"action": "choose", "question": "Good?", "options": ["yes"], "cases": {"yes": [{"action": "reload"}]}},
    ]
    flow.write_text(json.dumps({"bykilt": 1, "name": "asks", "steps": steps}), encoding="utf-8")
    text = ask("flow", "show", flow).stdout
    assert "  extract_ai  price, name\n  choose  Good?\n    reload\n" in text


def test_a_flow_is_summed_up_for_programs() -> None:
    document = json.loads(ask("flow", "show", DEMO_FLOW, "--json").stdout)
    assert document["name"] == "practice-back-office"
    assert document["params"][0]["required"] is True


def test_an_older_file_is_converted_into_one_that_is_valid(tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    commands = [{"action": "command", "args": ["http://127.0.0.1/"]}, {"action": "click", "args": ["#go"]}]
    old.write_text(json.dumps({"script_name": "old", "params": {}, "commands": commands}), encoding="utf-8")
    result = ask("flow", "convert", old, "-o", new)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{new}\n"
    assert ask("flow", "validate", new).exit_code == 0
    assert [step["action"] for step in json.loads(new.read_text(encoding="utf-8"))["steps"]] == ["navigate", "click"]


def test_a_converted_flow_goes_to_standard_output() -> None:
    assert json.loads(ask("flow", "convert", DEMO_FLOW).stdout)["bykilt"] == 1


@pytest.mark.parametrize("command", ["show", "convert"])
def test_a_broken_flow_is_bad_input_everywhere(command: str, broken: Path) -> None:
    result = ask("flow", command, broken)
    assert result.exit_code == 2
    assert "did you mean 'click'?" in result.stderr
