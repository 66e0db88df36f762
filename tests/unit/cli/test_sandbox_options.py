"""What the options about the walls become; and that taking them away is said aloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.sandbox.profile import NetworkMode
from bykilt.cli.sandbox_options import NETWORK_MODES, WallOptions
from bykilt.errors import InvalidInput


def options(**given: Any) -> WallOptions:
    """Return the options of a command line that gives only these."""
    nothing = {"sandbox": None, "sandbox_file": None, "network": None, "allow_hosts": (), "no_sandbox": False}
    return WallOptions(**{**nothing, **given})


def test_a_command_line_without_them_changes_nothing() -> None:
    """Contract: the default is the launch's own."""
    assert options().applied_to(LaunchContext()) == LaunchContext(allowed_hosts=())


def test_mode_and_hosts_reach_the_launch() -> None:
    """Contract: as they were given."""
    context = options(network="open", allow_hosts=("localhost:8000",)).applied_to(LaunchContext())

    assert context.sandbox_profile.network is NetworkMode.OPEN
    assert context.sandbox_profile.allowed_hosts == ("localhost:8000",)


def test_taking_the_sandbox_away_is_said_aloud(capsys: pytest.CaptureFixture[str]) -> None:
    """Contract: on standard error, where no script swallows it."""
    context = options(no_sandbox=True).applied_to(LaunchContext())

    assert not context.sandbox_profile.enabled
    assert "warning: no sandbox" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given",
    [{"network": "none"}, {"allow_hosts": ("a.example",)}, {"sandbox": "shop"}, {"learn_hosts": Path("new.yaml")}],
)
def test_the_sandbox_is_not_taken_away_and_asked_for(given: dict[str, Any]) -> None:
    """Contract: of two contradicting wishes none is guessed."""
    with pytest.raises(InvalidInput, match="leaves nothing"):
        options(no_sandbox=True, **given).applied_to(LaunchContext())


def test_hosts_are_learned_where_any_may_be_reached(tmp_path: Path) -> None:
    """Contract: in open mode, also over a profile; a mode that would hide some is refused."""
    new = tmp_path / "new.yaml"

    assert options(learn_hosts=new).applied_to(LaunchContext()).sandbox_network_mode == "open"
    with pytest.raises(InvalidInput, match="needs the network mode open"):
        options(learn_hosts=new, network="restricted").applied_to(LaunchContext())


def test_a_profile_that_was_looked_through_is_not_overwritten(tmp_path: Path) -> None:
    """Contract: it is refused before the run, not after."""
    there = tmp_path / "there.yaml"
    there.touch()

    with pytest.raises(InvalidInput, match="is there already"):
        options(learn_hosts=there).applied_to(LaunchContext())


def test_the_modes_are_those_that_there_are() -> None:
    """Contract: they are written out for speed, and must not fall behind."""
    assert list(NETWORK_MODES) == list(NetworkMode)
