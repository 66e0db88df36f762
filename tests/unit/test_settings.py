"""The environment, read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bykilt.settings import InvalidSetting, Settings


def test_without_variables_there_are_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert Settings.from_environment({}) == Settings(
        home=tmp_path / ".2bykilt", engine=None, max_runs=2, run_timeout_s=1800.0
    )


def test_variables_are_read(tmp_path: Path) -> None:
    given = {
        "BYKILT_HOME": str(tmp_path / "h"),
        "RUNNER_ENGINE": " playwright ",
        "BYKILT_MAX_RUNS": "5",
        "BYKILT_RUN_TIMEOUT_S": "2.5",
    }

    assert Settings.from_environment(given) == Settings(
        home=tmp_path / "h", engine="playwright", max_runs=5, run_timeout_s=2.5
    )


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BYKILT_HOME", str(tmp_path))

    assert Settings.from_environment().home == tmp_path


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    given = {"BYKILT_HOME": "", "RUNNER_ENGINE": " ", "BYKILT_MAX_RUNS": "", "BYKILT_RUN_TIMEOUT_S": ""}

    assert Settings.from_environment(given) == Settings.from_environment({})


def test_a_relative_home_becomes_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert Settings.from_environment({"BYKILT_HOME": "here"}).home == tmp_path / "here"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BYKILT_MAX_RUNS", "0"),
        ("BYKILT_MAX_RUNS", "65"),
        ("BYKILT_MAX_RUNS", "2.5"),
        ("BYKILT_MAX_RUNS", "many"),
        ("BYKILT_RUN_TIMEOUT_S", "0"),
        ("BYKILT_RUN_TIMEOUT_S", "nan"),
        ("BYKILT_RUN_TIMEOUT_S", "inf"),
        ("BYKILT_RUN_TIMEOUT_S", "1h"),
        ("BYKILT_HOME", "a\0b"),
        ("BYKILT_HOME", "~no-such-user-here/x"),
    ],
)
def test_an_impossible_value_is_an_error_that_names_the_variable(variable: str, value: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        Settings.from_environment({variable: value})

    assert refused.value.variable == variable
    assert variable in refused.value.message
    assert variable in refused.value.hint
    assert refused.value.exit_code == 2


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InvalidSetting, match="BYKILT_HOME"):
        Settings.from_environment({"BYKILT_HOME": str(tmp_path / "file")})
