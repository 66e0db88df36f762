"""Which screens a sandboxed browser can be shown on, and what is said of the others."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bykilt.browser.launch.errors import ChromiumNotStarted
from bykilt.browser.launch.screen import ScreenFiles, screen_files


@pytest.fixture
def sockets(tmp_path: Path) -> Iterator[Path]:
    """A folder with the sockets of an X server on display 7 and of a Wayland compositor."""
    with socket.socket(socket.AF_UNIX) as x, socket.socket(socket.AF_UNIX) as wayland:
        x.bind(str(tmp_path / "X7"))
        wayland.bind(str(tmp_path / "wayland-1"))
        yield tmp_path


@pytest.mark.parametrize("display", [":7", ":7.0", "unix:7"])
def test_a_screen_of_this_machine_goes_along_with_its_pass(sockets: Path, display: str) -> None:
    environment = {"DISPLAY": display, "XAUTHORITY": "/home/a/pass"}

    found = screen_files(environment, own_network=True, x_sockets=sockets)

    assert found == ScreenFiles((sockets / "X7",), (Path("/home/a/pass"),))


def test_a_wayland_screen_is_one_too_also_where_the_x_server_is_out_of_reach(sockets: Path) -> None:
    environment = {"WAYLAND_DISPLAY": "wayland-1", "XDG_RUNTIME_DIR": str(sockets), "DISPLAY": ":9"}

    assert screen_files(environment, own_network=True, x_sockets=sockets).sockets == (sockets / "wayland-1",)


@pytest.mark.parametrize(("display", "why"), [("localhost:10.0", "by the network"), (":9", "no socket .*X9")])
def test_a_screen_that_the_sandbox_keeps_out_is_refused(sockets: Path, display: str, why: str) -> None:
    """Contract: before the start, and with what to do."""
    with pytest.raises(ChromiumNotStarted, match=why) as caught:
        screen_files({"DISPLAY": display}, own_network=True, x_sockets=sockets)
    assert "xvfb-run" in (caught.value.hint or "")


def test_with_this_machines_network_every_screen_may_be_reached(sockets: Path) -> None:
    assert screen_files({"DISPLAY": "localhost:10.0"}, own_network=False, x_sockets=sockets) == ScreenFiles()


def test_a_browser_without_a_window_gets_nothing_of_a_screen(sockets: Path) -> None:
    assert screen_files({}, own_network=True, x_sockets=sockets) == ScreenFiles()
