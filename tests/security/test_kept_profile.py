"""A profile that outlives its run: alone in the sandbox, one browser at a time, and on record. On both engines."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine, EngineType
from bykilt.browser.engine.errors import LaunchFailed
from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.engine.loader import EngineLoader
from bykilt.browser.launch.processes import living, mentions
from bykilt.browser.launch.profile_lock import ProfileLock
from bykilt.events.containment_text import sandbox_in_words
from bykilt.events.model import SandboxAttested
from tests.support.engines import SITE_HOSTS, Facts, go, js
from tests.support.site import Site

# An ordinary user: as root, the browser runs as the owner of the folder.
_OWNER = 60123
_VICTIM = """
import sys, anyio
from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.engine.loader import EngineLoader

async def main(engine, profile):
    await EngineLoader.load_engine(engine).launch(LaunchContext(sandbox_network_mode="none", user_data_dir=profile))
    print("launched", flush=True)
    await anyio.sleep_forever()

anyio.run(main, *sys.argv[1:])
"""


@pytest.fixture
def profile() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="bykilt-test-kept-"))
    if os.geteuid() == 0:
        os.chown(folder, _OWNER, _OWNER)
    yield folder
    shutil.rmtree(folder)


@asynccontextmanager
async def launched(engine_type: EngineType, facts: Facts, **settings: Any) -> AsyncIterator[BrowserEngine]:
    engine = EngineLoader.load_engine(engine_type, facts=facts)
    await engine.launch(LaunchContext(timeout_ms=20_000, **settings))
    try:
        yield engine
    finally:
        await engine.shutdown()


async def test_the_next_run_finds_what_the_last_one_kept(engine_type: EngineType, profile: Path, site: Site) -> None:
    """Promise: and the record says that there is such a profile."""
    facts = Facts()
    async with launched(engine_type, facts, user_data_dir=profile, allowed_hosts=SITE_HOSTS) as engine:
        await go(engine, site.url("index.html"))
        await js(engine, "document.cookie = 'kept=yes; max-age=9999'; localStorage.setItem('kept', 'too')")
    async with launched(engine_type, Facts(), user_data_dir=profile, allowed_hosts=SITE_HOSTS) as engine:
        await go(engine, site.url("index.html"))
        assert await js(engine, "[document.cookie, localStorage.getItem('kept')]") == ["kept=yes", "too"]

    seen: Any = facts.of(SandboxAttested)[0]
    assert seen.policy["kept_profile"] == str(profile)
    assert str(profile) in sandbox_in_words(seen)


async def test_a_profile_of_its_own_is_not_kept(engine_type: EngineType) -> None:
    """Contract: without a folder the record names none."""
    facts = Facts()
    async with launched(engine_type, facts, sandbox_network_mode="none"):
        pass
    seen: Any = facts.of(SandboxAttested)[0]
    assert seen.policy["kept_profile"] is None
    assert "kept" not in sandbox_in_words(seen)


async def test_a_second_browser_on_the_same_profile_is_refused(engine_type: EngineType, profile: Path) -> None:
    """Promise: it is told who has it, and the first one goes on undisturbed."""
    settings: dict[str, Any] = {"sandbox_network_mode": "none", "user_data_dir": profile}
    async with launched(engine_type, Facts(), **settings) as engine:
        with pytest.raises(LaunchFailed, match=rf"in use by .*process {os.getpid()} "):
            async with launched(engine_type, Facts(), **settings):
                pass
        assert await js(engine, "1 + 1") == 2
    async with launched(engine_type, Facts(), **settings):
        pass


def test_the_lock_lives_as_long_as_the_browser_also_when_bykilt_is_killed(
    engine_type: EngineType, profile: Path
) -> None:
    """Promise: whoever gets the profile finds no browser on it any more."""
    command = [sys.executable, "-c", _VICTIM, str(engine_type), str(profile)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "launched\n"
        assert _browsers_on(profile)
        victim.kill()
        lock = ProfileLock.take(profile)
    assert _browsers_on(profile) == []
    lock.release()


def _browsers_on(profile: Path) -> list[int]:
    return [
        process.pid
        for process in living()
        if f"--user-data-dir={profile}".encode() in _command_line(process.pid) or mentions(process.pid, profile)
    ]


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
