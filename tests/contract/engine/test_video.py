"""`video.webm` and `preview.webp`: what the current page showed, as a film and as a small animation."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.errors import InvalidInput
from bykilt.events.model import BrowserClosed, BrowserStarted, PreviewMade, VideoRecorded, Warned
from tests.support.engines import VIEWPORT, Facts, NewEngine, do, fails, go, js
from tests.support.films import leaf_through, watch
from tests.support.site import Site

A_WHILE_MS = 400


def coloured(site: Site, colour: str) -> str:
    """Return the path of a page of one colour."""
    site.set_page(f"/{colour}", f"<title>{colour}</title><body style='background: {colour}'><button>b</button>")
    return colour


async def show(engine: BrowserEngine, address: str) -> None:
    """Have a page shown for a while."""
    await go(engine, address)
    await do(engine, "wait_for", ms=A_WHILE_MS)


class Filming:
    """An engine that films, its folder and its facts."""

    def __init__(self, new_engine: NewEngine, folder: Path) -> None:
        self.facts = Facts()
        self.folder = folder / "filmed"
        self.folder.mkdir()
        self.engine = new_engine(facts=self.facts, artifact_dir=self.folder)

    async def begin(self, **settings: Any) -> BrowserEngine:
        """Launch it."""
        await self.engine.launch(LaunchContext(**{"viewport": VIEWPORT, "record_video": True, **settings}))
        return self.engine

    @property
    def video(self) -> Path:
        return self.folder / "video.webm"

    def half_written(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if path.name.startswith(".")]


@pytest.fixture
def filming(new_engine: NewEngine, tmp_path: Path) -> Filming:
    return Filming(new_engine, tmp_path)


async def test_the_video_shows_what_the_page_showed(filming: Filming, engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: in the size of the viewport, over a change of process too, until the shutdown."""
    filmed = await filming.begin()
    await show(filmed, site.url(coloured(site, "red")))
    await show(filmed, site.other_url(coloured(site, "lime"), cross_site=True))
    await show(filmed, site.url(coloured(site, "blue")))
    await filmed.shutdown()

    film = await watch(engine, filming.video)
    assert film.shows("red", "lime", "blue"), film
    assert (film.width, film.height) == (VIEWPORT.width, VIEWPORT.height)
    assert film.duration_s >= 3 * A_WHILE_MS / 1000
    (fact,) = filming.facts.of(VideoRecorded)
    assert (fact.file, fact.media_type) == ("video.webm", "video/webm")
    assert (fact.width, fact.height) == (film.width, film.height)
    assert fact.size_bytes == filming.video.stat().st_size
    assert fact.duration_ms == pytest.approx(film.duration_s * 1000, abs=1)
    assert filming.half_written() == []


