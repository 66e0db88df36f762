"""Both of our engines, through the contract."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import anyio.to_thread

from bykilt.browser.engine.browser_engine import ActionResult, LaunchContext
from bykilt.browser.engine.loader import EngineLoader
from bykilt.events.event_file import EventFile
from bykilt.events.stream import EventStream
from bykilt.ids import RunId
from bykilt.trace.writer import write_trace


class BykiltEngine:
    """Every action goes through `dispatch`, as in a run."""

    # The other drivers have no sandbox either; `bench.sandbox` says what ours costs.
    context = LaunchContext(sandbox_mode=False)

    def __init__(self, name: str) -> None:
        self._engine = EngineLoader.load_engine(name)

    async def start(self, chromium: str) -> None:
        # The engine drops root and makes the profile by itself.
        os.environ.pop("CHROME_PATH", None)
        await self._engine.launch(self.context)

    async def stop(self) -> None:
        await self._engine.shutdown()

    async def _do(self, **action: Any) -> ActionResult:
        result = await self._engine.dispatch(action)
        if not result.success:
            raise SystemExit(f"{action}: {result.error}")
        return result

    async def navigate(self, url: str) -> None:
        await self._do(type="navigate", url=url)

    async def click(self, selector: str) -> None:
        await self._do(type="click", selector=selector)

    async def fill(self, selector: str, text: str) -> None:
        await self._do(type="fill", selector=selector, text=text)

    async def evaluate(self, expression: str) -> Any:
        return (await self._do(type="evaluate_js", expression=expression)).metadata["result"]

    async def screenshot(self) -> bytes:
        return await self.picture()

    async def picture(self, **fields: Any) -> bytes:
        """Return a PNG, of the viewport or of more."""
        result = await self._do(type="screenshot", path="bench.png", **fields)
        return await anyio.Path(result.artifacts["screenshot_path"]).read_bytes()

    async def wait_for(self, selector: str) -> None:
        await self._do(type="wait_for", selector=selector)

    async def text(self, selector: str) -> str:
        return str((await self._do(type="extract", selector=selector)).metadata["result"])


class TracedEngine(BykiltEngine):
    """With its events written and its trace taken, as in a run."""

    def __init__(self, name: str, *, with_dom: bool) -> None:
        self._folder = TemporaryDirectory(prefix="bykilt-bench-")
        self._run = Path(self._folder.name) / "01bench000000000run1"
        self._run.mkdir()
        self._file = EventFile(self._run / "events.jsonl")
        stream = EventStream(RunId(self._run.name))
        stream.listen(self._file)
        self._engine = EngineLoader.load_engine(name, facts=stream, artifact_dir=self._run)
        self.context = LaunchContext(trace_enabled=True, trace_dom=with_dom, sandbox_mode=False)

    async def write_trace(self, folder: Path) -> Path:
        return await anyio.to_thread.run_sync(write_trace, self._run)

    async def stop(self) -> None:
        await super().stop()
        self._file.close()
        self._folder.cleanup()


def traced(name: str) -> dict[str, Any]:
    """Return the ways of tracing of an engine."""
    return {
        "tracing overhead": partial(TracedEngine, name, with_dom=True),
        "tracing overhead, pictures only": partial(TracedEngine, name, with_dom=False),
    }
