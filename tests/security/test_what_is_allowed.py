"""The control of all refusals: what a page and a run are meant to do works inside the sandbox, on both engines.

A sandbox that refuses everything would pass every other test of this folder.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from websockets.asyncio.server import ServerConnection, serve

from bykilt.browser.engine.browser_engine import BrowserEngine, EngineType
from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.engine.loader import EngineLoader
from bykilt.browser.sandbox.profile import BrowserFlavor
from bykilt.events.model import SandboxAttested
from tests.support.engines import SITE_HOSTS, Facts, do, go, js
from tests.support.screen import Screen, open_screen
from tests.support.site import Site
from tests.support.site_endpoints import download_content

SERVICE_WORKER = "self.onmessage = (event) => event.source.postMessage('service worker heard ' + event.data);"
# Each expression yields what it shows.
OF_A_PAGE = {
    "fetch": ("fetch('/echo').then((answer) => answer.json()).then((told) => told.method)", "GET"),
    "WASM": (
        "WebAssembly.instantiate(new Uint8Array([0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,"
        "100,0,0,10,9,1,7,0,32,0,32,1,106,11])).then((made) => made.instance.exports.add(40, 2))",
        42,
    ),
    "a dedicated worker": (
        "new Promise((done) => { const worker = new Worker(URL.createObjectURL(new Blob("
        "['onmessage = (event) => postMessage(event.data * 2)']))); worker.onmessage = (event) => done(event.data);"
        " worker.postMessage(21); })",
        42,
    ),
    "a shared worker": (
        "new Promise((done) => { const worker = new SharedWorker(URL.createObjectURL(new Blob("
        "['onconnect = (event) => event.ports[0].postMessage(42)']))); worker.port.onmessage = (event) =>"
        " done(event.data); })",
        42,
    ),
    "a service worker": (
        "(async () => { const heard = new Promise((done) => navigator.serviceWorker.onmessage = (event) =>"
        " done(event.data)); await navigator.serviceWorker.register('/service_worker.js');"
        " (await navigator.serviceWorker.ready).active.postMessage('us'); return heard; })()",
        "service worker heard us",
    ),
    "IndexedDB": (
        "new Promise((done, fail) => { const open = indexedDB.open('kept', 1); open.onerror = fail;"
        " open.onupgradeneeded = () => open.result.createObjectStore('things');"
        " open.onsuccess = () => { const change = open.result.transaction('things', 'readwrite');"
        " change.objectStore('things').put(42, 'answer'); change.oncomplete = () => {"
        " const read = open.result.transaction('things').objectStore('things').get('answer');"
        " read.onsuccess = () => done(read.result); }; }; })",
        42,
    ),
    "localStorage": ("(localStorage.setItem('answer', 42), localStorage.getItem('answer'))", "42"),
    "a cookie": ("(document.cookie = 'answer=42', document.cookie)", "answer=42"),
    "a picture that is drawn": (
        "(() => { const canvas = document.createElement('canvas'); const pen = canvas.getContext('2d');"
        " pen.fillStyle = 'rgb(1,2,3)'; pen.fillRect(0, 0, 9, 9); return [...pen.getImageData(1, 1, 1, 1).data]; })()",
        [1, 2, 3, 255],
    ),
    "the Web Crypto API": (
        "crypto.subtle.digest('SHA-256', new Uint8Array()).then((made) => new Uint8Array(made)[0])",
        0xE3,
    ),
}


@pytest.fixture
def facts() -> Facts:
    return Facts()


@pytest.fixture
def flavor() -> str:
    """The whole browser, where a test does not ask for both."""
    return BrowserFlavor.CHROMIUM


both_flavors = pytest.mark.parametrize("flavor", list(BrowserFlavor))


@pytest.fixture
async def engine(engine_type: EngineType, tmp_path: Path, facts: Facts, flavor: str) -> AsyncIterator[BrowserEngine]:
    """An engine in restricted mode, which reaches the loopback site."""
    engine = EngineLoader.load_engine(engine_type, facts=facts, artifact_dir=tmp_path)
    context = LaunchContext(allowed_hosts=SITE_HOSTS, timeout_ms=20_000, record_video=True, browser_flavor=flavor)
    await engine.launch(context)
    yield engine
    await engine.shutdown()


@both_flavors
async def test_a_page_has_what_pages_have(engine: BrowserEngine, site: Site) -> None:
    """Contract: everything that a page may use and that the sandbox does not take away on purpose."""
    site.set_page("/service_worker.js", SERVICE_WORKER, content_type="text/javascript")
    await go(engine, site.url("a.html"))
    seen = {what: await js(engine, expression) for what, (expression, _) in OF_A_PAGE.items()}

    assert seen == {what: expected for what, (_, expected) in OF_A_PAGE.items()}


@both_flavors
async def test_a_page_talks_to_a_web_socket(engine: BrowserEngine, site: Site) -> None:
    """Contract: through the proxy, both ways."""

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(f"you said {message!r}")

    await go(engine, site.url("a.html"))
    async with serve(echo, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        talk = (
            f"new Promise((done, fail) => {{ const socket = new WebSocket('ws://127.0.0.1:{port}/');"
            " socket.onerror = fail; socket.onopen = () => socket.send('hello');"
            " socket.onmessage = (event) => { socket.close(); done(event.data); }; })"
        )
        assert await js(engine, talk) == "you said 'hello'"


@both_flavors
async def test_evidence_and_files_leave_the_sandbox(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Contract: pictures, PDF, video and downloads come out whole, and an upload goes in."""
    await go(engine, site.url("upload.html"))
    picture = await engine.dispatch({"type": "screenshot"})
    printed = await engine.dispatch({"type": "pdf"})
    sent = tmp_path / "sent.txt"
    sent.write_text("from outside")
    await do(engine, "file_upload", selector="input[type=file]", files=[str(sent)])
    held = await js(engine, "document.querySelector('input[type=file]').files[0].text()")
    await js(engine, "document.body.innerHTML += '<a id=get href=/download/kept.txt?size=5000>get</a>', null")
    kept = await do(engine, "wait_for_download", action={"type": "click", "selector": "#get"})
    await engine.shutdown()

    assert (await _content(picture.artifacts["screenshot_path"])).startswith(b"\x89PNG")
    assert (await _content(printed.artifacts["pdf_path"])).startswith(b"%PDF-")
    assert held == "from outside"
    assert await _content(kept["path"]) == download_content("kept.txt", 5000)
    assert (await _content(tmp_path / "video.webm")).startswith(b"\x1a\x45\xdf\xa3")


