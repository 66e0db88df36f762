"""A hostile program in the browser's place, behind its very sandbox and without: what it can do, as seen from both
sides."""

from __future__ import annotations

import anyio
import pytest

from bykilt.browser.sandbox.profile import NetworkMode, SandboxProfile
from tests.security.hostile.frame import NEEDS, PROBES, Outcome, Probe
from tests.security.hostile.main import AREAS
from tests.support.hostile_process import LIMITS, Report, Walls, attack_free, attack_walled

# Limits that need a control group, which not every user may make; the run's record says so then.
LIMITED = {"start processes without end": "pids"}
PROFILE = SandboxProfile(network=NetworkMode.RESTRICTED, allowed_hosts=("allowed.test",), limits=LIMITS)


@pytest.fixture(scope="module")
def walled() -> Report:
    """Behind all that is around a browser which may reach one host."""
    return anyio.run(attack_walled, PROFILE)


@pytest.fixture(scope="module")
def unfiltered() -> Report:
    """Behind the same but for the filters of system calls."""
    return anyio.run(attack_walled, SandboxProfile(network=NetworkMode.NONE, seccomp=False, limits=LIMITS))


@pytest.fixture(scope="module")
def free() -> Report:
    """An unprivileged process that nothing holds."""
    return attack_free()


def walls_of(report: Report) -> Walls:
    """Return what the sandbox said."""
    assert report.walls is not None
    return report.walls


def test_there_are_enough_probes_and_each_says_what_it_tries() -> None:
    assert AREAS
    names = [one.name for one in (*PROBES, *NEEDS)]
    assert len(PROBES) >= 60
    assert len(set(names)) == len(names)
    assert [one.name for one in PROBES if not one.tries or not one.refusals] == []
    assert names_of(PROBES) >= LIMITED.keys()


@pytest.mark.parametrize("one", PROBES, ids=lambda one: f"{one.area}: {one.name}")
def test_a_probe_is_refused(one: Probe, walled: Report) -> None:
    """Refused in the way that was meant: another error would be luck, or a probe that is wrong."""
    outcome = walled.outcomes[one.name]
    if LIMITED.get(one.name) in walls_of(walled).unenforced:
        assert outcome.kind == "gained"
        return
    assert outcome.kind == "refused", f"{one.tries} {outcome.answer}\n{walled.outside.said}"
    assert outcome.answer in one.refusals


@pytest.mark.parametrize("one", NEEDS, ids=lambda one: one.name)
def test_what_chromium_needs_goes_on_working(one: Probe, walled: Report) -> None:
    assert walled.outcomes[one.name].kind == "gained", f"{walled.outcomes[one.name].answer}\n{walled.outside.said}"


def test_nothing_of_the_attack_is_seen_outside(walled: Report) -> None:
    assert set(walled.outside.visits.values()) == {0}
    assert not walled.outside.planted
    assert walled.outside.victim_lives
    assert walled.outside.survivors == ()


def test_the_walls_were_looked_at_and_nothing_of_them_is_left(walled: Report) -> None:
    """The product's own proofs, of the very process that attacks."""
    walls = walls_of(walled)

    assert walls.attestation.holds
    assert [each.name for each in walls.attestation.processes if each.kind == "browser"] == ["python3"]
    assert walls.removal.is_complete


def test_what_was_asked_of_the_way_out_is_on_record_as_refused(walled: Report) -> None:
    """A proxy that is not there would refuse as well: so it has to have heard every question."""
    decisions = walls_of(walled).decisions

    assert {each.host for each in decisions} >= {"127.0.0.1", "localhost", "169.254.169.254", "other.test"}
    assert [each for each in decisions if each.allowed] == []


def test_the_limits_that_were_hit_are_named(walled: Report) -> None:
    walls = walls_of(walled)
    limits = {"memory": "memory", "processes": "pids"}
    assert walls.limits_hit.keys() >= {name for name, group in limits.items() if group not in walls.unenforced}


def test_without_a_sandbox_the_same_probes_succeed(free: Report) -> None:
    """The control: a suite in which everything is refused anyway would prove nothing."""
    gained = _gained(free)
    assert len(gained) >= 20, sorted(gained)
    areas = {one.area for one in PROBES if one.name in gained}
    assert {"files", "inheritance", "kernel", "namespaces", "network", "privileges", "processes", "sockets"} <= areas
    assert [(name, outcome) for name, outcome in free.outcomes.items() if outcome.kind == "broken"] == []


def test_without_a_sandbox_the_attack_is_seen_outside(free: Report) -> None:
    """The control of what is looked at from outside."""
    assert min(free.outside.visits.values()) >= 1
    assert free.outside.planted
    assert free.outside.victim_lives
    assert free.outside.survivors


def test_without_the_filters_the_kernel_is_open(unfiltered: Report, walled: Report) -> None:
    """Namespaces alone leave what the filters are for: mounts of one's own, the firewall, packets, foreign calls."""
    gained = _gained(unfiltered)
    assert len(gained) >= 10, sorted(gained)
    known = {
        "have mounts of ones own",
        "have mounts by the call for processes",
        "have mounts by flags in memory",
        "send packets",
        "send raw messages",
        "let a child be traced",
        "read memory of a process",
        "share memory by number",
    }
    assert known <= gained
    assert not _gained(walled) & known


def names_of(probes: list[Probe]) -> set[str]:
    """Return their names."""
    return {one.name for one in probes}


def _gained(report: Report) -> set[str]:
    return {name for name, outcome in report.outcomes.items() if name in names_of(PROBES) and _is_gain(outcome)}


def _is_gain(outcome: Outcome) -> bool:
    return outcome.kind == "gained"
