"""Starting and ending a real Chromium, as the user who runs the tests and, under root, as a user without rights."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from bykilt.browser.launch import profile
from bykilt.browser.launch.errors import ChromiumNotFound, ChromiumNotStarted
from bykilt.browser.launch.identity import FIRST_UID, LAST_UID
from bykilt.browser.launch.janitor import clean_up
from bykilt.browser.launch.process import ChromiumProcess, start_chromium
from bykilt.browser.launch.processes import Process, living, mentions
from bykilt.browser.launch.settings import ChromiumSettings
from bykilt.browser.launch.spawn import spawn
from bykilt.browser.launch.wrapper import prepare_wrapper
from bykilt.errors import InvalidInput

IS_ROOT = os.geteuid() == 0
ORDINARY_UID = 23451
SWITCH_OFF = "--" + "no-sandbox"


async def ask(read_fd: int, write_fd: int, method: str, **params: object) -> dict[str, object]:
    """Send one command and return its answer: as much of the protocol as these tests need."""
    os.write(write_fd, json.dumps({"id": 1, "method": method, "params": params}).encode() + b"\0")
    received = b""
    while b"\0" not in received:
        await anyio.wait_readable(read_fd)
        chunk = os.read(read_fd, 65536)
        assert chunk, "the browser closed its pipe"
        received += chunk
    answer: dict[str, object] = json.loads(received.split(b"\0")[0])["result"]
    return answer


@asynccontextmanager
async def running(settings: ChromiumSettings | None = None) -> AsyncIterator[ChromiumProcess]:
    with anyio.fail_after(30):
        process = await start_chromium(settings or ChromiumSettings())
        try:
            yield process
        finally:
            await process.close()


@asynccontextmanager
async def answering(settings: ChromiumSettings | None = None) -> AsyncIterator[ChromiumProcess]:
    async with running(settings) as process:
        read_fd, write_fd = process.take_pipe()
        try:
            answer = await ask(read_fd, write_fd, "Browser.getVersion")
            assert "Chrome/" in str(answer["product"])
            await ask(read_fd, write_fd, "Target.createTarget", url="data:text/html,hello")
            yield process
        finally:
            os.close(read_fd)
            os.close(write_fd)


def processes_in(root: Path, uid: int) -> list[Process]:
    return [
        process
        for process in living()
        if (IS_ROOT and process.uid == uid) or (process.pid != os.getpid() and mentions(process.pid, root))
    ]


def command_line(pid: int) -> list[str]:
    """Return the words. Chromium rewrites its own line, with spaces between them."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ").split()
    except OSError:
        return []


