"""A hostile program in the browser's place: how it is started there or free, and what came of it.

Knows no probe in particular; they are under tests/security/hostile.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread

from bykilt.browser.launch.browser_log import BrowserLog
from bykilt.browser.launch.environment import browser_environment
from bykilt.browser.launch.exit_watch import ExitWatch
from bykilt.browser.launch.identity import Identity, pick_identity
from bykilt.browser.launch.profile import make_session_folder
from bykilt.browser.launch.session import Session, places_of
from bykilt.browser.launch.settings import ChromiumSettings
from bykilt.browser.launch.spawn import Spawned, spawn
from bykilt.browser.launch.unprivileged import as_user
from bykilt.browser.sandbox.attestation import Attestation
from bykilt.browser.sandbox.profile import GIB, MIB, SandboxLimits, SandboxProfile
from bykilt.browser.sandbox.sandbox import Removal, Sandbox
from bykilt.clock import SystemClock
from bykilt.events.model import EgressDecided
from tests.security.hostile.frame import Outcome
from tests.support.hostile_bait import Bait, ended_survivors, ours

LIMITS = SandboxLimits(memory_bytes=GIB, processes=300, tmp_bytes=16 * MIB, shm_bytes=64 * MIB, home_bytes=64 * MIB)
_PYTHON = Path("/usr/bin/python3")
_ISOLATED = ("-I", "-S")
_TIMEOUT_S = 120


@dataclass(frozen=True)
class Outside:
    """What was seen from outside; the program had no say in it.

    `visits` counts connections to the host's sockets. `survivors` are processes that outlived the program; they have
    been ended since. `said` is what the program wrote to stderr.
    """

    visits: Mapping[str, int]
    planted: bool
    victim_lives: bool
    survivors: tuple[int, ...]
    said: str


@dataclass(frozen=True)
class Walls:
    """What the sandbox itself said of a program in it, and what was left of it.

    `unenforced` are limits that this machine cannot set.
    """

    attestation: Attestation
    decisions: tuple[EgressDecided, ...]
    limits_hit: Mapping[str, int]
    unenforced: frozenset[str]
    removal: Removal


@dataclass(frozen=True)
class Report:
    """What came of an attack; `walls` is None where there were none."""

    outcomes: Mapping[str, Outcome]
    outside: Outside
    walls: Walls | None = None


def attack_free() -> Report:
    """Run the probes that are harmless then as an unprivileged user whom nothing holds."""
    identity = pick_identity()
    try:
        with Bait(as_user([], identity), LIMITS) as bait:
            done = subprocess.run(
                as_user([str(_PYTHON), *_ISOLATED, str(bait.program), bait.world.to_json()], identity),
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT_S,
                env=bait.environment,
                pass_fds=[bait.descriptor],
            )
            assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
            return Report(_outcomes(done.stdout), _seen(bait, done.stderr))
    finally:
        if identity is not None:
            identity.release()


async def attack_walled(profile: SandboxProfile) -> Report:
    """Run every probe where the browser would be: started, walled in, looked at and removed by the same code.

    Only Python's own library, and the probes, are shown to it besides what Chromium sees.
    """
    identity = pick_identity()
    with Bait(as_user([], identity), profile.limits) as bait, ours(bait.environment):
        os.set_inheritable(bait.descriptor, True)
        session, sandbox = await anyio.to_thread.run_sync(_session, identity, profile, bait)
        spawned = _started(session, bait)
        ended = ExitWatch(spawned.pid)
        try:
            answer, decisions = await _conversation(sandbox, spawned)
            hits, said = sandbox.limits_hit(), session.log.text()
            assert answer, said
            # The walls fall with the program, by themselves: nothing is ended from here before it is looked at.
            with anyio.fail_after(_TIMEOUT_S):
                await ended.wait()
            outside = await anyio.to_thread.run_sync(_seen, bait, said)
        finally:
            await session.close(spawned.pid)
        assert sandbox.attestation is not None
        assert session.removal is not None
        walls = Walls(sandbox.attestation, decisions, hits, frozenset(sandbox.unenforced()), session.removal)
        return Report(_outcomes(answer), outside, walls)


def _session(identity: Identity | None, profile: SandboxProfile, bait: Bait) -> tuple[Session, Sandbox]:
    """Make what a browser's start needs, with Python as the browser."""
    folder = make_session_folder(identity)
    environment = browser_environment(folder, headless=True)
    places = places_of(ChromiumSettings(sandbox=profile), folder, environment)
    places = replace(places, read_only=(*places.read_only, _library(), bait.program))
    sandbox = Sandbox.prepare(profile, places, _PYTHON, environment)
    return Session(_PYTHON, folder, environment, BrowserLog(), None, sandbox), sandbox


def _library() -> Path:
    ask = "import os; print(os.path.dirname(os.__file__))"
    said = subprocess.run([str(_PYTHON), *_ISOLATED, "-c", ask], capture_output=True, text=True, check=True)
    return Path(said.stdout.strip())


def _started(session: Session, bait: Bait) -> Spawned:
    world = replace(bait.world, is_walled=True)
    command = session.command([*_ISOLATED, str(bait.program), world.to_json()])
    return spawn(command, session.environment, session.log.fd)


async def _conversation(sandbox: Sandbox, spawned: Spawned) -> tuple[str, tuple[EgressDecided, ...]]:
    """Wait until the walls stand, let the program begin, and return its answer and what the way out decided."""
    decisions: list[EgressDecided] = []
    try:
        sandbox.attend(decisions.append, SystemClock())
        with anyio.fail_after(_TIMEOUT_S):
            await sandbox.complete()
            await sandbox.attest()
            os.write(spawned.write_fd, b"!")
            answer = await anyio.to_thread.run_sync(_read_all, spawned.read_fd, abandon_on_cancel=True)
            # Decisions are handed over by the loop's own queue, which is behind this one.
            await anyio.lowlevel.checkpoint()
            return answer, tuple(decisions)
    finally:
        os.close(spawned.write_fd)


def _read_all(fd: int) -> str:
    with open(fd, encoding="utf-8") as answer:
        return answer.read()


def _outcomes(answer: str) -> dict[str, Outcome]:
    return {name: Outcome(**outcome) for name, outcome in json.loads(answer).items()}


def _seen(bait: Bait, said: str) -> Outside:
    survivors = ended_survivors(bait.world.marker)
    return Outside(bait.visits(), bait.is_planted(), bait.victim.poll() is None, survivors, said)
