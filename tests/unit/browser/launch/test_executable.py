"""Finding Chromium among files that are made for the test; none is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from bykilt.browser.launch.errors import ChromiumNotFound
from bykilt.browser.launch.executable import find_chromium
from bykilt.browser.sandbox.profile import BrowserFlavor


def program(path: Path, mode: int = 0o755, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_chrome_path_comes_first(tmp_path: Path) -> None:
    chosen = program(tmp_path / "mine" / "chrome")
    program(tmp_path / "bin" / "google-chrome")

    assert find_chromium(environ={"CHROME_PATH": str(chosen), "PATH": str(tmp_path / "bin")}) == chosen


@pytest.mark.parametrize("kind", ["absent", "folder", "not executable"])
def test_a_chrome_path_that_cannot_be_used_is_an_error_and_not_passed_over(tmp_path: Path, kind: str) -> None:
    chosen = tmp_path / "chrome"
    if kind == "folder":
        chosen.mkdir()
    elif kind == "not executable":
        program(chosen, mode=0o644)
    program(tmp_path / "bin" / "google-chrome")

    with pytest.raises(ChromiumNotFound) as caught:
        find_chromium(environ={"CHROME_PATH": str(chosen), "PATH": str(tmp_path / "bin")})

    assert str(chosen) in caught.value.message
    assert "CHROME_PATH" in caught.value.hint


def test_names_on_the_path_are_tried_in_order(tmp_path: Path) -> None:
    program(tmp_path / "chromium")
    wanted = program(tmp_path / "google-chrome-stable")

    assert find_chromium(environ={"PATH": str(tmp_path)}) == wanted


def test_a_file_that_is_not_executable_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "google-chrome", mode=0o644)
    wanted = program(tmp_path / "chromium")

    assert find_chromium(environ={"PATH": str(tmp_path)}) == wanted


def test_the_advice_that_stands_in_for_a_snap_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "google-chrome", text="#!/bin/sh\necho install /snap/bin/chromium\n")
    wanted = program(tmp_path / "chromium-browser")

    assert find_chromium(environ={"PATH": str(tmp_path)}) == wanted


def test_the_launcher_of_the_distribution_gives_way_to_the_program_behind_it() -> None:
    launcher, behind = Path("/usr/bin/chromium"), Path("/usr/lib/chromium/chromium")
    found = find_chromium(environ={"PATH": "/usr/bin"})

    assert found == behind or not (launcher.exists() and behind.exists())


def test_each_flavor_is_found_by_its_own_names(tmp_path: Path) -> None:
    program(tmp_path / "chromium")
    shell = program(tmp_path / "chromium-headless-shell")
    chosen = program(tmp_path / "mine" / "shell")
    environ = {"PATH": str(tmp_path), "CHROME_PATH": str(tmp_path / "chromium")}

    assert find_chromium(environ=environ, flavor=BrowserFlavor.HEADLESS_SHELL) == shell
    environ["HEADLESS_SHELL_PATH"] = str(chosen)
    assert find_chromium(environ=environ, flavor=BrowserFlavor.HEADLESS_SHELL) == chosen
    assert find_chromium(environ=environ) == tmp_path / "chromium"
