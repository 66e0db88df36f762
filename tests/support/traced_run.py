"""A run of a few actions on a real engine, with its events and its trace in a folder.

Knows how an engine's facts become the files of a run. Does not know what is done in between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bykilt.browser.engine.browser_engine import BrowserEngine, EngineType
from bykilt.browser.engine.loader import EngineLoader
from bykilt.events.event_file import EventFile
from bykilt.events.redactor import KEEP_ALL, Redactor
from bykilt.events.stream import EventStream
from bykilt.ids import RunId
from bykilt.trace.writer import write_trace
from tests.support.engines import VIEWPORT, site_launch

RUN = RunId("01traced00000000run1")


@asynccontextmanager
async def traced_run(
    engine_type: EngineType, folder: Path, redactor: Redactor = KEEP_ALL, **settings: Any
) -> AsyncIterator[BrowserEngine]:
    """Yield an engine that leaves a trace; `trace.zip` is in `folder / RUN` when the block ends."""
    run_dir = folder / RUN
    run_dir.mkdir()
    file = EventFile(run_dir / "events.jsonl")
    stream = EventStream(RUN)
    stream.listen(file)
    engine = EngineLoader.load_engine(engine_type, facts=stream, artifact_dir=run_dir, redactor=redactor)
    try:
        await engine.launch(site_launch(viewport=VIEWPORT, timeout_ms=10_000, trace_enabled=True, **settings))
        yield engine
    finally:
        await engine.shutdown()
        file.close()
    write_trace(run_dir, redactor)
