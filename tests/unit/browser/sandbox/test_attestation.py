"""What a look from outside finds, against what was promised. Each wall is taken away once."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from bykilt.browser.sandbox.attestation import Promise, attest
from bykilt.browser.sandbox.process_facts import NAMESPACES, ProcessFacts, below, read_facts, start_ticks

OURS = ProcessFacts(
    pid=1,
    parent=0,
    name="python",
    kind="browser",
    uid=0,
    depth=1,
    effective_capabilities=0,
    no_new_privileges=False,
    seccomp_mode=0,
    seccomp_filters=0,
    namespaces=dict.fromkeys(NAMESPACES, 1),
    groups="0::/ours",
    apparmor="unconfined",
)
INIT = replace(
    OURS,
    pid=10,
    kind="init",
    uid=7,
    depth=2,
    no_new_privileges=True,
    seccomp_mode=2,
    seccomp_filters=2,
    namespaces=dict.fromkeys(NAMESPACES, 2),
    groups="0::/ours/bykilt-1-2-ab",
)
BROWSER = replace(INIT, pid=11, kind="browser")
ZYGOTE = replace(
    INIT, pid=12, kind="zygote", effective_capabilities=1 << 21, namespaces={**INIT.namespaces, "user": 3, "net": 3}
)
RENDERER = replace(INIT, pid=13, kind="renderer", depth=3, seccomp_filters=3)
PROMISE = Promise(ours=OURS, uid=7, filters=2, own_network=True, group="bykilt-1-2-ab")
ALL = (INIT, BROWSER, ZYGOTE, RENDERER)


def test_a_sandbox_as_promised_holds() -> None:
    seen = attest(ALL, PROMISE)

    assert seen.holds
    assert seen.to_json()["processes"] == {"browser": 1, "init": 1, "renderer": 1, "zygote": 1}
    assert seen.to_json()["differences"] == []


@pytest.mark.parametrize("name", NAMESPACES)
@pytest.mark.parametrize("number", range(len(ALL)))
def test_a_shared_namespace_is_found(name: str, number: int) -> None:
    bad = replace(ALL[number], namespaces={**ALL[number].namespaces, name: 1})

    seen = attest([*ALL[:number], bad, *ALL[number + 1 :]], PROMISE)

    assert not seen.holds
    assert any(f"shares our {name} namespace" in text and str(bad.pid) in text for text in seen.differences)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"uid": 0}, "runs as user 0"),
        ({"uid": 8}, "runs as user 8, not as 7"),
        ({"depth": 1}, "in no pid namespace"),
        ({"no_new_privileges": False}, "may gain privileges"),
        ({"effective_capabilities": 1}, "has capabilities 1"),
        ({"seccomp_mode": 0}, "has seccomp 0/"),
        ({"seccomp_filters": 1}, "has seccomp 2/1"),
        ({"groups": "0::/"}, "is not in the control group"),
    ],
)
@pytest.mark.parametrize("process", [INIT, BROWSER, RENDERER], ids=lambda process: process.kind)
def test_a_missing_wall_is_found_in_each_process(process: ProcessFacts, change: dict[str, Any], words: str) -> None:
    others = [each for each in ALL if each is not process]

    seen = attest([*others, replace(process, **change)], PROMISE)

    assert not seen.holds
    assert any(words in text for text in seen.differences)


def test_only_a_zygote_in_a_user_namespace_of_its_own_may_have_capabilities() -> None:
    same = replace(ZYGOTE, namespaces={**ZYGOTE.namespaces, "user": INIT.namespaces["user"]})
    other_kind = replace(ZYGOTE, kind="utility")

    assert not attest((INIT, BROWSER, same), PROMISE).holds
    assert not attest((INIT, BROWSER, other_kind), PROMISE).holds


def test_a_renderer_without_chromiums_own_filter_is_found() -> None:
    seen = attest((INIT, BROWSER, replace(RENDERER, seccomp_filters=2)), PROMISE)

    assert seen.differences == ("process 13 (renderer) has no filter of Chromium's own sandbox",)


def test_nothing_to_look_at_is_no_proof() -> None:
    assert not attest((), PROMISE).holds
    assert not attest((INIT,), PROMISE).holds


def test_the_network_may_be_shared_only_where_that_was_asked_for() -> None:
    shared = [replace(each, namespaces={**each.namespaces, "net": 1}) for each in ALL]

    assert attest(shared, replace(PROMISE, own_network=False)).holds
    assert not attest(shared, PROMISE).holds


def test_a_promised_apparmor_profile_must_be_there() -> None:
    promise = replace(PROMISE, apparmor="bykilt")

    assert not attest(ALL, promise).holds
    assert attest([replace(each, apparmor="bykilt//&x (enforce)") for each in ALL], promise).holds
    assert attest([replace(each, apparmor="bykilt (unconfined)") for each in ALL], promise).holds
    assert not attest([replace(each, apparmor="not-bykilt (enforce)") for each in ALL], promise).holds
    assert not attest([*ALL[1:], replace(ALL[0], apparmor="bykilt//x (enforce)")], promise).holds


def test_facts_are_those_of_the_kernel() -> None:
    """Proof from the other side: the process itself."""
    facts = read_facts(os.getpid())

    assert facts is not None
    assert facts.uid == os.geteuid()
    assert facts.parent == os.getppid()
    assert facts.namespaces["net"] == os.stat("/proc/self/ns/net").st_ino
    assert start_ticks(os.getpid()) > 0


def test_the_processes_below_one_are_found_and_the_dead_are_not() -> None:
    script = (
        "import subprocess,sys; child=subprocess.Popen(['sleep','30']); print(child.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        grandchild = int(parent.stdout.readline())
        assert grandchild in below(os.getpid())
        assert below(parent.pid) == [grandchild]
        os.kill(grandchild, 9)
        parent.kill()
    assert read_facts(parent.pid) is None
