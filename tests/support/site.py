"""The loopback site of the contract tests: what it serves, and what it saw.

Knows its origins and what answers a path. What was seen is kept by `sightings`; the endpoints are in
`site_endpoints`, the pages in `pages/` and `site_pages`. Knows nothing of engines or flows.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from bykilt.practice.loopback import LoopbackServer, Request, Respond, Response
from tests.support.sightings import Beacon, Sightings, plain_path
from tests.support.site_endpoints import Endpoints
from tests.support.site_pages import Pages

__all__ = ["Beacon", "Site"]


class Site(Sightings):
    """Two loopback origins that share one memory. Safe to ask from any thread.

    Paths may be given with or without the leading slash; a query in them is ignored when asking.
    """

    def __init__(self) -> None:
        """Bind both ports; `start` begins to answer."""
        super().__init__()
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
        self._dynamic[plain_path(path)] = respond
        return self.url(path)

    def forget(self) -> None:
        """Drop the record and the dynamic pages: a fresh site for the next test."""
        super().forget()
        self._dynamic.clear()

    @property
    def failures(self) -> tuple[BaseException, ...]:
        """Bugs of the site itself; a test may assert that there were none."""
        return self._first.failures + self._second.failures

    # Answering ----------------------------------------------------------------------------------

    def _respond(self, request: Request) -> Response | None:
        if request.path == "/favicon.ico":
            return Response(status=204)
        self._remember(request)
        respond = self._dynamic.get(request.path) or self._endpoints.find(request.path)
        if respond is not None:
            return respond(request)
        return self._pages.find(request) or _not_found(request)


def _not_found(request: Request) -> Response:
    return Response(f"<title>Not found</title><p>Nothing at {request.path}.".encode(), 404)
