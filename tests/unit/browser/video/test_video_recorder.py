"""The recorder beside a browser that does not answer: it holds up nobody, and says what became of it."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.engine.trace_pictures import Picture
from bykilt.browser.engine.video_recorder import VideoRecorder
from bykilt.clock import Clock, SystemClock
from bykilt.events.model import Fact, VideoRecorded, Warned
from tests.support.made_run import png

RED = base64.b64encode(png(255, 0, 0)).decode()


class Screen:
    """A screencast that keeps what it is told; with `hangs` it never answers."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.asked = anyio.Event()
        self.acknowledged: list[int] = []
        self._hangs = hangs

    async def renew(self) -> None:
        self.asked.set()
        if self._hangs:
            await anyio.sleep_forever()

    async def acknowledge(self, number: int) -> None:
        self.acknowledged.append(number)


async def no_picture() -> Picture | None:
    return None


def recorder_in(folder: Path, max_bytes: int = 1 << 20, clock: Clock | None = None) -> VideoRecorder:
    settings = LaunchContext(record_video=True, video_max_bytes=max_bytes)
    return VideoRecorder(folder, settings, clock or SystemClock())


async def facts_of(recorder: VideoRecorder) -> list[Fact]:
    await recorder.stop(no_picture)
    return await recorder.facts()


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "bykilt-video"]


async def test_a_browser_that_never_answers_costs_the_video_alone(tmp_path: Path) -> None:
    recorder, screen = recorder_in(tmp_path), Screen(hangs=True)
    with anyio.fail_after(10):
        recorder.start(screen)
        await screen.asked.wait()
        recorder.look_again()
        (fact,) = await facts_of(recorder)

    assert isinstance(fact, Warned)
    assert fact.code == "video_failed"
    assert names_in(tmp_path) == []
    assert threads() == []


async def test_of_pictures_that_wait_the_latest_is_taken(tmp_path: Path) -> None:
    recorder, screen = recorder_in(tmp_path), Screen()
    with anyio.fail_after(10):
        recorder.start(screen)
        await screen.asked.wait()
        for number in range(5):
            recorder.offer(number, RED)
        (fact,) = await facts_of(recorder)

    assert isinstance(fact, VideoRecorded)
    assert fact.size_bytes == (tmp_path / "video.webm").stat().st_size


class SlowScreen(Screen):
    """A screencast as Chromium's on a busy machine: a picture takes a while, and is lost when it is begun anew."""

    def __init__(self, offer: Callable[[int, str], None], tasks: TaskGroup) -> None:
        super().__init__()
        self.pictures = 0
        self.came = anyio.Event()
        self._offer, self._tasks = offer, tasks
        self._scope = anyio.CancelScope()

    async def renew(self) -> None:
        self._scope.cancel()
        self._scope = anyio.CancelScope()
        self._tasks.start_soon(self._take, self._scope)

    async def _take(self, scope: anyio.CancelScope) -> None:
        with scope:
            await anyio.sleep(0.3)
            self.pictures += 1
            self._offer(self.pictures, RED)
            self.came.set()


async def test_actions_in_quick_succession_do_not_keep_the_picture_from_coming(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            screen = SlowScreen(recorder.offer, tasks)
            recorder.start(screen)
            while not screen.came.is_set():
                recorder.look_again("page@1")
                await anyio.sleep(0.02)
            (fact,) = await facts_of(recorder)
            tasks.cancel_scope.cancel()

    assert isinstance(fact, VideoRecorded)


class StandingClock(SystemClock):
    """A clock on which nothing that is waited for becomes due."""

    def monotonic_s(self) -> float:
        return 1.0


async def test_another_page_is_asked_at_once(tmp_path: Path) -> None:
    """Also while the page before it, which is not shown any more, owes a picture."""
    recorder, screen = recorder_in(tmp_path, clock=StandingClock()), Screen()
    with anyio.fail_after(10):
        recorder.start(screen)
        await screen.asked.wait()
        screen.asked = anyio.Event()
        recorder.look_again("page@2")
        await screen.asked.wait()
        recorder.offer(1, RED)
        (fact,) = await facts_of(recorder)

    assert isinstance(fact, VideoRecorded)


async def test_what_is_no_picture_is_not_shown(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    with anyio.fail_after(10):
        recorder.start(Screen())
        recorder.offer(1, "?? no base64 ??")
        (fact,) = await facts_of(recorder)

    assert isinstance(fact, Warned)
    assert "no picture" in fact.message


async def test_a_limit_below_one_picture_is_named(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path, max_bytes=10)
    with anyio.fail_after(10):
        recorder.start(Screen())
        recorder.offer(1, RED)
        (fact,) = await facts_of(recorder)

    assert isinstance(fact, Warned)
    assert "10 bytes" in fact.message
    assert names_in(tmp_path) == []


def test_a_loop_that_ends_without_a_shutdown_takes_the_recording_with_it(tmp_path: Path) -> None:
    """No thread is left that asks a loop which is gone, and no half of a file."""

    async def never_shut_down() -> None:
        screen = Screen(hangs=True)
        recorder_in(tmp_path).start(screen)
        await screen.asked.wait()

    anyio.run(partial(never_shut_down))
    for thread in threading.enumerate():
        if thread.name == "bykilt-video":
            thread.join(5)

    assert threads() == []
    assert names_in(tmp_path) == []
