"""Many browsers, one after the other and at once: each has walls of its own, none sees another's, nothing is left.

`BYKILT_STARTS` says how many in a row per engine, `BYKILT_STARTS_AT_ONCE` how many together; the defaults are small
enough for every run of the tests.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine, EngineType
from bykilt.browser.engine.loader import EngineLoader
from bykilt.browser.launch.processes import living
from bykilt.browser.sandbox.process_facts import read_facts
from bykilt.events.model import BrowserStarted, EgressDecided, SandboxRemoved
from bykilt.practice.loopback import Response
from tests.support.engines import Facts, do, go, js, site_launch
from tests.support.sandbox_leaks import left_of
from tests.support.site import Site

IN_A_ROW = int(os.environ.get("BYKILT_STARTS", "6"))
AT_ONCE = int(os.environ.get("BYKILT_STARTS_AT_ONCE", "4"))
_PATIENCE_S = 60 + 5 * AT_ONCE


@dataclass(frozen=True)
class Walls:
    """What one browser has for itself, and what it and its proxy saw. `group` is empty where there are none."""

    uid: int
    network: int
    group: str
    cookies: str
    refused: frozenset[str]


@pytest.fixture(autouse=True)
def echo(site: Site) -> None:
    """An address that says which cookies came with the request."""
    site.on("/cookies", lambda request: Response(body=dict(request.headers).get("cookie", "").encode()))


def look(facts: Facts) -> tuple[int, int, str]:
    """Return user, network namespace and control group of a running browser, as the kernel has them."""
    (started,) = facts.of(BrowserStarted)
    assert started.pid is not None
    seen = read_facts(started.pid)
    assert seen is not None
    groups = {word for line in seen.groups.splitlines() for word in line.split("/") if word.startswith("bykilt-")}
    assert len(groups) <= 1, groups
    return seen.uid, seen.namespaces["net"], "".join(groups)


async def visit(engine: BrowserEngine, site: Site, number: int) -> str:
    """Leave a cookie, ask for a host that is refused, and return the cookies that the server was sent."""
    await go(engine, site.url("a.html"))
    await do(engine, "set_cookie", name=f"who{number}", value="x", domain="127.0.0.1", path="/")
    await js(engine, f"fetch('http://only-{number}.test/').then(() => 'reached', () => 'refused')")
    return str(await js(engine, "fetch('/cookies').then((answer) => answer.text())"))


async def one_start(
    engine_type: EngineType, site: Site, number: int, folder: Path, together: Callable[[], Awaitable[None]]
) -> Walls:
    """Start one browser, use it, end it, and return what it had; `together` is awaited while it runs."""
    facts = Facts()
    engine = EngineLoader.load_engine(engine_type, facts=facts, artifact_dir=folder / str(number))
    async with engine:
        await engine.launch(site_launch(timeout_ms=30_000))
        uid, network, group = look(facts)
        await together()
        cookies = await visit(engine, site, number)
        await together()
    refused = frozenset(fact.host for fact in facts.of(EgressDecided) if fact.host.startswith("only-"))
    (removed,) = facts.of(SandboxRemoved)
    assert (removed.processes_left, removed.groups_left, removed.folder_left) == ([], [], False)
    if os.geteuid() == 0:
        assert [process for process in living() if process.uid == uid] == []
    return Walls(uid, network, group, cookies, refused)


def check_own(walls: Walls, number: int) -> None:
    """Check that a browser was who it should be, and that nothing of another one's got into its sight or record."""
    assert walls.cookies == f"who{number}=x"
    assert walls.refused == {f"only-{number}.test"}
    assert walls.network != os.stat("/proc/self/ns/net").st_ino
    assert os.geteuid() != 0 or walls.uid not in (0, os.geteuid())


def places() -> set[str]:
    """Return the folders and control groups of all sandboxes of this process; other tests may keep some."""
    return {place for place in left_of(os.getpid()) if not place.startswith("process")}


def open_descriptors() -> int:
    """Count our own: a listener that is not closed would keep a network namespace alive."""
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.timeout(60 + 10 * IN_A_ROW)
async def test_starts_in_a_row_leave_nothing(engine_type: EngineType, site: Site, tmp_path: Path) -> None:
    """Promise: neither a process, group or folder, nor a descriptor or thread of ours."""
    kept = places()
    before: tuple[int, int] | None = None
    for number in range(IN_A_ROW):
        check_own(await one_start(engine_type, site, number, tmp_path, anyio.lowlevel.checkpoint), number)
        assert places() <= kept
        ours = (open_descriptors(), len(os.listdir("/proc/self/task")))
        # The first start opens what is kept: the event loop's helpers, threads for blocking work.
        if before is None:
            before = ours
        assert ours[0] <= before[0] + 2, (before, ours)
        assert ours[1] <= before[1] + 4, (before, ours)


@pytest.mark.timeout(60 + 10 * AT_ONCE)
async def test_starts_at_once_have_nothing_in_common(engine_type: EngineType, site: Site, tmp_path: Path) -> None:
    """Promise: user, network and group of its own each, while all of them run."""
    kept = places()
    seen: dict[int, Walls] = {}
    meeting = Meeting(AT_ONCE)

    async def one(number: int) -> None:
        seen[number] = await one_start(engine_type, site, number, tmp_path, meeting.wait)

    with anyio.fail_after(_PATIENCE_S):
        async with anyio.create_task_group() as group:
            for number in range(AT_ONCE):
                group.start_soon(one, number)

    for number, walls in seen.items():
        check_own(walls, number)
    assert len({walls.network for walls in seen.values()}) == AT_ONCE
    if os.geteuid() == 0:
        assert len({walls.uid for walls in seen.values()}) == AT_ONCE
    groups = [walls.group for walls in seen.values() if walls.group]
    assert len(set(groups)) == len(groups)
    assert places() <= kept


class Meeting:
    """Lets everybody go on when all are there; may be used again."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._here = 0
        self._all_here = anyio.Event()

    async def wait(self) -> None:
        """Return when everybody waits."""
        self._here += 1
        all_here = self._all_here
        if self._here == self._count:
            self._here, self._all_here = 0, anyio.Event()
            all_here.set()
        await all_here.wait()
