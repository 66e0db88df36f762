"""A hostile program in the browser's place, behind a sandbox and without: what it can do, as seen from both sides."""

import pytest

from bykilt.browser.sandbox.seccomp_filter import SeccompOptions, build_filters
from tests.security.hostile.frame import NEEDS, PROBES, Outcome, Probe
from tests.security.hostile.main import AREAS
from tests.support.hostile_process import Report, attack, small_bubblewrap


@pytest.fixture(scope="module")
def walled() -> Report:
    """Behind bubblewrap and the filters."""
    return attack(small_bubblewrap, build_filters(SeccompOptions()))


@pytest.fixture(scope="module")
def unfiltered() -> Report:
    """Behind bubblewrap alone."""
    return attack(small_bubblewrap)


@pytest.fixture(scope="module")
def free() -> Report:
    """An unprivileged process that nothing holds."""
    return attack(None)


def test_there_are_enough_probes_and_each_says_what_it_tries() -> None:
    assert AREAS
    names = [one.name for one in (*PROBES, *NEEDS)]
    assert len(PROBES) >= 60
    assert len(set(names)) == len(names)
    assert [one.name for one in PROBES if not one.tries or not one.refusals] == []


@pytest.mark.parametrize("one", PROBES, ids=lambda one: f"{one.area}: {one.name}")
def test_a_probe_is_refused(one: Probe, walled: Report) -> None:
    """Refused in the way that was meant: another error would be luck, or a probe that is wrong."""
    outcome = walled.outcomes[one.name]
    assert outcome.kind == "refused", f"{one.tries} {outcome.answer}\n{walled.errors}"
    assert outcome.answer in one.refusals


@pytest.mark.parametrize("one", NEEDS, ids=lambda one: one.name)
def test_what_chromium_needs_goes_on_working(one: Probe, walled: Report) -> None:
    assert walled.outcomes[one.name].kind == "gained", f"{walled.outcomes[one.name].answer}\n{walled.errors}"


def test_nothing_of_the_attack_is_seen_outside(walled: Report) -> None:
    assert set(walled.visits.values()) == {0}
    assert not walled.planted
    assert walled.victim_lives
    assert walled.survivors == ()


def test_without_a_sandbox_the_same_probes_succeed(free: Report) -> None:
    """The control: a suite in which everything is refused anyway would prove nothing."""
    gained = _gained(free)
    assert len(gained) >= 20, sorted(gained)
    areas = {one.area for one in PROBES if one.name in gained}
    assert {"files", "inheritance", "kernel", "namespaces", "network", "privileges", "processes", "sockets"} <= areas
    assert [(name, outcome) for name, outcome in free.outcomes.items() if outcome.kind == "broken"] == []


def test_without_a_sandbox_the_attack_is_seen_outside(free: Report) -> None:
    """The control of what is looked at from outside."""
    assert min(free.visits.values()) >= 1
    assert free.planted
    assert free.victim_lives
    assert free.survivors


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


def _gained(report: Report) -> set[str]:
    probes = {one.name for one in PROBES}
    return {name for name, outcome in report.outcomes.items() if name in probes and _is_gain(outcome)}


def _is_gain(outcome: Outcome) -> bool:
    return outcome.kind == "gained"
