"""`video.webm` and `preview.webp`: what the current page showed, as a video and as a small animation."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.errors import InvalidInput
from bykilt.events.model import BrowserClosed, BrowserStarted, PreviewMade, VideoRecorded, Warned
from tests.support.engines import VIEWPORT, Facts, NewEngine, do, fails, go, js, site_launch
from tests.support.site import Site
from tests.support.videos import last_colour, leaf_through, watch

PICTURE_MS = 100
"""The video takes a picture this often at most."""


def coloured(site: Site, colour: str) -> str:
    """Return the path of a page of one colour."""
    site.set_page(f"/{colour}", f"<title>{colour}</title><body style='background: {colour}'><button>b</button>")
    return colour


class Recording:
    """An engine that records, its folder and its facts."""

    def __init__(self, new_engine: NewEngine, folder: Path) -> None:
        self.facts = Facts()
        self.folder = folder / "recorded"
        self.folder.mkdir()
        self.engine = new_engine(facts=self.facts, artifact_dir=self.folder)

    async def begin(self, **settings: Any) -> BrowserEngine:
        """Launch it."""
        await self.engine.launch(site_launch(**{"viewport": VIEWPORT, "record_video": True, **settings}))
        return self.engine

    @property
    def video(self) -> Path:
        return self.folder / "video.webm"

    async def show(self, site: Site, colour: str, *, cross_site: bool = False) -> None:
        """Have a page of this colour shown until the video has it."""
        path = coloured(site, colour)
        await go(self.engine, site.other_url(path, cross_site=True) if cross_site else site.url(path))
        await self.until(colour)

    async def until(self, colour: str) -> None:
        """Return once the video shows this colour; as in a run, actions go on meanwhile."""
        while last_colour(self.folder) != colour:
            await do(self.engine, "wait_for", ms=PICTURE_MS)

    def half_written(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if path.name.startswith(".")]


@pytest.fixture
def recording(new_engine: NewEngine, tmp_path: Path) -> Recording:
    return Recording(new_engine, tmp_path)


async def test_the_video_shows_what_the_page_showed(recording: Recording, engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: in the size of the viewport, over a change of process too, until the shutdown."""
    recorder = await recording.begin()
    await recording.show(site, "red")
    await recording.show(site, "lime", cross_site=True)
    await recording.show(site, "blue")
    await recorder.shutdown()

    playback = await watch(engine, recording.video)
    assert playback.shows("red", "lime", "blue"), playback
    assert (playback.width, playback.height) == (VIEWPORT.width, VIEWPORT.height)
    assert playback.duration_s >= 3 * PICTURE_MS / 1000
    (fact,) = recording.facts.of(VideoRecorded)
    assert (fact.file, fact.media_type) == ("video.webm", "video/webm")
    assert (fact.width, fact.height) == (playback.width, playback.height)
    assert fact.size_bytes == recording.video.stat().st_size
    assert fact.duration_ms == pytest.approx(playback.duration_s * 1000, abs=1)
    assert recording.half_written() == []


