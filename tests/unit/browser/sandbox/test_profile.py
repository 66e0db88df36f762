"""The policy of one browser: what follows from what is left out, and which policies cannot be made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.sandbox.profile import GIB, MIB, BrowserFlavor, NetworkMode, SandboxLimits, SandboxProfile
from bykilt.errors import InvalidInput


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        ({}, NetworkMode.OPEN),
        ({"allowed_hosts": ["example.com"]}, NetworkMode.RESTRICTED),
        ({"network": "open", "allowed_hosts": ["localhost:8000"]}, NetworkMode.OPEN),
        ({"network": "open", "allowed_hosts": ["*"]}, NetworkMode.OPEN),
        ({"network": "none"}, NetworkMode.NONE),
        ({"network": "host"}, NetworkMode.HOST),
        ({"enabled": False}, NetworkMode.HOST),
    ],
)
def test_the_network_follows_from_the_hosts_unless_it_is_said(settings: dict[str, Any], mode: NetworkMode) -> None:
    """Contract: named hosts mean these and no others."""
    assert SandboxProfile.of(**settings).network is mode


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"network": "none", "allowed_hosts": ["a.example"]}, "'none' reaches no host"),
        ({"network": "host", "allowed_hosts": ["a.example"]}, "'host' reaches every host"),
        ({"network": "restricted"}, "has no allowed hosts"),
        ({"network": "sometimes"}, "'sometimes' is unknown"),
        ({"allowed_hosts": ["*"]}, "every host"),
        ({"network": "restricted", "allowed_hosts": ["*"]}, "every host"),
        ({"allowed_hosts": ["https://a.example"]}, "is no host"),
        ({"allowed_hosts": ["*:443"]}, "every host"),
        ({"allowed_hosts": ["a.example", " "]}, "is empty"),
        ({"allowed_hosts": "a.example"}, "a list of hosts"),
        ({"enabled": False, "network": "none"}, "without the sandbox"),
        ({"enabled": False, "allowed_hosts": ["a.example"]}, "without the sandbox"),
        ({"filesystem": "host"}, "sandbox_filesystem_mode 'host'"),
        ({"browser": "firefox"}, "browser_flavor 'firefox'"),
        ({"browser": "headless-shell"}, "not for 'open'"),
        ({"browser": "headless-shell", "network": "host"}, "not for 'host'"),
        ({"limits": SandboxLimits(memory_bytes=512 * MIB)}, "chromium needs 1 GiB"),
    ],
)
def test_a_policy_that_contradicts_itself_cannot_be_made(settings: dict[str, Any], words: str) -> None:
    """Contract: the error names the contradiction and says what to do."""
    with pytest.raises(InvalidInput) as refused:
        SandboxProfile.of(**settings)

    assert words in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    "limits",
    [
        {"memory_bytes": 511 * MIB},
        {"memory_bytes": 2.5 * GIB},
        {"processes": 299},
        {"processes": True},
        {"cpus": 0},
        {"cpus": float("nan")},
        {"tmp_bytes": 0},
        {"shm_bytes": -1},
        {"home_bytes": None},
        {"download_bytes": 0},
    ],
)
def test_a_limit_with_which_no_browser_can_work_is_refused(limits: dict[str, Any]) -> None:
    """Contract: each limit has a range, and the error names the limit."""
    with pytest.raises(InvalidInput, match=next(iter(limits))):
        SandboxLimits(**limits)


def test_the_small_browser_needs_less_memory() -> None:
    """Contract: half a GiB is enough for it, where it may be used at all."""
    limits = SandboxLimits(memory_bytes=512 * MIB)

    profile = SandboxProfile.of("none", browser="headless-shell", limits=limits)

    assert profile.browser is BrowserFlavor.HEADLESS_SHELL


def test_a_policy_says_in_words_which_walls_are_missing() -> None:
    """Contract: the default keeps all; what is open is named."""
    assert SandboxProfile().missing_walls == ()
    assert SandboxProfile.of(enabled=False).missing_walls == ("no sandbox",)
    assert SandboxProfile.of("host", seccomp=False).missing_walls == (
        "this machine's network",
        "no system call filter",
    )


def test_a_host_is_kept_once_and_in_one_spelling() -> None:
    """Contract: what is shown, compared and enforced is the same text."""
    profile = SandboxProfile.of(allowed_hosts=["Example.COM.", "example.com:80,443", "*.example.com:*"])

    assert profile.allowed_hosts == ("example.com", "*.example.com:*")


def test_the_policy_knows_which_hosts_it_lets_through() -> None:
    """Contract: the rules that the proxy enforces come from here; without isolation there is no proxy."""
    rules = SandboxProfile.of(allowed_hosts=["a.example"]).egress_rules

    assert rules is not None
    assert rules.decide("a.example", 443).allowed
    assert not rules.decide("b.example", 443).allowed
    assert SandboxProfile.of("host").egress_rules is None


def test_a_record_holds_the_whole_policy_as_json() -> None:
    """Contract: nothing of the policy is left out of the record."""
    profile = SandboxProfile.of(allowed_hosts=["a.example", "a.example"], upload_folders=[Path("/data")])

    record = json.loads(json.dumps(profile.describe()))

    assert record["network"] == "restricted"
    assert record["allowed_hosts"] == ["a.example"]
    assert record["upload_folders"] == ["/data"]
    assert record["limits"]["memory_bytes"] == 2 * GIB
    assert set(record) == set(SandboxProfile.__dataclass_fields__)


def test_the_launch_settings_become_a_policy() -> None:
    """Contract: every sandbox setting of the launch is in the policy."""
    context = LaunchContext(
        allowed_hosts=["a.example"],
        enable_seccomp=False,
        enable_apparmor=False,
        webgl=True,
        browser_flavor="headless-shell",
        sandbox_limits=SandboxLimits(processes=400),
        upload_folders=["/data"],
    )

    assert context.sandbox_profile == SandboxProfile(
        network=NetworkMode.RESTRICTED,
        allowed_hosts=("a.example",),
        seccomp=False,
        apparmor=False,
        webgl=True,
        browser=BrowserFlavor.HEADLESS_SHELL,
        limits=SandboxLimits(processes=400),
        upload_folders=(Path("/data"),),
    )


def test_the_smaller_of_two_limits_for_downloads_counts() -> None:
    """Contract: neither the launch nor the sandbox can raise what the other has set."""
    sandbox = SandboxLimits(download_bytes=10)

    assert LaunchContext(sandbox_limits=sandbox).download_limits.max_bytes == 10
    assert LaunchContext(sandbox_limits=sandbox, download_max_bytes=5).download_limits.max_bytes == 5


def test_the_small_browser_shows_no_window() -> None:
    """Contract: what it cannot do is said before it starts."""
    context = LaunchContext(sandbox_network_mode="none", browser_flavor="headless-shell", headless=False)

    with pytest.raises(InvalidInput, match="no window"):
        context.check()
