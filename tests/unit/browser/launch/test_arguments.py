"""The command line as a function of the settings; no browser is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from bykilt.browser.launch.arguments import ALWAYS, HEADLESS, chromium_arguments, extra_arguments, weakens_sandbox
from bykilt.browser.launch.settings import ChromiumSettings
from bykilt.errors import InvalidInput

PROFILE = Path("/tmp/profile")


def arguments(settings: ChromiumSettings, *, small_shm: bool = False) -> list[str]:
    return chromium_arguments(settings, PROFILE, small_shm=small_shm)


def test_the_sandbox_stays_on_and_the_protocol_goes_over_a_pipe() -> None:
    made = arguments(ChromiumSettings())

    assert not any(weakens_sandbox(argument) for argument in made)
    assert "--remote-debugging-pipe" in made
    assert not any(argument.startswith("--remote-debugging-port") for argument in made)
    assert f"--user-data-dir={PROFILE}" in made


def test_every_flag_has_a_reason_and_stands_once() -> None:
    flags = (*ALWAYS, *HEADLESS)

    assert all(flag.reason for flag in flags)
    assert len({flag.text for flag in flags}) == len(flags)


def test_the_window_is_as_large_as_the_viewport() -> None:
    assert "--window-size=800,600" in arguments(ChromiumSettings(width=800, height=600))


def test_a_headed_browser_gets_no_flag_of_the_headless_one() -> None:
    made = arguments(ChromiumSettings(headless=False))

    assert not {flag.text for flag in HEADLESS} & set(made)


def test_shared_memory_is_left_alone_only_where_it_is_small() -> None:
    assert "--disable-dev-shm-usage" in arguments(ChromiumSettings(), small_shm=True)
    assert "--disable-dev-shm-usage" not in arguments(ChromiumSettings(), small_shm=False)


def test_features_of_the_caller_join_ours_since_chromium_heeds_one_list_only() -> None:
    made = arguments(ChromiumSettings(extra_args=("--disable-features=Mine", "--enable-features=A,B", "--x=1")))

    disabled = [argument for argument in made if argument.startswith("--disable-features=")]
    assert len(disabled) == 1
    assert disabled[0].endswith(",Mine")
    assert "Translate" in disabled[0]
    assert "--enable-features=A,B" in made
    assert "--x=1" in made


def test_what_is_added_to_a_foreign_command_line_keeps_our_features_too() -> None:
    made = extra_arguments(ChromiumSettings(extra_args=("--disable-features=Mine", "--x=1"), width=640, height=480))

    assert made[:2] == ["--window-size=640,480", "--x=1"]
    assert made[2].endswith(",Mine")
    assert "Translate" in made[2]
    assert not any("features" in argument for argument in extra_arguments(ChromiumSettings()))


def test_loopback_goes_through_the_proxy_only_when_asked() -> None:
    plain = arguments(ChromiumSettings(proxy="127.0.0.1:3128"))
    all_through = arguments(ChromiumSettings(proxy="socks5://127.0.0.1:1080", proxy_loopback=True))

    assert "--proxy-server=http://127.0.0.1:3128" in plain
    assert not any(argument.startswith("--proxy-bypass-list") for argument in plain)
    assert "--proxy-server=socks5://127.0.0.1:1080" in all_through
    assert "--proxy-bypass-list=<-loopback>" in all_through


@pytest.mark.parametrize("proxy", ["http://", "ftp://x:1", "http://x:99999", "http://x:1;y", "http://me:secret@x:1"])
def test_a_proxy_that_chromium_would_not_understand_is_refused(proxy: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        arguments(ChromiumSettings(proxy=proxy))

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "argument",
    [
        "--" + "no-sandbox",
        "--disable-setuid-sandbox",
        "--disable-namespace-sandbox",
        "--disable-seccomp-filter-sandbox=1",
        "--single-process",
        "--remote-debugging-port=9222",
        "--remote-debugging-address=0.0.0.0",
        "--user-data-dir=/home/me",
        "--renderer-cmd-prefix=/bin/sh",
        "https://example.com",
        "-x",
    ],
)
def test_what_would_weaken_the_sandbox_or_take_over_is_refused(argument: str) -> None:
    with pytest.raises(InvalidInput, match="extra_args"):
        arguments(ChromiumSettings(extra_args=(argument,)))