async def test_the_video_follows_the_current_page(recording: Recording, engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: all tabs are in one file, each while it is the one that is worked with."""
    recorder = await recording.begin()
    first = recorder.current_page
    await recording.show(site, "red")
    await do(recorder, "new_tab", url=site.url(coloured(site, "blue")))
    await recording.until("blue")
    await do(recorder, "switch_tab", page=first)
    await recording.until("red")
    await recorder.shutdown()

    playback = await watch(engine, recording.video)
    assert playback.shows("red", "blue", "red"), playback


async def test_the_video_goes_on_after_a_closed_tab(recording: Recording, engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: with the page that is the current one then."""
    recorder = await recording.begin()
    await recording.show(site, "red")
    await do(recorder, "new_tab", url=site.url(coloured(site, "blue")))
    await recording.until("blue")
    await do(recorder, "close_tab")
    await recording.until("red")
    await recording.show(site, "lime")
    await recorder.shutdown()

    playback = await watch(engine, recording.video)
    assert playback.shows("red", "blue", "red", "lime"), playback


async def test_where_an_animation_ends_is_shown(recording: Recording, engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: also while a single action waits, and although not every picture is taken."""
    site.set_page(
        "/moves",
        """<title>moves</title><script>
        let count = 0;
        function draw() {
          count += 1;
          document.body.style.background = count < 40 ? `rgb(0, 0, ${255 - count % 8})` : 'yellow';
          if (count < 40) requestAnimationFrame(draw);
        }
        onload = draw;
        </script><body>""",
    )
    recorder = await recording.begin()
    await go(recorder, site.url("moves"))
    await do(recorder, "wait_for", expression="document.body.style.background === 'yellow'")
    await recording.until("yellow")
    await recording.show(site, "red")
    await recorder.shutdown()

    playback = await watch(engine, recording.video)
    assert playback.shows("blue", "yellow", "red"), playback


async def test_a_killed_browser_leaves_its_video(recording: Recording, engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: with all that was shown until then."""
    recorder = await recording.begin()
    await recording.show(site, "red")
    await recording.show(site, "blue")
    (started,) = recording.facts.of(BrowserStarted)
    assert started.pid is not None
    os.kill(started.pid, signal.SIGKILL)
    await recording.facts.until(BrowserClosed)
    await recorder.shutdown()

    playback = await watch(engine, recording.video)
    assert playback.shows("red", "blue"), playback
    assert len(recording.facts.of(VideoRecorded)) == 1
    assert recording.half_written() == []


async def test_the_video_goes_on_after_a_crash(recording: Recording, engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: with the document that brings the page back."""
    recorder = await recording.begin()
    await recording.show(site, "red")
    await fails(recorder, "navigate", "page_crashed", url="chrome://crash")
    await recording.show(site, "lime")
    await recording.show(site, "blue")
    await recorder.shutdown()

    playback = await watch(engine, recording.video)
    assert [colour for colour in playback.colours if colour in ("red", "lime", "blue")] == ["red", "lime", "blue"], (
        playback
    )


async def test_there_is_no_video_unless_asked_for(recording: Recording, site: Site) -> None:
    """Contract, both engines: nor a preview, without a trace."""
    recorder = await recording.begin(record_video=False)
    await go(recorder, site.url("a.html"))
    await recorder.shutdown()

    assert [path.name for path in recording.folder.iterdir() if path.suffix == ".webm" or path.suffix == ".webp"] == []
    assert recording.facts.of(VideoRecorded) == []


async def test_a_video_that_reaches_its_limit_ends_early_and_says_so(
    recording: Recording, engine: BrowserEngine, site: Site
) -> None:
    """Contract, both engines: the file still plays, and is no larger."""
    recorder = await recording.begin(video_max_bytes=6000)
    await recording.show(site, "red")
    for count in range(8):
        await js(recorder, "(count) => { document.body.style.background = `rgb(255, ${count}, 0)`; }", count * 8)
        await do(recorder, "wait_for", ms=150)
    await go(recorder, site.url(coloured(site, "blue")))
    await recorder.shutdown()

    assert recording.video.stat().st_size <= 6000
    playback = await watch(engine, recording.video)
    assert playback.shows("red"), playback
    assert [warning.code for warning in recording.facts.of(Warned)] == ["video_full"]


async def test_a_video_that_cannot_be_written_disturbs_nobody(recording: Recording, site: Site) -> None:
    """Contract, both engines: the actions succeed; a warning says what became of it."""
    recording.video.mkdir()
    recorder = await recording.begin()
    await go(recorder, site.url(coloured(site, "red")))
    await recorder.shutdown()

    assert [warning.code for warning in recording.facts.of(Warned)] == ["video_failed"]
    assert recording.facts.of(VideoRecorded) == []
    assert recording.half_written() == []


async def test_a_traced_run_has_a_preview(recording: Recording, engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: small, animated, and without a video too."""
    recorder = await recording.begin(record_video=False, trace_enabled=True)
    for colour in ("red", "lime", "blue"):
        await go(recorder, site.url(coloured(site, colour)))
    await recorder.shutdown()

    await go(engine, site.url("a.html"))
    found = await leaf_through(engine, recording.folder / "preview.webp")
    (fact,) = recording.facts.of(PreviewMade)
    assert found["animated"]
    assert found["frames"] == fact.frames
    # A picture that takes too long on a busy machine is left out.
    assert 2 <= fact.frames <= 20
    assert (found["width"], found["height"]) == (fact.width, fact.height) == (320, 224)
    assert fact.size_bytes == (recording.folder / "preview.webp").stat().st_size < 500_000
    assert not recording.video.exists()


async def test_a_video_without_a_trace_has_a_preview(recording: Recording, engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: made of the video's pictures."""
    recorder = await recording.begin()
    await recording.show(site, "red")
    await recording.show(site, "blue")
    await recorder.shutdown()

    await go(engine, site.url("a.html"))
    found = await leaf_through(engine, recording.folder / "preview.webp")
    assert found["animated"]
    assert 2 <= found["frames"] <= 20


async def test_a_limit_that_is_impossible_is_refused(new_engine: NewEngine) -> None:
    """Contract, both engines: before any browser starts."""
    with pytest.raises(InvalidInput):
        await new_engine().launch(site_launch(record_video=True, video_max_bytes=0))