async def test_the_video_follows_the_current_page(filming: Filming, engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: all tabs are in one file, each while it is the one that is worked with."""
    filmed = await filming.begin()
    first = filmed.current_page
    await show(filmed, site.url(coloured(site, "red")))
    await do(filmed, "new_tab", url=site.url(coloured(site, "blue")))
    await do(filmed, "wait_for", ms=A_WHILE_MS)
    await do(filmed, "switch_tab", page=first)
    await do(filmed, "wait_for", ms=A_WHILE_MS)
    await filmed.shutdown()

    film = await watch(engine, filming.video)
    assert film.shows("red", "blue", "red"), film


async def test_the_video_goes_on_after_a_tab_was_closed(filming: Filming, engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: with the page that is the current one then."""
    filmed = await filming.begin()
    await show(filmed, site.url(coloured(site, "red")))
    await do(filmed, "new_tab", url=site.url(coloured(site, "blue")))
    await do(filmed, "wait_for", ms=A_WHILE_MS)
    await do(filmed, "close_tab")
    await do(filmed, "wait_for", ms=A_WHILE_MS)
    await show(filmed, site.url(coloured(site, "lime")))
    await filmed.shutdown()

    film = await watch(engine, filming.video)
    assert film.shows("red", "blue", "red", "lime"), film


async def test_where_an_animation_ends_is_shown(filming: Filming, engine: BrowserEngine, site: Site) -> None:
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
    filmed = await filming.begin()
    await go(filmed, site.url("moves"))
    await do(filmed, "wait_for", expression="document.body.style.background === 'yellow'")
    await do(filmed, "wait_for", ms=2 * A_WHILE_MS)
    await show(filmed, site.url(coloured(site, "red")))
    await filmed.shutdown()

    film = await watch(engine, filming.video)
    assert film.shows("blue", "yellow", "red"), film


async def test_a_browser_that_is_killed_leaves_its_video(filming: Filming, engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: with all that was shown until then."""
    filmed = await filming.begin()
    await show(filmed, site.url(coloured(site, "red")))
    await show(filmed, site.url(coloured(site, "blue")))
    (started,) = filming.facts.of(BrowserStarted)
    assert started.pid is not None
    os.kill(started.pid, signal.SIGKILL)
    await filming.facts.until(BrowserClosed)
    await filmed.shutdown()

    film = await watch(engine, filming.video)
    assert film.shows("red", "blue"), film
    assert len(filming.facts.of(VideoRecorded)) == 1
    assert filming.half_written() == []


async def test_the_video_goes_on_after_a_crash_of_the_page(filming: Filming, engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: with the document that brings the page back."""
    filmed = await filming.begin()
    await show(filmed, site.url(coloured(site, "red")))
    await fails(filmed, "navigate", "page_crashed", url="chrome://crash")
    await show(filmed, site.url(coloured(site, "lime")))
    await show(filmed, site.url(coloured(site, "blue")))
    await filmed.shutdown()

    film = await watch(engine, filming.video)
    assert [colour for colour in film.colours if colour in ("red", "lime", "blue")] == ["red", "lime", "blue"], film


async def test_there_is_no_video_unless_asked_for(filming: Filming, site: Site) -> None:
    """Contract, both engines: nor a preview, without a trace."""
    filmed = await filming.begin(record_video=False)
    await go(filmed, site.url("a.html"))
    await filmed.shutdown()

    assert [path.name for path in filming.folder.iterdir() if path.suffix == ".webm" or path.suffix == ".webp"] == []
    assert filming.facts.of(VideoRecorded) == []


async def test_a_video_that_reaches_its_limit_ends_early_and_says_so(
    filming: Filming, engine: BrowserEngine, site: Site
) -> None:
    """Contract, both engines: the file still plays, and is no larger."""
    filmed = await filming.begin(video_max_bytes=6000)
    await show(filmed, site.url(coloured(site, "red")))
    for count in range(8):
        await js(filmed, "(count) => { document.body.style.background = `rgb(255, ${count}, 0)`; }", count * 8)
        await do(filmed, "wait_for", ms=150)
    await show(filmed, site.url(coloured(site, "blue")))
    await filmed.shutdown()

    assert filming.video.stat().st_size <= 6000
    film = await watch(engine, filming.video)
    assert film.shows("red"), film
    assert [warning.code for warning in filming.facts.of(Warned)] == ["video_full"]


async def test_a_video_that_cannot_be_written_disturbs_nobody(filming: Filming, site: Site) -> None:
    """Contract, both engines: the actions succeed; a warning says what became of it."""
    filming.video.mkdir()
    filmed = await filming.begin()
    await show(filmed, site.url(coloured(site, "red")))
    await filmed.shutdown()

    assert [warning.code for warning in filming.facts.of(Warned)] == ["video_failed"]
    assert filming.facts.of(VideoRecorded) == []
    assert filming.half_written() == []


async def test_a_traced_run_has_a_preview(filming: Filming, engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: small, animated, and without a video too."""
    filmed = await filming.begin(record_video=False, trace_enabled=True)
    for colour in ("red", "lime", "blue"):
        await go(filmed, site.url(coloured(site, colour)))
    await filmed.shutdown()

    await go(engine, site.url("a.html"))
    found = await leaf_through(engine, filming.folder / "preview.webp")
    (fact,) = filming.facts.of(PreviewMade)
    assert found["animated"]
    assert found["frames"] == fact.frames
    assert 3 <= fact.frames <= 20
    assert (found["width"], found["height"]) == (fact.width, fact.height) == (320, 224)
    assert fact.size_bytes == (filming.folder / "preview.webp").stat().st_size < 500_000
    assert not filming.video.exists()


async def test_a_filmed_run_without_a_trace_has_a_preview(filming: Filming, engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: made of the video's pictures."""
    filmed = await filming.begin()
    await show(filmed, site.url(coloured(site, "red")))
    await show(filmed, site.url(coloured(site, "blue")))
    await filmed.shutdown()

    await go(engine, site.url("a.html"))
    found = await leaf_through(engine, filming.folder / "preview.webp")
    assert found["animated"]
    assert 2 <= found["frames"] <= 20


async def test_a_limit_that_is_impossible_is_refused(new_engine: NewEngine) -> None:
    """Contract, both engines: before any browser starts."""
    with pytest.raises(InvalidInput):
        await new_engine().launch(LaunchContext(record_video=True, video_max_bytes=0))
