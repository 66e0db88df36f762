"""The smaller browser keeps the same walls, on both engines. It reads no policy file; what that closes, we close."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine, EngineType
from bykilt.browser.engine.errors import BrowserNotFound
from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.engine.loader import EngineLoader
from bykilt.browser.launch.executable import find_chromium
from bykilt.browser.sandbox.profile import BrowserFlavor
from bykilt.events.model import BrowserStarted, EgressDecided, SandboxAttested, SandboxRemoved
from tests.support.engines import SITE_HOSTS, Facts, do, fails, go, js
from tests.support.site import Site


@asynccontextmanager
async def launched(
    engine_type: EngineType, folder: Path, facts: Facts, **settings: Any
) -> AsyncIterator[BrowserEngine]:
    engine = EngineLoader.load_engine(engine_type, facts=facts, artifact_dir=folder)
    await engine.launch(LaunchContext(browser_flavor="headless-shell", timeout_ms=15_000, **settings))
    try:
        yield engine
    finally:
        await engine.shutdown()


async def test_the_walls_stand_around_it(engine_type: EngineType, tmp_path: Path) -> None:
    """Promise: what is asked for is what runs, it is attested as the other one is, and nothing of it is left."""
    facts = Facts()
    async with launched(engine_type, tmp_path, facts, sandbox_network_mode="none") as engine:
        await go(engine, "data:text/html,<title>here</title>")
        assert await js(engine, "document.title") == "here"
        started = facts.of(BrowserStarted)[0]
        seen: Any = facts.of(SandboxAttested)[0]
        running = await anyio.Path(f"/proc/{started.pid}/exe").readlink()
        assert str(running) == str(find_chromium(flavor=BrowserFlavor.HEADLESS_SHELL).resolve())
        assert seen.policy["browser"] == "headless-shell"
        assert seen.attestation["holds"] is True
    assert facts.of(SandboxRemoved) == [SandboxRemoved([], [], False)]


async def test_it_reaches_the_allowed_hosts_and_no_other(engine_type: EngineType, tmp_path: Path, site: Site) -> None:
    """Promise: the same proxy is its only way out."""
    facts = Facts()
    async with launched(engine_type, tmp_path, facts, allowed_hosts=SITE_HOSTS) as engine:
        await go(engine, site.url("index.html"))
        await fails(engine, "navigate", "host_blocked", url="http://other.example/")
    decided = {fact.host: fact.allowed for fact in facts.of(EgressDecided)}
    assert decided["127.0.0.1"] is True
    assert decided["other.example"] is False


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", " fi\tle:///etc/passwd", "FILE:/etc/passwd", "view-source:file:///etc/passwd"]
)
async def test_no_file_is_opened(engine_type: EngineType, tmp_path: Path, url: str) -> None:
    """Promise: it would show files of the sandbox, of which its profile is one; no action gets there, nested or not."""
    async with launched(engine_type, tmp_path, Facts(), sandbox_network_mode="none") as engine:
        await go(engine, "about:blank")
        await fails(engine, "navigate", "navigation_failed", url=url)
        await fails(engine, "new_tab", "navigation_failed", url=url)
        await fails(engine, "wait_for_popup", "navigation_failed", action={"type": "new_tab", "url": url})
        assert await js(engine, "location.href") == "about:blank"


async def test_a_page_gets_to_no_file(engine_type: EngineType, tmp_path: Path, site: Site) -> None:
    """Promise: Chromium itself keeps pages from files, also those that no server sent."""
    roads = (
        "{ location.href = 'file:///etc/passwd'; }",
        "{ location.href = 'view-source:file:///etc/passwd'; }",
        "{ window.open('file:///etc/passwd'); }",
        "{ document.body.append(Object.assign(document.createElement('iframe'), { src: 'file:///etc/passwd' })); }",
    )
    facts = Facts()
    async with launched(engine_type, tmp_path, facts, allowed_hosts=SITE_HOSTS) as engine:
        for start in (site.url("index.html"), "about:blank", "data:text/html,<p>here"):
            await go(engine, start)
            for road in roads:
                await do(engine, "evaluate_js", expression=road)
            told = "fetch('file:///etc/passwd').then(() => 'read', () => 'refused')"
            assert await js(engine, told) == "refused"
            assert await js(engine, "new Promise(requestAnimationFrame).then(() => location.href)") == start
        assert len(facts.open_pages) == 1


async def test_a_machine_without_it_says_what_to_install(
    engine_type: EngineType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: another browser does not take its place in silence."""
    monkeypatch.setenv("HEADLESS_SHELL_PATH", str(tmp_path / "nothing"))
    with pytest.raises(BrowserNotFound, match="HEADLESS_SHELL_PATH") as caught:
        async with launched(engine_type, tmp_path, Facts(), sandbox_network_mode="none"):
            pass
    assert "HEADLESS_SHELL_PATH" in (caught.value.hint or "")