def status_of(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


def reap(pid: int) -> None:
    os.waitpid(pid, 0)


@contextmanager
def chromium_replaced_by(script: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a shell script stand in for Chromium, in a folder that every user can pass."""
    folder = Path("/tmp") / f"bykilt-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    fake = folder / "chrome"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("CHROME_PATH", str(fake))
    try:
        yield
    finally:
        fake.unlink()
        folder.rmdir()


async def test_chromium_answers_over_the_pipe_as_a_user_without_rights() -> None:
    async with answering() as process:
        found = processes_in(process.folder.root, process.uid)
        mine = [one for one in found if one.session == process.pid]

        assert len(mine) > 3
        assert {one.uid for one in mine} == {process.uid}
        assert process.uid != 0
        if IS_ROOT:
            assert FIRST_UID <= process.uid <= LAST_UID


async def test_the_sandbox_of_chromium_is_on() -> None:
    async with answering() as process:
        found = processes_in(process.folder.root, process.uid)
        lines = [command_line(one.pid) for one in found]
        assert lines
        assert not [line for line in lines if SWITCH_OFF in line]

        renderers = [one.pid for one in found if "--type=renderer" in command_line(one.pid)]
        assert renderers
        for pid in renderers:
            # One that was forked a moment ago puts its filter on before it does anything else.
            with anyio.fail_after(5):
                while "Seccomp:\t2" not in status_of(pid):
                    await anyio.lowlevel.checkpoint()
            status = status_of(pid)
            assert "NoNewPrivs:\t1" in status
            assert "CapEff:\t0000000000000000" in status


async def test_nothing_is_left_after_close(tmp_path: Path) -> None:
    async with answering() as process:
        root = process.folder.root
        assert root.is_dir()

    assert processes_in(root, process.uid) == []
    assert not root.exists()
    assert process.exit_status is not None


async def test_a_killed_browser_is_heard_of_and_leaves_nothing() -> None:
    async with answering() as process:
        ended = anyio.Event()
        heard: list[int] = []

        def hear(status: int) -> None:
            heard.append(status)
            ended.set()

        process.on_exit(hear)
        os.kill(process.pid, signal.SIGKILL)
        await ended.wait()

        assert heard == [-signal.SIGKILL]
        root = process.folder.root

    assert processes_in(root, process.uid) == []
    assert not root.exists()


async def test_a_browser_that_lost_its_pipe_ends_by_itself_within_the_grace() -> None:
    with anyio.fail_after(30):
        process = await start_chromium(ChromiumSettings())
        read_fd, write_fd = process.take_pipe()
        await ask(read_fd, write_fd, "Browser.getVersion")
        os.close(read_fd)
        os.close(write_fd)

        await process.close(grace_s=10)

    assert process.exit_status == 0


async def test_closing_twice_and_at_once_is_fine() -> None:
    async with running() as process:
        await process.close()
        await process.close()

    assert not process.folder.root.exists()


async def test_no_secret_of_ours_reaches_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_MASTER_KEY", "do-not-tell")

    with chromium_replaced_by("env >&2", monkeypatch):
        async with running() as process:
            said = (await process.failure()).message

    assert f"HOME={process.folder.home}" in said
    assert "do-not-tell" not in said


async def test_a_child_gets_descriptors_0_to_4_and_no_other(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    output = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(write_end, True)
    try:
        spawned = spawn(["/bin/ls", "/proc/self/fd"], {}, output)
        reap(spawned.pid)
        os.close(spawned.read_fd)
        os.close(spawned.write_fd)
    finally:
        for fd in (read_end, write_end, output):
            os.close(fd)

    # The last one is the folder that ls itself reads.
    assert (tmp_path / "out").read_text().split() == ["0", "1", "2", "3", "4", "5"]


async def test_a_chromium_that_cannot_start_says_why_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        chromium_replaced_by("echo 'No usable sandbox! Update your kernel' >&2; exit 1", monkeypatch),
        anyio.fail_after(20),
    ):
        process = await start_chromium(ChromiumSettings(), log_file=tmp_path / "chromium.log")
        error = await process.failure()
        await process.close()

    assert isinstance(error, ChromiumNotStarted)
    assert "exited with 1" in error.message
    assert "No usable sandbox" in error.message
    assert "user namespaces" in error.hint
    assert SWITCH_OFF not in error.explain()
    assert "No usable sandbox" in (tmp_path / "chromium.log").read_text()


async def test_a_start_that_fails_leaves_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(sessions())
    monkeypatch.setenv("CHROME_PATH", "/nowhere/chrome")

    with pytest.raises(ChromiumNotFound):
        await start_chromium(ChromiumSettings())
    monkeypatch.delenv("CHROME_PATH")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(ChromiumNotStarted, match="no screen"):
        await start_chromium(ChromiumSettings(headless=False))

    assert mine(set(sessions()) - before) == []


def sessions() -> list[str]:
    return [name for name in os.listdir("/tmp") if name.startswith(profile.PREFIX)]


def mine(names: set[str]) -> list[str]:
    return [name for name in names if name.startswith(f"{profile.PREFIX}{os.getpid()}-")]


@contextmanager
def profile_of_somebody() -> Iterator[Path]:
    """A folder that belongs to whom the browser can run as: us, or under root some ordinary user."""
    brought = Path("/tmp") / f"bykilt-test-profile-{os.getpid()}"
    brought.mkdir(mode=0o700)
    if IS_ROOT:
        os.chown(brought, ORDINARY_UID, ORDINARY_UID)
    try:
        yield brought
    finally:
        shutil.rmtree(brought)


async def test_a_profile_that_the_caller_brought_is_used_as_its_owner_and_kept() -> None:
    with profile_of_somebody() as brought:
        for _ in range(2):
            async with answering(ChromiumSettings(user_data_dir=brought)) as process:
                assert process.uid == (ORDINARY_UID if IS_ROOT else os.geteuid())
        kept = {path.name: path.lstat().st_uid for path in brought.iterdir()}

    assert "Local State" in kept
    assert set(kept.values()) == {process.uid}


async def test_other_processes_of_the_owner_of_a_profile_are_left_alone() -> None:
    user = ORDINARY_UID if IS_ROOT else None
    async with await anyio.open_process(["/bin/sleep", "60"], user=user) as bystander:
        with profile_of_somebody() as brought:
            async with answering(ChromiumSettings(user_data_dir=brought)) as process:
                started = [one for one in living() if one.session == process.pid]
        left = {one.pid for one in living()}
        bystander.kill()

    assert bystander.pid in left
    assert len(started) > 3
    assert not {one.pid for one in started} & left


async def test_a_profile_that_the_browser_could_not_use_is_refused(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    wanted = closed if IS_ROOT else Path("/proc/profile")

    with pytest.raises((InvalidInput, OSError)):
        await start_chromium(ChromiumSettings(user_data_dir=wanted))


OWNER_THAT_IS_KILLED = """
import anyio, os, signal
from bykilt.browser.launch.process import start_chromium
from bykilt.browser.launch.settings import ChromiumSettings

async def main():
    process = await start_chromium(ChromiumSettings())
    # A copy in a child of its own keeps the pipe, and so Chromium, alive.
    if os.fork() == 0:
        os.closerange(0, 3)
        signal.pause()
    print(f"{process.folder.root} {process.uid} {process.pid}\\n", end="", flush=True)
    await anyio.sleep_forever()

anyio.run(main)
"""


async def test_what_a_killed_owner_left_behind_is_removed_at_the_next_start() -> None:
    with anyio.fail_after(30):
        command = [sys.executable, "-c", OWNER_THAT_IS_KILLED]
        async with await anyio.open_process(command, stderr=None, start_new_session=True) as owner:
            assert owner.stdout is not None
            folder, uid, pid = (await owner.stdout.receive()).decode().split()
            root = Path(folder)
            owner.kill()
            await owner.wait()
            assert status_of(int(pid))

            removed = await clean_up()
            os.killpg(owner.pid, signal.SIGKILL)

    assert root in removed
    assert root.name not in sessions()
    assert processes_in(root, int(uid)) == []


async def test_the_wrapper_starts_chromium_our_way_whatever_it_is_told() -> None:
    with anyio.fail_after(30):
        wrapper = await prepare_wrapper(ChromiumSettings())
        given = [SWITCH_OFF, "--headless=new", "--user-data-dir=/tmp/not-this-one", "--remote-debugging-pipe"]
        spawned = spawn([str(wrapper.path), *given, "about:blank"], {}, 2)
        try:
            await ask(spawned.read_fd, spawned.write_fd, "Browser.getVersion")
            words = command_line(spawned.pid)
            owners = {one.uid for one in processes_in(wrapper.folder.root, wrapper.uid)}
        finally:
            os.close(spawned.read_fd)
            os.close(spawned.write_fd)
            pid = wrapper.pid
            await wrapper.close()
            reap(spawned.pid)

    assert pid == spawned.pid
    assert SWITCH_OFF not in words
    assert f"--user-data-dir={wrapper.folder.profile}" in words
    assert owners == {wrapper.uid}
    assert not wrapper.folder.root.exists()


async def test_the_wrapper_passes_words_on_unbroken_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'for word in "$@"; do echo "<$word>" >&2; done; env >&2'
    with chromium_replaced_by(script, monkeypatch):
        wrapper = await prepare_wrapper(ChromiumSettings())
        given = [f"{SWITCH_OFF}=1", "--name=two words", "--quote='\"$HOME`id`"]
        await anyio.run_process([str(wrapper.path), *given], env={"SECRET": "do-not-tell"})
        said = wrapper.log_tail()
        await wrapper.close()

    assert said.splitlines()[:2] == ["<--name=two words>", "<--quote='\"$HOME`id`>"]
    assert "do-not-tell" not in said
