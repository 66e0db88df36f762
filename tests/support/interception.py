"""For tests of interception: one rule, one request, and waiting for what was seen. Knows no engine from inside."""

from __future__ import annotations

from typing import Any

import anyio

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import js, recorded

FETCH = """(path) => fetch(path).then(
    async (answer) => ({ status: answer.status, text: await answer.text(), kind: answer.headers.get("x-kind") }),
    (error) => ({ failed: error.name }),
)"""


async def rule(engine: BrowserEngine, **fields: Any) -> None:
    """Intercept by one rule."""
    result = await engine.enable_network_interception(rules=[fields])
    assert result.success, result.error


async def fetch(engine: BrowserEngine, path: str) -> Any:
    """Return what a page gets for a path."""
    return await js(engine, FETCH, path)


async def seen(engine: BrowserEngine, ending: str) -> dict[str, Any]:
    """Return the one request whose address ends so, once it is over."""
    with anyio.fail_after(5):
        while True:
            found = [each for each in await engine.get_intercepted_requests() if each["url"].endswith(ending)]
            if found and found[-1]["timing"]["total_ms"] is not None:
                assert len(found) == 1
                return found[0]
            await js(engine, "new Promise((done) => requestAnimationFrame(done))")


async def until_recorded(engine: BrowserEngine) -> None:
    """Return once a request was seen, so that it is held back if a rule says so."""
    with anyio.fail_after(5):
        while not await recorded(engine):
            await js(engine, "new Promise((done) => requestAnimationFrame(done))")
