"""The pages that the sandbox is measured on: one with many small resources, a large file, and the usual ones."""

from __future__ import annotations

from bench.site import Handler, Site

RESOURCES = 20
LARGE_BYTES = 64 << 20
_PIECE = b"\0" * (1 << 20)
# Two style sheets, six scripts, twelve pictures, each one loaded anew with every page.
_STYLES, _SCRIPTS = 2, 6
_PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'


def _page(path: str) -> str:
    parts = ["<!doctype html><title>Many</title><meta charset=utf-8><script>window.ran=0;window.seen=0</script>"]
    for number in range(RESOURCES):
        query = f"{number}&of={path}"
        if number < _STYLES:
            parts.append(f'<link rel=stylesheet href="/style?{query}">')
        elif number < _STYLES + _SCRIPTS:
            parts.append(f'<script defer src="/script?{query}"></script>')
        else:
            parts.append(f'<img src="/picture?{query}" onload="seen++">')
    return "".join(parts)


class _Handler(Handler):
    # Else an answer waits 40 ms for the acknowledgement of its own headers, and nothing else is seen.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/many"):
            self.send_page(_page(path))
        elif path == "/large":
            self._send_large()
        elif path in ("/style", "/script", "/picture"):
            self._send_small(path)
        else:
            super().do_GET()

    def _send_small(self, path: str) -> None:
        kind, text = {
            "/style": ("text/css", "p{margin:0}" * 100),
            "/script": ("text/javascript", "window.ran++;" + "/* some code */" * 100),
            "/picture": ("image/svg+xml", _PICTURE),
        }[path]
        self._send_head(kind, len(text))
        self.wfile.write(text.encode())

    def _send_large(self) -> None:
        self._send_head("application/octet-stream", LARGE_BYTES, "Content-Disposition: attachment; filename=large.bin")
        for _ in range(LARGE_BYTES // len(_PIECE)):
            self.wfile.write(_PIECE)

    def _send_head(self, kind: str, size: int, *more: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.send_header("Cache-Control", "no-store")
        for line in more:
            self.send_header(*line.split(": ", 1))
        self.end_headers()


class SandboxSite(Site):
    """A context manager; `url` is its address."""

    handler = _Handler
