"""WebSockets while the network is intercepted."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest
from websockets.asyncio.server import ServerConnection, serve

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.events.model import WebSocketClosed, WebSocketFrame, WebSocketOpened
from tests.support.engines import Facts, go, js, recorded
from tests.support.site import Site

TALK = """(url) => new Promise((done) => {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    const heard = [];
    socket.onopen = () => { socket.send("first"); socket.send(new Uint8Array([1, 2, 3])); };
    socket.onmessage = (event) => {
        heard.push(typeof event.data === "string" ? event.data : event.data.byteLength);
        if (heard.length === 2) socket.close();
    };
    socket.onclose = () => done(heard);
})"""


@pytest.fixture
async def socket_url() -> AsyncIterator[str]:
    """A server that says back what it hears."""

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(f"you said {message}" if isinstance(message, str) else message)

    async with serve(echo, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/talk"


async def test_the_frames_of_a_web_socket_are_observed(
    engine: BrowserEngine, site: Site, facts: Facts, socket_url: str
) -> None:
    """Specification: as facts, and in what was intercepted; in their order, both ways."""
    await go(engine, site.url("a.html"))
    await engine.enable_network_interception(patterns=["ws://127.0.0.1/*"])

    assert await js(engine, TALK, socket_url) == ["you said first", 3]

    await facts.until(WebSocketClosed)
    (opened,) = facts.of(WebSocketOpened)
    assert (opened.url, opened.page_id) == (socket_url, engine.current_page)
    frames = [(fact.direction, fact.text, fact.size) for fact in facts.of(WebSocketFrame)]
    assert [frame for frame in frames if frame[0] == "sent"] == [("sent", "first", 5), ("sent", None, 3)]
    assert [frame for frame in frames if frame[0] == "received"] == [
        ("received", "you said first", 14),
        ("received", None, 3),
    ]
    (entry,) = await recorded(engine)
    assert (entry["url"], entry["resource_type"], entry["done"]) == (socket_url, "websocket", "observed")
    assert [(each["direction"], each["text"], each["size"]) for each in entry["frames"]] == frames
    assert entry["timing"]["total_ms"] is not None


async def test_the_socket_of_a_worker_is_observed(
    engine: BrowserEngine, site: Site, facts: Facts, socket_url: str
) -> None:
    """Contract, both engines."""
    site.set_page(
        "/talker.js",
        f"const talk = {TALK}; talk({socket_url!r}).then((heard) => postMessage(heard))",
        content_type="text/javascript",
    )
    await go(engine, site.url("a.html"))
    await engine.enable_network_interception()

    await js(engine, "new Promise((done) => { new Worker('/talker.js').onmessage = (event) => done(event.data); })")

    with anyio.fail_after(5):
        frame = await facts.until(WebSocketFrame, lambda fact: fact.direction == "received")
    assert frame.text == "you said first"


async def test_sockets_are_left_alone_without_interception(
    engine: BrowserEngine, site: Site, facts: Facts, socket_url: str
) -> None:
    """Contract, both engines: nothing is told."""
    await go(engine, site.url("a.html"))

    await js(engine, TALK, socket_url)

    assert facts.of(WebSocketOpened) == []
    assert facts.of(WebSocketFrame) == []
