"""What tests of runs start from: flows of a few clicks, and a run service in a home of its own.

Knows how to make them short. Knows no test.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bykilt.events.stream import EventListener
from bykilt.flows.loader import load_flow_text
from bykilt.flows.model import Flow
from bykilt.history.history import History
from bykilt.runs.model import EngineFactory, Models, RunRequest, Secrecy, TraceWriter
from bykilt.runs.service import RunService
from bykilt.settings import Settings
from bykilt.storage.home import Home


def clicks(*selectors: str, **extra: Any) -> Flow:
    """Return a flow that clicks these, in steps called `click1`, `click2`, …"""
    steps = [{"id": f"click{n}", "action": "click", "selector": each} for n, each in enumerate(selectors, 1)]
    return load_flow_text(json.dumps({"bykilt": 1, "name": "clicks", "steps": steps, **extra}), "clicks.json")


def request(*selectors: str, **wanted: Any) -> RunRequest:
    """Return a request for a run that clicks these."""
    return RunRequest(flow=clicks(*selectors), **wanted)


def open_history(home: Path) -> History:
    """Open the history in a home, which is made if it is not there."""
    Home(home).make()
    return History(Home(home).database)


@asynccontextmanager
async def run_service(
    home: Path,
    engines: EngineFactory,
    *,
    traces: TraceWriter | None = None,
    listeners: Sequence[EventListener] = (),
    models: Models | None = None,
    secrecy: Secrecy | None = None,
    **settings: Any,
) -> AsyncIterator[RunService]:
    """Open a run service in a home; its history closes with it."""
    history = open_history(home)
    try:
        async with RunService(
            Settings(home=home, **settings),
            history,
            engines,
            traces=traces,
            listeners=listeners,
            models=models,
            secrecy=secrecy,
        ) as service:
            yield service
    finally:
        history.close()
