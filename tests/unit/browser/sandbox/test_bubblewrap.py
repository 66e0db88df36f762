"""The options of the sandbox: what is in it, and above all what is not."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bykilt.browser.sandbox.bubblewrap import SyntheticFiles, View, bubblewrap_options
from bykilt.browser.sandbox.chromium_policy import policy_document

ROOT = Path("/tmp/bykilt-session-1-2-3-own-x")
VIEW = View(
    executable=Path("/usr/lib/chromium/chromium"),
    environment={"HOME": str(ROOT / "home"), "LANG": "C.UTF-8"},
    home=ROOT / "home",
    profile=ROOT / "profile",
    keeps_profile=False,
    uploads=ROOT / "uploads",
    downloads=ROOT / "downloads",
    synthetic=SyntheticFiles({"/etc/passwd": ROOT / "sandbox" / "etc-passwd"}),
    own_network=True,
    shm_bytes=1 << 20,
    tmp_bytes=2 << 20,
    home_bytes=3 << 20,
)


def options(view: View = VIEW) -> list[str]:
    """Return the options."""
    return bubblewrap_options(view, info_fd=30, seccomp_fds=[31, 32])


def bound(view: View = VIEW, kind: str = "--bind") -> list[str]:
    """Return what is bound that way, as seen from inside."""
    words = options(view)
    return [words[number + 2] for number, word in enumerate(words) if word == kind]


@pytest.mark.parametrize("name", ["user", "pid", "ipc", "uts", "cgroup", "net"])
def test_every_namespace_is_new(name: str) -> None:
    assert f"--unshare-{name}" in options()


def test_only_the_network_may_be_left_as_it_is() -> None:
    assert "--unshare-net" not in options(replace(VIEW, own_network=False))
    assert "--unshare-user" in options(replace(VIEW, own_network=False))


def test_only_downloads_can_be_written_to() -> None:
    assert bound() == [str(ROOT / "downloads")]


def test_a_profile_that_is_kept_is_the_only_other_place() -> None:
    kept = replace(VIEW, keeps_profile=True, profile=Path("/home/me/profile"))

    assert bound(kept) == ["/home/me/profile", str(ROOT / "downloads")]


@pytest.mark.parametrize(
    "place", ["/", "/home", "/root", "/etc", "/usr", "/run", "/sys", "/var", "/bin", "/usr/bin", "/opt"]
)
def test_nothing_wide_is_visible(place: str) -> None:
    assert place not in [*bound(kind="--ro-bind"), *bound(kind="--ro-bind-try"), *bound()]


def test_a_browser_among_other_programs_is_taken_out_alone() -> None:
    visible = bound(replace(VIEW, executable=Path("/usr/bin/some-chromium")), kind="--ro-bind")

    assert "/usr/bin/some-chromium" in visible
    assert "/usr/bin" not in visible


def test_the_environment_is_cleared_before_it_is_set() -> None:
    words = options()

    assert words.index("--clearenv") < words.index("--setenv")
    assert ("HOME", str(ROOT / "home")) in pairwise(words)


def test_what_is_written_is_in_memory_and_limited() -> None:
    words = options()
    sizes = {words[number + 5]: int(words[number + 1]) for number, word in enumerate(words) if word == "--size"}

    assert sizes == {
        "/dev/shm": 1 << 20,
        "/tmp": 2 << 20,
        str(ROOT / "home"): 3 << 20,
        str(ROOT / "profile"): 3 << 20,
    }


def test_every_filter_is_put_on() -> None:
    assert [after for before, after in pairwise(options()) if before == "--add-seccomp-fd"] == ["31", "32"]


def test_the_policy_sends_everything_through_the_proxy() -> None:
    document = policy_document(proxy="127.0.0.1:3128")

    assert '"ProxyServer": "http://127.0.0.1:3128"' in document
    assert '"ProxyBypassList": "<-loopback>"' in document
    assert '"file://*"' in document
    assert "ProxySettings" not in policy_document(proxy=None)