async def _content(path: str | Path) -> bytes:
    return await anyio.Path(path).read_bytes()


async def test_chromium_finds_itself_well_sandboxed(engine: BrowserEngine) -> None:
    """Contract: our walls leave Chromium room for its own; its word on that, beside what the kernel says."""
    await go(engine, "chrome://sandbox")
    await do(engine, "wait_for", selector="#evaluation")
    said = (await do(engine, "extract", selector="body", kind="inner_text"))["result"]

    assert "You are adequately sandboxed." in said
    assert "Layer 1 Sandbox\tNamespace" in said
    assert "Seccomp-BPF sandbox\tYes" in said


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    """A screen, with the variables of a desktop session."""
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with open_screen(tmp_path) as screen:
        for name, value in screen.environment.items():
            monkeypatch.setenv(name, value)
        yield screen


async def test_a_window_is_shown_on_a_screen(
    engine_type: EngineType, tmp_path: Path, site: Site, screen: Screen
) -> None:
    """Contract: the browser gets the screen's socket and the pass for it, and all other walls stand."""
    green = site.set_page("/green.html", "<body style='background: rgb(12, 200, 34)'>")
    facts = Facts()
    engine = EngineLoader.load_engine(engine_type, facts=facts, artifact_dir=tmp_path)
    await engine.launch(LaunchContext(allowed_hosts=SITE_HOSTS, headless=False, timeout_ms=20_000))
    try:
        await go(engine, green)
        with anyio.fail_after(10):
            while not screen.shows(12, 200, 34):
                await js(engine, "new Promise(requestAnimationFrame).then(() => 0)")
        assert "Headless" not in await js(engine, "navigator.userAgent")
    finally:
        await engine.shutdown()
    seen: Any = facts.of(SandboxAttested)[0]
    assert seen.attestation["holds"] is True
