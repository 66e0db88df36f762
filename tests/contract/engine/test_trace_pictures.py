"""Pictures for the trace: before and after each action, when asked for, and never in the way."""

from __future__ import annotations

from pathlib import Path

from bykilt.events.model import ActionStarted, ScreenshotTaken, SnapshotPhase, Warned
from tests.support.engines import VIEWPORT, Facts, NewEngine, do, fails, go, js, site_launch
from tests.support.pictures import jpeg_size, read_picture
from tests.support.site import Site


async def test_each_action_has_a_picture_before_and_after(new_engine: NewEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: JPEG files of the viewport below the artifact folder, tied to the action.

    So it is where the content of pages is not kept; see the next test.
    """
    facts = Facts()
    engine = new_engine(facts=facts, artifact_dir=tmp_path)
    await engine.launch(site_launch(viewport=VIEWPORT, trace_enabled=True, trace_dom=False))

    await go(engine, site.url("a.html"))
    await do(engine, "click", selector="#next")
    await fails(engine, "click", "element_not_found", selector="#nothing", timeout_ms=300)

    for started in facts.of(ActionStarted):
        taken = [fact for fact in facts.of(ScreenshotTaken) if fact.call_id == started.call_id]
        assert [fact.phase for fact in taken] == [SnapshotPhase.BEFORE, SnapshotPhase.AFTER]
        for fact in taken:
            assert fact.media_type == "image/jpeg"
            assert jpeg_size(read_picture(str(tmp_path / fact.file))) == (VIEWPORT.width, VIEWPORT.height)
            assert (fact.width, fact.height) == (VIEWPORT.width, VIEWPORT.height)
            assert fact.page_id == engine.current_page


async def test_beside_the_content_of_pages_there_are_fewer_pictures(
    new_engine: NewEngine, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: they take a twentieth of the time at most, but one is always taken of a failure."""
    facts = Facts()
    engine = new_engine(facts=facts, artifact_dir=tmp_path)
    await engine.launch(site_launch(viewport=VIEWPORT, trace_enabled=True))

    await go(engine, site.url("a.html"))
    for number in range(40):
        await js(engine, f"document.title = {number}")
    await fails(engine, "evaluate_js", "script_error", expression="nothing()")

    taken = facts.of(ScreenshotTaken)
    started = facts.of(ActionStarted)
    assert len({fact.file for fact in taken}) < len(started)
    assert (taken[-1].call_id, taken[-1].phase) == (started[-1].call_id, SnapshotPhase.AFTER)


async def test_no_pictures_are_taken_unless_asked_for(new_engine: NewEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: they cost time."""
    facts = Facts()
    engine = new_engine(facts=facts, artifact_dir=tmp_path)
    await engine.launch(site_launch(viewport=VIEWPORT))

    await go(engine, site.url("a.html"))

    assert facts.of(ScreenshotTaken) == []


async def test_a_page_that_cannot_be_photographed_still_works(
    new_engine: NewEngine, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: a crash costs its picture, not the action, and no deadline is missed by much."""
    facts = Facts()
    engine = new_engine(facts=facts, artifact_dir=tmp_path)
    await engine.launch(site_launch(viewport=VIEWPORT, trace_enabled=True, trace_dom=False))

    await fails(engine, "navigate", "page_crashed", url="chrome://crash")
    await go(engine, site.url("a.html"))

    assert await js(engine, "document.title") == "Page A"
    assert facts.of(ScreenshotTaken)[-1].phase is SnapshotPhase.AFTER


async def test_pictures_that_cannot_be_written_are_missed_once_and_stop_nothing(
    new_engine: NewEngine, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: the trace says that it is incomplete."""
    facts = Facts()
    engine = new_engine(facts=facts, artifact_dir=tmp_path)
    await engine.launch(site_launch(viewport=VIEWPORT, trace_enabled=True, trace_dom=False))
    await go(engine, site.url("a.html"))
    folder = (tmp_path / facts.of(ScreenshotTaken)[0].file).parent
    folder.rename(tmp_path / "elsewhere")
    folder.write_text("a file, where the folder was")

    await do(engine, "click", selector="#next")
    await do(engine, "evaluate_js", expression="1")

    (warning,) = facts.of(Warned)
    assert warning.code == "trace_incomplete"
    assert "free some space" in warning.hint
