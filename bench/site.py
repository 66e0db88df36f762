"""The pages that are measured on, served on loopback. Knows nothing of drivers."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

_CONTROLS = """<!doctype html><title>Controls</title><meta charset=utf-8>
<style>body{font:16px sans-serif;margin:2em} .pad{height:40px}</style>
<h1>Controls</h1><p class=pad>Some text before the button.</p>
<button id=b type=button>Press</button> <label>Name <input id=i></label>
<script>window.presses=0;window.trusted=0;window.inputs=0;
b.addEventListener('click',e=>{presses++;if(e.isTrusted)trusted++});
i.addEventListener('input',()=>inputs++);</script>"""
_LOGIN = """<!doctype html><title>Sign in</title><meta charset=utf-8><h1>Sign in</h1>
<form method=post action=/login><label>User <input id=user name=user></label>
<label>Password <input id=password name=password type=password></label>
<button id=go>Sign in</button></form>"""
_ROWS = "".join(
    f"<tr><td>{number}</td><td>Customer {number:03d}</td><td>{('open', 'paid', 'late')[number % 3]}</td></tr>"
    for number in range(120)
)
_HOME = f"""<!doctype html><title>Orders</title><meta charset=utf-8><h1>Orders of <span id=who>%s</span></h1>
<label>Filter <input id=q></label> <button id=filter type=button>Filter</button> <span id=count></span>
<table id=rows><tbody>{_ROWS}</tbody></table>
<script>document.getElementById('filter').onclick=()=>{{let n=0;
for(const r of document.querySelectorAll('#rows tr')){{const on=r.textContent.includes(q.value);r.hidden=!on;if(on)n++}}
count.textContent=n+' rows';count.className='done'}}</script>"""


class Handler(BaseHTTPRequestHandler):
    """Answers with the pages."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/home":
            self.send_page(_HOME % "nobody")
        else:
            self.send_page(_LOGIN if path == "/login" else _CONTROLS)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        user = parse_qs(body).get("user", ["?"])[0]
        self.send_page(_HOME % user)

    def send_page(self, html: str) -> None:
        """Answer with a document."""
        data = html.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Be silent."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that ends drops its connections: that is no error."""


class Site:
    """A context manager; `url` is its address."""

    handler = Handler

    def __enter__(self) -> Site:
        self._server = _Server(("127.0.0.1", 0), self.handler)
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
