"""Serves the stock viewer and one trace on a loopback port.

Knows which paths exist, their types, and what a browser may do with them. Does not know what a trace is.

The viewer shows what hostile pages left in a trace, so that it gets an origin of its own, answers to its own
host name only (another site may resolve its name to 127.0.0.1 and read the trace), and nothing but the files
found when it was started: a path is looked up, never joined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from bykilt.errors import InvalidInput
from bykilt.practice.loopback import LoopbackServer, Request, Response
from bykilt.trace.viewer import viewer_dir

_TRACE_PATH = "/trace/run.zip"
_PAGE_PATH = "/trace/index.html"
_CHUNK_BYTES = 256 * 1024
_OUR_NAMES = ("127.0.0.1", "localhost")

# Source: tried out with the viewer of playwright 1.65. The worker gives page snapshots a policy of its own.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self' data: blob:",
        "worker-src 'self'",
        "frame-src 'self' data: blob:",
        "manifest-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
    )
)

# Not `mimetypes`: it reads files of the machine, which know nothing of some of these on a bare one.
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
}

_HEADERS = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)


class ViewerServer:
    """Serves from `start` (or `with`) until `stop`; `url` is the page to open."""

    def __init__(self, trace: Path) -> None:
        """Bind a port.

        Raises:
            InvalidInput: There is no such trace.
            ViewerMissing: The viewer is not installed.
        """
        if not trace.is_file():
            raise InvalidInput(f"{trace} is no file", hint="a run has a trace unless it was started with --no-trace")
        self._trace = trace
        self._files = _files_of(viewer_dir())
        self._server = LoopbackServer(self._respond, name="trace-viewer")

    @property
    def url(self) -> str:
        """The address of the viewer with the trace loaded."""
        return f"http://127.0.0.1:{self._server.port}{_PAGE_PATH}?trace={_TRACE_PATH}"

    def start(self) -> None:
        """Begin to serve, on threads of its own."""
        self._server.start()

    def stop(self) -> None:
        """Close the port and every connection."""
        self._server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _respond(self, request: Request) -> Response:
        # Any port: it may have been forwarded from another machine.
        if request.headers.get("host", "").partition(":")[0] not in _OUR_NAMES:
            return _plain(421, "This server answers to 127.0.0.1 and localhost only.")
        if request.method not in ("GET", "HEAD"):
            return _plain(405, "Only GET and HEAD.")
        if request.path in ("/", "/trace", "/trace/"):
            location = ("Location", f"{_PAGE_PATH}?trace={_TRACE_PATH}")
            return Response(status=302, headers=(*_HEADERS, location))
        if request.path == _TRACE_PATH:
            return self._trace_response()
        path = self._files.get(request.path)
        if path is None:
            return _plain(404, "There is nothing here.")
        media_type = _MEDIA_TYPES.get(path.suffix, "application/octet-stream")
        return Response(path.read_bytes(), content_type=media_type, headers=_HEADERS)

    def _trace_response(self) -> Response:
        if not self._trace.is_file():
            return _plain(410, "The trace was removed.")
        return Response(_chunks(self._trace), content_type="application/zip", headers=_HEADERS)


def _files_of(folder: Path) -> Mapping[str, Path]:
    return {f"/trace/{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*") if path.is_file()}


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK_BYTES):
            yield chunk


def _plain(status: int, text: str) -> Response:
    return Response(text.encode(), status, "text/plain; charset=utf-8", _HEADERS)
