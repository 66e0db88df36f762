"""The stock viewer of the installed playwright package, in a real Chromium, with a trace that we wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.browser.engine.loader import EngineLoader
from bykilt.trace.viewer_server import ViewerServer
from bykilt.trace.writer import write_trace
from tests.support.engines import site_launch
from tests.support.made_run import make_run

PICTURE = """() => {
    const image = document.querySelector('img[alt="Screenshot"]');
    return image && image.complete && image.naturalWidth ? [image.naturalWidth, image.naturalHeight, image.src] : null;
}"""


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[BrowserEngine]:
    engine = EngineLoader.load_engine("cdp", artifact_dir=tmp_path / "viewer")
    with anyio.fail_after(60):
        await engine.launch(site_launch(viewport={"width": 1400, "height": 850}, timeout_ms=15_000))
        try:
            yield engine
        finally:
            await engine.shutdown()


async def value_of(browser: BrowserEngine, **action: object) -> object:
    """Carry out an action that must succeed; return its result."""
    result = await browser.dispatch(action)  # type: ignore[arg-type]
    assert result.success, result.error
    return result.metadata.get("result")


async def test_the_viewer_lists_the_steps_of_the_flow(browser: BrowserEngine, tmp_path: Path) -> None:
    with ViewerServer(write_trace(make_run(tmp_path))) as server:
        await value_of(browser, type="navigate", url=server.url)
        await value_of(browser, type="wait_for", selector=".action-title >> text=Buy")
        rows = await value_of(browser, type="extract", selector=".action-title-method", all=True)
        assert rows == ["Open the orders", "For each row", "Save the table", "Buy (attempt 2)"]

        # The group is folded at first; unfolded it shows what was done in each round.
        await value_of(browser, type="click", selector=".actions-tree-view .codicon-chevron-right")
        rows = await value_of(browser, type="extract", selector=".action-title-method", all=True)
        assert rows == [
            "Open the orders",
            "For each row",
            "Pick {row}",
            "Pick {row}",
            "Save the table",
            "Buy (attempt 2)",
        ]


async def test_the_viewer_shows_the_picture_and_the_error_of_an_action(browser: BrowserEngine, tmp_path: Path) -> None:
    with ViewerServer(write_trace(make_run(tmp_path))) as server:
        await value_of(browser, type="navigate", url=server.url)
        await value_of(browser, type="click", selector=".action-title >> text=Buy")
        await value_of(browser, type="wait_for", expression=f"({PICTURE})() !== null")
        picture = await value_of(browser, type="evaluate_js", expression=PICTURE)
        assert isinstance(picture, list)
        assert picture[:2] == [320, 180]
        assert "/trace/file/trace/00007.png" in picture[2]

        await value_of(browser, type="click", selector="role=tab[name=/Errors/]")
        await value_of(browser, type="wait_for", text="#buy: <div> would receive the event")


async def test_the_viewer_shows_console_and_network(browser: BrowserEngine, tmp_path: Path) -> None:
    with ViewerServer(write_trace(make_run(tmp_path))) as server:
        await value_of(browser, type="navigate", url=server.url)
        await value_of(browser, type="click", selector="role=tab[name=/Console/]")
        await value_of(browser, type="wait_for", text="low stock")
        await value_of(browser, type="wait_for", text="x is not a function")
        await value_of(browser, type="click", selector="role=tab[name=/Network/]")
        await value_of(browser, type="wait_for", text="orders?page=2")
