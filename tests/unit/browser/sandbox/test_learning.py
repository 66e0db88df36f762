"""From what a run reached to a profile: it reads back, lets through what was used, and nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bykilt.browser.sandbox.learning import profile_from_hosts
from bykilt.browser.sandbox.profile import NetworkMode, SandboxProfile
from bykilt.browser.sandbox.profile_file import load_profiles


@dataclass(frozen=True)
class Seen:
    """One decision of the proxy."""

    host: str
    port: int = 443
    allowed: bool = True
    rule: str = ""
    reason: str = ""


def learned(folder: Path, *decisions: Seen, flow: str = "orders.yaml") -> tuple[SandboxProfile, str]:
    """Return the profile that is learned, read back from its text, and the text."""
    text = profile_from_hosts(decisions, name="learned", flow=flow)
    file = folder / "learned.yaml"
    file.write_text(text)
    return load_profiles(file)["learned"].profile, text


def test_a_host_is_taken_with_the_ports_that_were_used(tmp_path: Path) -> None:
    """Contract: 80 and 443 are the ports of any host; others are named."""
    profile, _ = learned(
        tmp_path,
        Seen("shop.example", 443),
        Seen("shop.example", 80),
        Seen("api.shop.example", 8443),
        Seen("api.shop.example", 443),
        Seen("localhost", 8000, rule="localhost:8000"),
        Seen("intranet.example", 443, rule="private:intranet.example"),
        Seen("::1", 9000, rule="[::1]:9000"),
    )

    assert profile.network is NetworkMode.RESTRICTED
    assert set(profile.allowed_hosts) == {
        "shop.example",
        "api.shop.example:443,8443",
        "localhost:8000",
        "private:intranet.example",
        "[::1]:9000",
    }


def test_what_was_refused_is_told_and_not_allowed(tmp_path: Path) -> None:
    """Contract: a person decides about it, with the reason beside it."""
    profile, text = learned(tmp_path, Seen("a.example"), Seen("10.0.0.5", 80, allowed=False, reason="is private"))

    assert profile.allowed_hosts == ("a.example",)
    assert "    #   - 10.0.0.5  # is private\n" in text


def test_what_chromium_asks_for_of_itself_is_left_out(tmp_path: Path) -> None:
    """Contract: pages do not need it; it is told, so that nobody wonders."""
    profile, text = learned(tmp_path, Seen("a.example"), Seen("update.googleapis.com"))

    assert profile.allowed_hosts == ("a.example",)
    assert "#   - update.googleapis.com\n" in text


def test_a_run_that_reached_nothing_needs_no_network(tmp_path: Path) -> None:
    """Contract: not the default, which is open."""
    profile, _ = learned(tmp_path, Seen("update.googleapis.com"))

    assert profile.network is NetworkMode.NONE


def test_the_same_run_gives_the_same_text(tmp_path: Path) -> None:
    """Contract: the order of connections is chance, and no difference for whoever compares two profiles."""
    decisions = [Seen("b.example"), Seen("a.example"), Seen("c.example", allowed=False, reason="no")]

    assert learned(tmp_path, *decisions)[1] == learned(tmp_path, *reversed(decisions))[1]


@given(flow=st.text(max_size=40), host=st.text(min_size=1, max_size=40), reason=st.text(max_size=40))
def test_nothing_that_a_page_or_a_name_holds_can_add_a_line(flow: str, host: str, reason: str) -> None:
    """Spec: refused hosts come from pages, and are text in a comment whatever they hold."""
    decisions = [Seen("a.example"), Seen(host, allowed=False, reason=reason)]

    text = profile_from_hosts(decisions, name="learned", flow=flow)

    code = [line for line in text.split("\n") if not line.lstrip().startswith("#")]
    assert code[:3] == ["schema_version: 1", "profiles:", "  learned:"]
    assert code[4:] == ["    network: restricted", "    allowed_hosts:", '      - "a.example"', ""]
    assert len(text.splitlines()) == len(text.split("\n")) - 1
