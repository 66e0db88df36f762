"""Engines for the contract tests: made, kept between tests, brought back to a fresh state; and what they gave off.

Knows the contract. Knows neither engine from inside.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import anyio

from bykilt.browser.engine.browser_engine import ActionResult, BrowserEngine, EngineType
from bykilt.browser.engine.launch_context import LaunchContext, Viewport
from bykilt.browser.engine.loader import EngineLoader
from bykilt.browser.launch.processes import Process, living, read_process
from bykilt.events.model import BrowserStarted, Fact, PageClosed, PageOpened
from bykilt.ids import PageId
from bykilt.json_types import JsonValue

F = TypeVar("F")

NewEngine = Callable[..., BrowserEngine]

VIEWPORT = Viewport(1000, 700)
# Where the loopback site is, under every name that the tests use; one that is nowhere, and one that a proxy knows.
SITE_HOSTS = ("127.0.0.1:*", "localhost:*", "*.localhost:*", "[::1]:*", "nowhere.invalid", "shop.example")
TIMEOUT_MS = 10_000
_RESET_S = 5


def site_launch(**settings: Any) -> LaunchContext:
    """Return settings with which a sandboxed browser reaches the loopback site, and nothing else."""
    if not settings.keys() & {"cdp_url", "sandbox_mode", "sandbox_network_mode", "allowed_hosts"}:
        settings["allowed_hosts"] = SITE_HOSTS
    return LaunchContext(**settings)


@dataclass
class Facts:
    """A sink that keeps what it hears, and lets a test wait for more. `open_pages` holds the oldest page first."""

    heard: list[Fact] = field(default_factory=list)
    open_pages: list[PageId] = field(default_factory=list)
    _news: anyio.Event = field(default_factory=anyio.Event)

    def publish(self, fact: Fact) -> None:
        """Take a fact from the engine."""
        self.heard.append(fact)
        if isinstance(fact, PageOpened):
            self.open_pages.append(fact.page_id)
        elif isinstance(fact, PageClosed) and fact.page_id in self.open_pages:
            self.open_pages.remove(fact.page_id)
        self._news.set()
        self._news = anyio.Event()

    def of(self, kind: type[F]) -> list[F]:
        """Return the facts of one kind so far, oldest first."""
        return [fact for fact in self.heard if isinstance(fact, kind)]

    async def until(self, kind: type[F], fits: Callable[[F], bool] = lambda _: True) -> F:
        """Return the first fact of a kind that fits, waiting for it."""
        with anyio.fail_after(5):
            while True:
                news = self._news
                for fact in self.of(kind):
                    if fits(fact):
                        return fact
                await news.wait()


class KeptEngine:
    """One engine for many tests. Each test gets it with one blank page; a broken one is replaced."""

    def __init__(self, engine_type: EngineType, artifact_dir: Path) -> None:
        self.facts = Facts()
        self._type = engine_type
        self._artifact_dir = artifact_dir
        self._engine: BrowserEngine | None = None

    async def fresh(self) -> BrowserEngine:
        """Return the engine, launched, showing one blank page, with nothing heard yet."""
        if self._engine is not None and not await self._reset(self._engine):
            await self.close()
        if self._engine is None:
            engine = EngineLoader.load_engine(self._type, facts=self.facts, artifact_dir=self._artifact_dir)
            await engine.launch(site_launch(viewport=VIEWPORT, timeout_ms=TIMEOUT_MS))
            self._engine = engine
        self.facts.heard.clear()
        return self._engine

    async def close(self) -> None:
        """End the browser."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.shutdown()
        self.facts.open_pages.clear()

    async def _reset(self, engine: BrowserEngine) -> bool:
        with anyio.move_on_after(_RESET_S):
            if not self.facts.open_pages:
                return False
            first, *others = self.facts.open_pages
            await engine.disable_network_interception()
            await engine.dispatch({"type": "handle_dialog", "policy": "dismiss"})
            await engine.dispatch({"type": "emulate", "reset": True})
            for page in others:
                await engine.dispatch({"type": "close_tab", "page": page})
            blank = await engine.dispatch({"type": "navigate", "url": "about:blank", "page": first})
            # Nothing is under the pointer when the next page opens.
            moved = await engine.dispatch({"type": "mouse", "kind": "move", "x": 0, "y": 0})
            return blank.success and moved.success and self.facts.open_pages == [first]
        return False


async def do(engine: BrowserEngine, kind: str, /, **fields: Any) -> dict[str, Any]:
    """Carry out an action that has to succeed; return its metadata."""
    result = await engine.dispatch({"type": kind, **fields})
    assert result.success, f"{kind} failed ({result.metadata.get('error_code')}): {result.error}"
    return result.metadata


async def fails(engine: BrowserEngine, kind: str, code: str, /, **fields: Any) -> ActionResult:
    """Carry out an action that has to fail with this code; return its result."""
    result = await engine.dispatch({"type": kind, **fields})
    assert not result.success, f"{kind} succeeded: {result.metadata}"
    assert result.metadata["error_code"] == code, result.error
    assert result.error
    return result


async def js(engine: BrowserEngine, expression: str, arg: JsonValue = None, **fields: Any) -> Any:
    """Return what an expression in the page yields."""
    return (await do(engine, "evaluate_js", expression=expression, arg=arg, **fields))["result"]


async def go(engine: BrowserEngine, url: str, **fields: Any) -> dict[str, Any]:
    """Open an address."""
    return await do(engine, "navigate", url=url, **fields)


async def recorded(engine: BrowserEngine) -> list[dict[str, Any]]:
    """Return the intercepted requests without those for a site's icon.

    The browser asks for it by itself, once for each site, at a moment of its own.
    """
    return [each for each in await engine.get_intercepted_requests() if not each["url"].endswith("/favicon.ico")]


def processes_of(started: BrowserStarted) -> list[Process]:
    """Return the living processes of a browser: of its user if it has one of its own, else of its session."""
    if started.uid is not None and started.uid != os.geteuid():
        return [process for process in living() if process.uid == started.uid]
    assert started.pid is not None
    return [process for process in living() if process.session == started.pid]


def still_living(processes: list[Process]) -> list[Process]:
    """Return those of the processes that have not ended."""
    return [process for process in processes if read_process(process.pid) == process]
