"""An HTTP proxy on loopback that asks for a password and answers every request itself."""

from __future__ import annotations

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class AskingProxy:
    """Remembers which addresses were asked for with the right password, and how many requests had none or another."""

    def __init__(self, user: str, password: str) -> None:
        self.seen: list[str] = []
        self.refused = 0
        self._expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.headers.get("Proxy-Authorization") != proxy._expected:
                    proxy.refused += 1
                    self._answer(407, b"no", ("Proxy-Authenticate", 'Basic realm="proxy"'))
                    return
                proxy.seen.append(self.path)
                self._answer(200, b"<!doctype html><title>through the proxy</title>", ("Content-Type", "text/html"))

            def do_CONNECT(self) -> None:
                self._answer(502, b"", ("Connection", "close"))

            def _answer(self, status: int, body: bytes, header: tuple[str, str]) -> None:
                self.send_response(status)
                self.send_header(*header)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="proxy", daemon=True)

    @property
    def host(self) -> str:
        """Its address without a scheme."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
