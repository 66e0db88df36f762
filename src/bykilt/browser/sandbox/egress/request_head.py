"""The head of a request to the proxy, read so strictly that no server behind it could read it in another way.

Knows the grammar of HTTP/1.1 requests in the forms that a browser sends to a proxy. What is unusual but legal, and has
been used to make two servers disagree, is refused as well: the browser never sends it. It opens no connection.

Source: RFC 9110, RFC 9112; https://portswigger.net/research/http-desync-attacks-request-smuggling-reborn
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from bykilt.browser.sandbox.egress.decisions import MalformedRequest
from bykilt.errors import InvalidInput
from bykilt.network.host_names import canonical_host, with_port

MAX_HEAD_BYTES = 64 * 1024
_MAX_FIELDS = 200

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_METHOD = re.compile(r"[A-Za-z][A-Za-z-]{0,31}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_TARGET = re.compile(r"[\x21\x22\x24-\x7e]+")  # printable, without # and space
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[1-9][0-9]{0,4}))?")
_LENGTH = re.compile(r"[0-9]{1,18}")
_BARE_LINE_END = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")

# Fields that say where a message ends or whom it is for. Also in the spelling that CGI takes for the same.
_FRAMING = frozenset({"host", "content-length", "transfer-encoding"})
# Meant for the next hop, which we are.
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings", "expect"}
)
_BODYLESS = frozenset({"GET", "HEAD", "CONNECT"})
_REFUSED_METHODS = frozenset({"TRACE", "TRACK"})  # they send the request's own fields back

Field = tuple[str, str]

# The fields for the next hop that a WebSocket handshake is made of.
WEBSOCKET_FIELDS: tuple[Field, ...] = (("Connection", "Upgrade"), ("Upgrade", "websocket"))
CLOSE_FIELDS: tuple[Field, ...] = (("Connection", "close"),)


class Form(Enum):
    """How the request names what it wants."""

    AUTHORITY = "authority"  # CONNECT host:port
    ABSOLUTE = "absolute"  # GET http://host/path
    ORIGIN = "origin"  # GET /path, inside a tunnel


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request whose target and framing are beyond doubt. `body_bytes` is None for a body in chunks."""

    method: str
    form: Form
    host: str
    port: int
    path: str
    fields: tuple[Field, ...]
    body_bytes: int | None

    def forwarded(self, *, to_proxy: bool = False, fields: tuple[Field, ...] = ()) -> bytes:
        """Return the head for the next server: written anew, without the fields meant for us.

        `to_proxy` names the whole URL, for another proxy; `fields` are added.
        """
        authority = self.host if ":" not in self.host else f"[{self.host}]"
        authority = authority if self.port == 80 else with_port(self.host, self.port)
        target = f"http://{authority}{self.path}" if to_proxy else self.path
        framing = (("Transfer-Encoding", "chunked"),) if self.body_bytes is None else ()
        kept = self._end_to_end_fields()
        lines = [f"{self.method} {target} HTTP/1.1", f"Host: {authority}"]
        lines += [f"{name}: {value}" for name, value in (*kept, *framing, *fields)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def value(self, name: str) -> str:
        """Return the values of a field, joined by commas; empty where it is missing."""
        return ", ".join(value for field, value in self.fields if field.lower() == name)

    @property
    def asks_to_close(self) -> bool:
        """Whether whoever sent it wants no more than this one answer."""
        return "close" in _tokens(self.value("connection")) | _tokens(self.value("proxy-connection"))

    def _end_to_end_fields(self) -> tuple[Field, ...]:
        dropped = _HOP_BY_HOP | {"host"} | _tokens(self.value("connection"))
        return tuple(
            (name, value)
            for name, value in self.fields
            if name.lower() not in dropped and not name.lower().startswith("proxy-")
        )


class HeadReader:
    """Takes bytes as they come until the empty line; what cannot become a head is refused at once."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def has_begun(self) -> bool:
        """Whether anything has come at all."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the head without its empty line, and what came after it; None while some is missing.

        Raises:
            MalformedRequest: It is too large, or has a line that ends wrongly.
        """
        searched = max(0, len(self._buffer) - 3)
        self._buffer += data
        found = self._buffer.find(b"\r\n\r\n", searched)
        end = len(self._buffer) if found < 0 else found + 4
        if end > MAX_HEAD_BYTES:
            raise MalformedRequest("the request head is too large", status=431)
        if not self._buffer[:1].isalpha():
            raise MalformedRequest("what came is no HTTP request")
        if _BARE_LINE_END.search(self._buffer, searched, end) or self._buffer.find(0, searched, end) >= 0:
            raise MalformedRequest("the request head has a bare line end or a NUL")
        return None if found < 0 else (bytes(self._buffer[:found]), bytes(self._buffer[end:]))


def parse_proxy_request(head: bytes) -> RequestHead:
    """Read a request to a proxy: CONNECT, or one for an http:// URL.

    Raises:
        MalformedRequest: It is anything else, or could be read in two ways.
    """
    method, target, fields = _split(head)
    if method == "CONNECT":
        host, port = _authority(target, default_port=None)
        path, form = "", Form.AUTHORITY
    else:
        scheme, separator, rest = target.partition("://")
        if not separator or scheme.lower() != "http":
            raise MalformedRequest("the request names no http:// URL")
        authority = re.split(r"[/?]", rest, maxsplit=1)[0]
        if "@" in authority:
            raise MalformedRequest("the URL has a user name")
        host, port = _authority(authority, default_port=80)
        path, form = rest[len(authority) :], Form.ABSOLUTE
        path = path if path.startswith("/") else "/" + path
    return _checked(RequestHead(method, form, host, port, path, fields, _body_bytes(method, fields)))


def parse_websocket_upgrade(head: bytes, host: str, port: int) -> RequestHead:
    """Read the request that opens a WebSocket inside a tunnel to `host` and `port`.

    Raises:
        MalformedRequest: It is anything else, names another host, or could be read in two ways.
    """
    method, target, fields = _split(head)
    request = RequestHead(method, Form.ORIGIN, host, port, target, fields, _body_bytes(method, fields))
    is_upgrade = (
        method == "GET"
        and request.value("upgrade").lower() == "websocket"
        and "upgrade" in _tokens(request.value("connection"))
    )
    if not is_upgrade or not target.startswith("/") or request.body_bytes != 0:
        raise MalformedRequest("what came through the tunnel is neither TLS nor a WebSocket")
    return _checked(request)


def _split(head: bytes) -> tuple[str, str, tuple[Field, ...]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3:
        raise MalformedRequest("the request line has not exactly three parts")
    method, target, version = parts
    if version != "HTTP/1.1":
        raise MalformedRequest("the request is not HTTP/1.1", status=505)
    if not _METHOD.fullmatch(method) or method.upper() in _REFUSED_METHODS:
        raise MalformedRequest("the method is not allowed", status=405)
    if method != "CONNECT" and method.upper() in _BODYLESS and method != method.upper():
        raise MalformedRequest("the method is in lower case")
    if not _TARGET.fullmatch(target):
        raise MalformedRequest("the request target has a character that does not belong there")
    if len(lines) > _MAX_FIELDS:
        raise MalformedRequest("the request has too many fields", status=431)
    return method, target, tuple(_field(line) for line in lines)


def _field(line: str) -> Field:
    name, colon, value = line.partition(":")
    # A fold, or white space before the colon, makes the name no token.
    if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
        raise MalformedRequest("a field of the request is malformed")
    if "_" in name and name.lower().replace("_", "-") in _FRAMING | _HOP_BY_HOP:
        raise MalformedRequest("a field of the request has an underscore where some servers read a hyphen")
    return name, value.strip(" \t")


def _authority(text: str, *, default_port: int | None) -> tuple[str, int]:
    match = _AUTHORITY.fullmatch(text)
    port = int(match["port"]) if match is not None and match["port"] else default_port
    if match is None or port is None or port > 65535:
        raise MalformedRequest("the request names no host and port")
    try:
        return canonical_host(match["host"]), port
    except InvalidInput as error:
        raise MalformedRequest("the request names no canonical host") from error


def _body_bytes(method: str, fields: tuple[Field, ...]) -> int | None:
    lengths = [value for name, value in fields if name.lower() == "content-length"]
    encodings = [value for name, value in fields if name.lower() == "transfer-encoding"]
    if len(lengths) + len(encodings) > 1:
        raise MalformedRequest("the request states its length more than once")
    if encodings and encodings[0].lower() != "chunked":
        raise MalformedRequest("the request has a transfer coding other than chunked", status=501)
    if lengths and not _LENGTH.fullmatch(lengths[0]):
        raise MalformedRequest("the request has a Content-Length that is no number")
    length = int(lengths[0]) if lengths else 0
    if method in _BODYLESS and (length or encodings):
        # Some servers take the body of such a request for the next request.
        raise MalformedRequest(f"a {method} request has a body")
    return None if encodings else length


def _checked(request: RequestHead) -> RequestHead:
    hosts = [value for name, value in request.fields if name.lower() == "host"]
    if len(hosts) != 1:
        raise MalformedRequest("the request has not exactly one Host")
    default = request.port if request.form is Form.AUTHORITY else 80
    if _authority(hosts[0], default_port=default) != (request.host, request.port):
        raise MalformedRequest("the Host of the request is not that of its target")
    if any(name.lower() == "expect" for name, _ in request.fields):
        raise MalformedRequest("the request expects an answer before its body", status=417)
    if _tokens(request.value("connection")) & (_FRAMING | {"cookie", "authorization", "origin"}):
        raise MalformedRequest("the request would drop a field that it needs")
    return request


def _tokens(value: str) -> frozenset[str]:
    """Return the members of a comma-separated list, in lower case."""
    return frozenset(part.strip(" \t").lower() for part in value.split(",")) - {""}
