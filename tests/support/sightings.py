"""What the loopback site saw, and how to wait until it has seen something.

Knows requests in their order, and what can be read from them. Knows nothing of pages or ports.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import anyio.to_thread

from bykilt.practice.loopback import Request
from bykilt.practice.multipart import MalformedForm, UploadedFile, parse_multipart


@dataclass(frozen=True, slots=True)
class Beacon:
    """What a page told the server: a name and details, as JSON values."""

    name: str
    details: Mapping[str, object]


class Sightings:
    """The requests that arrived. Safe to ask from any thread.

    Paths may be given with or without the leading slash; a query in them is ignored.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requests: list[Request] = []

    def forget(self) -> None:
        """Drop what was seen."""
        with self._changed:
            self._requests.clear()

    def _remember(self, request: Request) -> None:
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()

    def requests(self, path: str | None = None, method: str | None = None) -> list[Request]:
        """Return what arrived so far, oldest first, from both origins."""
        with self._changed:
            seen = list(self._requests)
        wanted = None if path is None else plain_path(path)
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


def plain_path(path: str) -> str:
    """Return a path with its leading slash and without its query."""
    return "/" + path.partition("?")[0].removeprefix("/")


def _beacon(request: Request) -> Beacon:
    details: dict[str, object] = {name: values[0] for name, values in request.query.items() if name != "name"}
    try:
        told = json.loads(request.body or b"{}")
    except ValueError:
        told = {"body": request.body.decode("utf-8", errors="replace")}
    return Beacon(request.param("name"), details | (told if isinstance(told, dict) else {"body": told}))
