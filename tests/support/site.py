"""The loopback site of the contract tests: what it serves, and what it saw.

Knows its two origins, its record of requests and how to wait for one. The endpoints are in
`site_endpoints`, the pages in `pages/` and `site_pages`. Knows nothing of engines or flows.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType

import anyio.to_thread

from bykilt.practice.loopback import LoopbackServer, Request, Respond, Response
from bykilt.practice.multipart import MalformedForm, UploadedFile, parse_multipart
from tests.support.site_endpoints import Endpoints
from tests.support.site_pages import Pages


@dataclass(frozen=True, slots=True)
class Beacon:
    """What a page told the server: a name and details, as JSON values."""

    name: str
    details: Mapping[str, object]


class Site:
    """Two loopback origins that share one memory. Safe to ask from any thread.

    Paths may be given with or without the leading slash; a query in them is ignored when asking.
    """

    def __init__(self) -> None:
        """Bind both ports; `start` begins to answer."""
        self._changed = threading.Condition()
        self._requests: list[Request] = []
        self._dynamic: dict[str, Respond] = {}
        self._first = LoopbackServer(self._respond, name="site")
        self._second = LoopbackServer(self._respond, name="site-other")
        self._pages = Pages(origin=self.origin, other=self.other_origin, cross_site=self.cross_site_origin)
        self._endpoints = Endpoints(pause=self._first.pause, wait_until_stopped=self._first.wait_until_stopped)

    def start(self) -> Site:
        """Answer on both ports from now on."""
        self._first.start()
        self._second.start()
        return self

    def stop(self) -> None:
        """Close both ports and every connection, also one that waits for `/never`."""
        self._first.stop()
        self._second.stop()

    def __enter__(self) -> Site:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Addresses ------------------------------------------------------------------------------

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:<port>`."""
        return f"http://127.0.0.1:{self._first.port}"

    @property
    def other_origin(self) -> str:
        """Another origin on the same site: same host, another port."""
        return f"http://127.0.0.1:{self._second.port}"

    @property
    def cross_site_origin(self) -> str:
        """Another site, so that Chromium gives its frames a process of their own."""
        return f"http://localhost:{self._second.port}"

    def url(self, path: str = "") -> str:
        """Return the address of a page or endpoint."""
        return f"{self.origin}/{path.removeprefix('/')}"

    def other_url(self, path: str = "", *, cross_site: bool = False) -> str:
        """Return the same address on the other origin, or on the other site."""
        origin = self.cross_site_origin if cross_site else self.other_origin
        return f"{origin}/{path.removeprefix('/')}"

    # What is served ---------------------------------------------------------------------------

    def set_page(
        self,
        path: str,
        html: str | bytes,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        delay_s: float = 0.0,
        content_type: str = "text/html; charset=utf-8",
    ) -> str:
        """Serve `html` under `path` until `forget`, before anything else; return its address."""
        body = html.encode() if isinstance(html, str) else html
        response = Response(body, status, content_type, tuple((headers or {}).items()))

        def respond(_request: Request) -> Response | None:
            return response if self._first.pause(delay_s) else None

        return self.on(path, respond)

    def on(self, path: str, respond: Respond) -> str:
        """Let a function answer `path` until `forget` (None hangs up); return the address."""
        with self._changed:
            self._dynamic[_plain(path)] = respond
        return self.url(path)

    def forget(self) -> None:
        """Drop the record and the dynamic pages: a fresh site for the next test."""
        with self._changed:
            self._requests.clear()
            self._dynamic.clear()

    # What was seen ------------------------------------------------------------------------------

    def requests(self, path: str | None = None, method: str | None = None) -> list[Request]:
        """Return what arrived so far, oldest first, from both origins."""
        with self._changed:
            seen = list(self._requests)
        wanted = None if path is None else _plain(path)
        return [r for r in seen if wanted in (None, r.path) and method in (None, r.method)]

    def hits(self, path: str) -> int:
        """Return how often `path` was asked for, with any method."""
        return len(self.requests(path))

    def posts(self, path: str) -> list[bytes]:
        """Return the bodies posted to `path`."""
        return [request.body for request in self.requests(path, "POST")]

    def uploads(self, path: str = "/upload") -> list[UploadedFile]:
        """Return the files posted to `path`, in order, with `field`, `name`, `size` and `sha256`."""
        files: list[UploadedFile] = []
        for request in self.requests(path, "POST"):
            try:
                files.extend(parse_multipart(request.headers.get("content-type", ""), request.body).files)
            except MalformedForm:
                continue
        return files

    def beacons(self, name: str | None = None) -> list[Beacon]:
        """Return what pages told, oldest first: all of it, or what was told under `name`."""
        told = [_beacon(request) for request in self.requests("/beacon")]
        return [beacon for beacon in told if name in (None, beacon.name)]

    @property
    def failures(self) -> tuple[BaseException, ...]:
        """Bugs of the site itself; a test may assert that there were none."""
        return self._first.failures + self._second.failures

    # Waiting ------------------------------------------------------------------------------------

    def wait_for_hit(self, path: str, count: int = 1, timeout_s: float = 5.0) -> None:
        """Block until `path` was asked for `count` times. In async tests take `until_hit`.

        Raises:
            TimeoutError: It was not, within `timeout_s`.
        """
        self._wait(lambda: self.hits(path) >= count, f"{count} hit(s) of {path}", timeout_s)

    def wait_for_beacon(self, name: str, count: int = 1, timeout_s: float = 5.0) -> Beacon:
        """Block until pages told `name` `count` times; return the `count`-th. See `until_beacon`.

        Raises:
            TimeoutError: They did not, within `timeout_s`.
        """
        self._wait(lambda: len(self.beacons(name)) >= count, f"{count} beacon(s) {name!r}", timeout_s)
        return self.beacons(name)[count - 1]

    async def until_hit(self, path: str, count: int = 1, timeout_s: float = 5.0) -> None:
        """Wait like `wait_for_hit`, while the event loop goes on."""
        await anyio.to_thread.run_sync(self.wait_for_hit, path, count, timeout_s, abandon_on_cancel=True)

    async def until_beacon(self, name: str, count: int = 1, timeout_s: float = 5.0) -> Beacon:
        """Wait like `wait_for_beacon`, while the event loop goes on."""
        return await anyio.to_thread.run_sync(self.wait_for_beacon, name, count, timeout_s, abandon_on_cancel=True)

    def _wait(self, is_met: Callable[[], bool], what: str, timeout_s: float) -> None:
        with self._changed:
            if not self._changed.wait_for(is_met, timeout_s):
                seen = [f"{request.method} {request.path}" for request in self._requests[-12:]]
                raise TimeoutError(f"no {what} within {timeout_s:g} s; last seen: {seen}")

    # Answering ----------------------------------------------------------------------------------

    def _respond(self, request: Request) -> Response | None:
        if request.path == "/favicon.ico":
            return Response(status=204)
        with self._changed:
            self._requests.append(request)
            dynamic = self._dynamic.get(request.path)
            self._changed.notify_all()
        if dynamic is not None:
            return dynamic(request)
        endpoint = self._endpoints.find(request.path)
        if endpoint is not None:
            return endpoint(request)
        return self._pages.find(request) or _not_found(request)


def _plain(path: str) -> str:
    return "/" + path.partition("?")[0].removeprefix("/")


def _beacon(request: Request) -> Beacon:
    details: dict[str, object] = {name: values[0] for name, values in request.query.items() if name != "name"}
    try:
        told = json.loads(request.body or b"{}")
    except ValueError:
        told = {"body": request.body.decode("utf-8", errors="replace")}
    return Beacon(request.param("name"), details | (told if isinstance(told, dict) else {"body": told}))


def _not_found(request: Request) -> Response:
    return Response(f"<title>Not found</title><p>Nothing at {request.path}.".encode(), 404)
