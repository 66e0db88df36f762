"""From the address of a running browser to a transport. Knows both forms of address: ws(s):// and http(s)://."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

import anyio.to_thread
import orjson

from bykilt.browser.cdp.errors import ConnectionClosed
from bykilt.browser.cdp.transport import WebSocketTransport

_MAX_ANSWER_BYTES = 1 << 20


async def connect_to(url: str, *, timeout_s: float, headers: Mapping[str, str] | None = None) -> WebSocketTransport:
    """Return a connected transport to the browser at `url`.

    An http address is asked for its WebSocket by `/json/version`.

    Raises:
        ConnectionClosed: The address is of another kind, or nobody answers.

    Source: https://chromedevtools.github.io/devtools-protocol/ (HTTP endpoints)
    """
    scheme = urlsplit(url).scheme
    if scheme in ("http", "https"):
        url = await anyio.to_thread.run_sync(_websocket_of, url, timeout_s, dict(headers or {}))
    elif scheme not in ("ws", "wss"):
        raise ConnectionClosed(f"{url!r} is not the address of a browser: use ws://… or http://host:port")
    transport = WebSocketTransport(url, headers)
    await transport.connect(timeout_s)
    return transport


def _websocket_of(url: str, timeout_s: float, headers: dict[str, str]) -> str:
    address = url.rstrip("/") + "/json/version"
    # Proxies of the environment are for the web, not for the browser's own port.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(address, headers=headers), timeout=timeout_s) as answer:
            found = orjson.loads(answer.read(_MAX_ANSWER_BYTES))["webSocketDebuggerUrl"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConnectionClosed(f"no browser answers at {address}: {error}") from error
    return str(found)
