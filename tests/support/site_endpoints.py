"""The endpoints of the loopback site: each answers in one way that a test needs.

Knows requests and answers. What was asked is remembered by `site`, not here.

    /slow?ms=&as=html|script|style|image|json   answers after a while
    /never                  answers only when the site stops, by hanging up
    /reset                  hangs up without an answer        /cut   hangs up in the middle of one
    /drip?chunks=&ms=       sends a chunk every `ms`
    /redirect?to=&status=   redirects                         /loop  redirects to itself
    /status/<code>          answers with that status
    /echo                   JSON of the request: method, path, query, headers, body
    /upload                 takes a multipart form; JSON of its fields and files
    /download/<name>?size=&ms=&type=   sends `size` bytes as an attachment
    /large?mb=              sends that much text
    /beacon?name=           204; remembered as a beacon       /buy, /hit/<name>   204; counted
    /cookie?name=&value=    sets a cookie                     /cookies   JSON of the cookies sent
    /basic?user=&password=  asks for HTTP basic authentication

With `cors=1` in the query, an answer may be read from another origin.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import unquote

from bykilt.practice.loopback import Request, Respond, Response
from bykilt.practice.multipart import MalformedForm, parse_multipart

# The smallest PNG there is: one transparent pixel.
PIXEL_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_JSON = "application/json"


def download_content(name: str, size: int) -> bytes:
    """Return what `/download/<name>?size=<size>` sends: the same bytes every time."""
    line = f"{name} from the loopback site\n".encode()
    return (line * (size // len(line) + 1))[:size]


class Endpoints:
    """Finds the function that answers a path."""

    def __init__(self, pause: Callable[[float], bool], wait_until_stopped: Callable[[], None]) -> None:
        """Take the server's way to hold an answer back; `pause` is False once it stops."""
        self._pause = pause
        self._wait_until_stopped = wait_until_stopped
        self._exact: dict[str, Respond] = {
            "/slow": self._slow,
            "/never": self._never,
            "/reset": lambda _request: None,
            "/cut": _cut,
            "/drip": self._drip,
            "/redirect": _redirect,
            "/loop": lambda _request: Response(status=302, headers=(("Location", "/loop"),)),
            "/echo": _echo,
            "/upload": _upload,
            "/large": _large,
            "/beacon": _nothing,
            "/buy": _nothing,
            "/cookie": _set_cookie,
            "/cookies": _cookies,
            "/basic": _basic,
        }
        self._below: dict[str, Respond] = {
            "/status/": _status,
            "/download/": self._download,
            "/hit/": _nothing,
        }

    def find(self, path: str) -> Respond | None:
        """Return what answers `path`, or None when it is not an endpoint."""
        found = self._exact.get(path)
        if found is None:
            found = next((do for prefix, do in self._below.items() if path.startswith(prefix)), None)
        return None if found is None else _shared(found)

    def _slow(self, request: Request) -> Response | None:
        if not self._pause(request.number("ms", 1000) / 1000):
            return None
        match request.param("as", "html"):
            case "script":
                return Response(b"window.slowScriptRan = true;", content_type="text/javascript")
            case "style":
                return Response(b"#styled { color: rgb(0, 128, 0); }", content_type="text/css")
            case "image":
                return Response(PIXEL_PNG, content_type="image/png")
            case "json":
                return Response(b'{"slow": true}', content_type=_JSON)
            case _:
                return Response(b"<!doctype html><title>Slow</title><h1>Slow page</h1>")

    def _never(self, _request: Request) -> None:
        self._wait_until_stopped()

    def _drip(self, request: Request) -> Response:
        def chunks() -> Iterator[bytes]:
            yield b"<!doctype html><title>Drip</title>"
            for number in range(request.number("chunks", 5)):
                if not self._pause(request.number("ms", 100) / 1000):
                    return
                yield f"<p>chunk {number}</p>".encode()

        return Response(chunks())

    def _download(self, request: Request) -> Response | None:
        name = unquote(request.path.removeprefix("/download/"))
        content = download_content(name, request.number("size", 1000))
        headers = [("Content-Disposition", f"attachment; filename*=UTF-8''{request.path.rpartition('/')[2]}")]
        kind = request.param("type", "application/octet-stream")
        delay_s = request.number("ms", 0) / 1000
        if not delay_s:
            return Response(content, content_type=kind, headers=tuple(headers))

        def halves() -> Iterator[bytes]:
            yield content[: len(content) // 2 + 1]
            if self._pause(delay_s):
                yield content[len(content) // 2 + 1 :] or b"\n"

        return Response(halves(), content_type=kind, headers=tuple(headers))


def _shared(respond: Respond) -> Respond:
    """Let other origins read the answer when the query says `cors=1`."""

    def respond_shared(request: Request) -> Response | None:
        allow = (("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Headers", "*"))
        if not request.param("cors"):
            return respond(request)
        response = Response(status=204) if request.method == "OPTIONS" else respond(request)
        return None if response is None else replace(response, headers=response.headers + allow)

    return respond_shared


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value, ensure_ascii=False).encode(), status, _JSON)


def _nothing(_request: Request) -> Response:
    return Response(status=204)


def _cut(_request: Request) -> Response:
    headers = (("Content-Length", "1000"), ("Connection", "close"))
    return Response(b"<!doctype html><title>Cut</title>only the begin", headers=headers)


def _redirect(request: Request) -> Response:
    location = ("Location", request.param("to", "/a.html"))
    return Response(status=request.number("status", 302), headers=(location,))


def _status(request: Request) -> Response:
    code = int(request.path.rpartition("/")[2])
    return Response(f"<!doctype html><title>{code}</title><h1>Status {code}</h1>".encode(), code)


def _echo(request: Request) -> Response:
    return _json(
        {
            "method": request.method,
            "path": request.path,
            "query": {name: list(values) for name, values in request.query.items()},
            "headers": dict(request.headers),
            "body": request.body.decode("utf-8", errors="replace"),
        }
    )


def _upload(request: Request) -> Response:
    try:
        form = parse_multipart(request.headers.get("content-type", ""), request.body)
    except MalformedForm as error:
        return _json({"error": str(error)}, 400)
    files = [{"field": f.field, "name": f.name, "size": f.size, "sha256": f.sha256} for f in form.files]
    return _json({"fields": [list(pair) for pair in form.fields], "files": files})


def _large(request: Request) -> Response:
    return Response(b"0123456789abcde\n" * 65536 * request.number("mb", 1), content_type="text/plain")


def _set_cookie(request: Request) -> Response:
    cookie = f"{request.param('name', 'flavour')}={request.param('value', 'plain')}; Path=/"
    body = b"<!doctype html><title>Cookie</title><h1>Cookie set</h1>"
    return Response(body, headers=(("Set-Cookie", cookie),))


def _cookies(request: Request) -> Response:
    pairs = (pair.strip().partition("=") for pair in request.headers.get("cookie", "").split(";"))
    return _json({name: value for name, _, value in pairs if name})


def _basic(request: Request) -> Response:
    pair = f"{request.param('user', 'aiko')}:{request.param('password', 'practice')}"
    if request.headers.get("authorization") == f"Basic {base64.b64encode(pair.encode()).decode()}":
        return Response(b"<!doctype html><title>Inside</title><h1>Inside</h1>")
    return Response(b"Who are you?", 401, headers=(("WWW-Authenticate", 'Basic realm="loopback"'),))
