"""How errors leave the command line."""

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner, Result

from bykilt.cli.edge import RootGroup
from bykilt.errors import BykiltError, InvalidInput, MissingCapability


def invoke(error: BaseException | None, *arguments: str, value: object = None) -> Result:
    """Run a command that raises the error, or returns the value."""

    @click.group(cls=RootGroup)
    def root() -> None:
        pass

    @root.command()
    @click.option("--json", "as_json", is_flag=True)
    def work(as_json: bool) -> object:
        if error is not None:
            raise error
        return value

    return CliRunner().invoke(root, ["work", *arguments])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BykiltError("the page is gone", hint="try again"), 1),
        (InvalidInput("no such flow"), 2),
        (MissingCapability("no Chromium"), 3),
        (click.UsageError("what?"), 2),
        (click.ClickException("what?"), 2),
        (click.Abort(), 130),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_error_has_its_exit_code(error: BaseException, code: int) -> None:
    result = invoke(error)
    assert result.exit_code == code
    assert "Traceback" not in result.output


def test_message_and_hint_go_to_standard_error() -> None:
    result = invoke(BykiltError("the page is gone", hint="try again"))
    assert result.stderr == "error: the page is gone\nhint: try again\n"
    assert result.stdout == ""


def test_with_json_programs_get_the_error_as_a_document() -> None:
    result = invoke(InvalidInput("no such flow", hint="look"), "--json")
    assert json.loads(result.stdout) == {"error": {"code": "invalid_input", "message": "no such flow", "hint": "look"}}


def test_an_expected_error_inside_task_groups_is_still_expected() -> None:
    group = BaseExceptionGroup("tasks", [ExceptionGroup("inner", [InvalidInput("no such flow")])])
    result = invoke(group)
    assert result.exit_code == 2
    assert "no such flow" in result.stderr


def test_a_bug_keeps_its_traceback() -> None:
    result = invoke(ZeroDivisionError("oops"))
    assert isinstance(result.exception, ZeroDivisionError)


def test_a_group_with_a_bug_in_it_is_a_bug() -> None:
    group = ExceptionGroup("tasks", [InvalidInput("no such flow"), ZeroDivisionError("oops")])
    assert invoke(group).exception is group


def test_success_is_zero_whatever_a_command_returns() -> None:
    assert invoke(None, value="text").exit_code == 0
    assert invoke(None).exit_code == 0


def test_an_unknown_command_is_bad_input() -> None:
    @click.group(cls=RootGroup)
    def root() -> None:
        pass

    result = CliRunner().invoke(root, ["nope"])
    assert result.exit_code == 2
    assert "No such command" in result.stderr
