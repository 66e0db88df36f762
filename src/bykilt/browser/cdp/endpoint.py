"""From the address of a running browser to a transport. Knows both forms of address: ws(s):// and http(s)://."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread
import orjson

from bykilt.browser.cdp.errors import ConnectionClosed
from bykilt.browser.cdp.transport import WebSocketTransport, shown_address

_MAX_ANSWER_BYTES = 1 << 20


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: headers may hold credentials, which are for the named host only."""

    def redirect_request(self, *_: Any) -> None:
        return None


async def connect_to(url: str, *, timeout_s: float, headers: Mapping[str, str] | None = None) -> WebSocketTransport:
    """Return a connected transport to the browser at `url`; `headers` go with every request, and to no other host.

    An http address is asked for its WebSocket by `/json/version`.

    Raises:
        ConnectionClosed: The address is of another kind, or nobody answers.

    Source: https://chromedevtools.github.io/devtools-protocol/ (HTTP endpoints)
    """
    address = await websocket_address(url, timeout_s=timeout_s, headers=headers)
    transport = WebSocketTransport(address, headers)
    await transport.connect(timeout_s)
    return transport


async def websocket_address(url: str, *, timeout_s: float, headers: Mapping[str, str] | None = None) -> str:
    """Return the `ws://` or `wss://` address of the browser at `url`.

    Raises:
        ConnectionClosed: The address is of another kind, or nobody answers.
    """
    scheme = urlsplit(url).scheme
    if scheme in ("ws", "wss"):
        return url
    if scheme not in ("http", "https"):
        raise ConnectionClosed(
            f"{shown_address(url)!r} is not the address of a browser: use ws://… or http://host:port"
        )
    found = await anyio.to_thread.run_sync(_websocket_of, url, timeout_s, dict(headers or {}))
    return _at_named_host(found, url) if headers else found


def _at_named_host(found: str, named: str) -> str:
    """The browser's address by the host that the headers are for: behind a proxy, it may not know that one."""
    here = urlsplit(named)
    scheme = "wss" if here.scheme == "https" else "ws"
    return urlsplit(found)._replace(scheme=scheme, netloc=here.netloc).geturl()


def _websocket_of(url: str, timeout_s: float, headers: dict[str, str]) -> str:
    parts = urlsplit(url)
    address = parts._replace(path=parts.path.rstrip("/") + "/json/version").geturl()
    # Proxies of the environment are for the web, not for the browser's own port.
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if headers:
        handlers.append(_StayHere())
    try:
        opener = urllib.request.build_opener(*handlers)
        with opener.open(urllib.request.Request(address, headers=headers), timeout=timeout_s) as answer:
            found = orjson.loads(answer.read(_MAX_ANSWER_BYTES))["webSocketDebuggerUrl"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise ConnectionClosed(f"no browser answers at {shown_address(address)}: {error}") from error
    return str(found)
