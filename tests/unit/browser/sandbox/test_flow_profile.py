"""The sandbox that a flow asks for: it may want little, and cannot open what only the user may open."""

from __future__ import annotations

from typing import Any

import pytest

from bykilt.browser.sandbox.flow_profile import FlowSandboxModel, flow_sandbox_document, read_flow_sandbox
from bykilt.browser.sandbox.profile import MIB, BrowserFlavor, NetworkMode, SandboxLimits, SandboxProfile
from bykilt.documents.door import ProblemList


def read(document: dict[str, Any]) -> tuple[SandboxProfile | None, ProblemList]:
    """Return the policy that a flow's document becomes, and what was wrong with it."""
    problems = ProblemList("flow.yaml")
    return read_flow_sandbox(FlowSandboxModel.model_validate(document), "/sandbox", problems), problems


@pytest.mark.parametrize(
    "document",
    [
        {"network": "none"},
        {"network": "restricted", "allowed_hosts": ["a.example", "*.b.example:8443"]},
        {"network": "open", "webgl": True, "limits": {"memory_mib": 1024, "cpus": 0.5}},
        {"network": "none", "browser": "headless-shell", "limits": {"memory_mib": 512}},
    ],
)
def test_what_a_flow_asks_for_reads_back_as_it_was_written(document: dict[str, Any]) -> None:
    """Contract: a flow that is converted keeps its policy."""
    profile, problems = read(document)

    assert profile is not None
    assert problems.found == []
    assert flow_sandbox_document(profile) == document


def test_a_flow_that_names_hosts_is_restricted_to_them() -> None:
    """Contract: the rules of every policy hold for the one in a flow."""
    profile, _ = read({"allowed_hosts": ["a.example"], "limits": {"download_mib": 5}})

    assert profile == SandboxProfile(
        network=NetworkMode.RESTRICTED,
        allowed_hosts=("a.example",),
        browser=BrowserFlavor.CHROMIUM,
        limits=SandboxLimits(download_bytes=5 * MIB),
    )


@pytest.mark.parametrize(
    "host",
    [
        "localhost:8000",
        "app.localhost",
        "127.0.0.1:80",
        "[::1]",
        "10.1.2.3",
        "192.168.0.1:*",
        "169.254.169.254",
        "private:intranet.example",
    ],
)
def test_a_flow_cannot_let_itself_into_this_machine_or_a_private_network(host: str) -> None:
    """Contract: a flow file may come from anywhere; only the user opens what is inside."""
    profile, problems = read({"allowed_hosts": ["a.example", host]})

    assert profile is None
    assert problems.found[0].pointer == "/sandbox/allowed_hosts/1"
    assert "profile of your own" in problems.found[0].suggestion


@pytest.mark.parametrize("limits", [{"memory_mib": 2049}, {"processes": 1025}, {"download_mib": 1025}])
def test_a_flow_cannot_raise_a_limit(limits: dict[str, int]) -> None:
    """Contract: it may want less than the default, not more."""
    profile, problems = read({"limits": limits})

    assert profile is None
    assert problems.found[0].pointer == f"/sandbox/limits/{next(iter(limits))}"
    assert "cannot raise a limit" in problems.found[0].reason


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"network": "none", "allowed_hosts": ["a.example"]}, "reaches no host"),
        ({"allowed_hosts": ["https://a.example"]}, "is no host"),
        ({"allowed_hosts": ["*"]}, "every host"),
    ],
)
def test_a_contradiction_is_a_problem_of_the_flow(document: dict[str, Any], reason: str) -> None:
    """Contract: it is told at its place in the flow, before anything runs."""
    profile, problems = read(document)

    assert profile is None
    assert problems.found[0].pointer == "/sandbox"
    assert reason in problems.found[0].reason
