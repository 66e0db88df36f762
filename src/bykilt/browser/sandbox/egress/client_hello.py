"""The server name in a TLS ClientHello, however it is cut into records and packets.

Knows the record and handshake layers as far as that message. It does not know which name is the right one.

Source: RFC 8446 sections 4.1.2 and 5.1, RFC 6066 section 3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bykilt.browser.sandbox.egress.decisions import MalformedRequest

# A post-quantum key share makes a hello of about 1.8 KB; tickets and padding can make it several times that.
MAX_HELLO_BYTES = 64 * 1024
HANDSHAKE_RECORD = 0x16
_CLIENT_HELLO = 0x01
_SERVER_NAME = 0x0000
_MAX_RECORD_BYTES = 1 << 14
_PRINTABLE = re.compile(rb"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What was read: the name as sent in lower case, None where there is none."""

    server_name: str | None


class ClientHelloReader:
    """Takes the bytes as they come, until it has answered."""

    def __init__(self) -> None:
        self._unread = bytearray()
        self._message = bytearray()
        self._seen = 0

    @property
    def surplus(self) -> bytes:
        """What came behind the hello."""
        return bytes(self._unread)

    def feed(self, data: bytes) -> ClientHello | None:
        """Return the hello, or None while some of it is missing.

        Raises:
            MalformedRequest: It is no ClientHello, or one that could be read in two ways.
        """
        self._seen += len(data)
        self._unread += data
        while self._take_record():
            if (body := self._whole_message()) is not None:
                return ClientHello(_server_name(_Reader(body)))
        if self._seen > MAX_HELLO_BYTES:
            raise MalformedRequest("the TLS hello is too large")
        return None

    def _take_record(self) -> bool:
        """Move the payload of one whole record into the message; look at its head as soon as that is there."""
        unread = self._unread
        if unread[:1] and unread[0] != HANDSHAKE_RECORD:
            raise MalformedRequest("what came through the tunnel is neither TLS nor a WebSocket")
        if len(unread) >= 2 and unread[1] != 3:
            raise MalformedRequest("the TLS record has an unknown version")
        if len(unread) < 5:
            return False
        length = int.from_bytes(unread[3:5], "big")
        if not 1 <= length <= _MAX_RECORD_BYTES:
            raise MalformedRequest("the TLS record has an impossible length")
        if len(unread) < 5 + length:
            return False
        self._message += unread[5 : 5 + length]
        del unread[: 5 + length]
        return True

    def _whole_message(self) -> bytes | None:
        message = self._message
        if message[0] != _CLIENT_HELLO:
            raise MalformedRequest("TLS does not begin with a ClientHello")
        if len(message) < 4:
            return None
        length = int.from_bytes(message[1:4], "big")
        if length > MAX_HELLO_BYTES:
            raise MalformedRequest("the TLS hello is too large")
        if len(message) > 4 + length:
            # A record that goes on after the hello would carry something that nobody has looked at.
            raise MalformedRequest("the TLS hello is followed by another message in its record")
        return bytes(message[4:]) if len(message) == 4 + length else None


class _Reader:
    """Walks over length-prefixed fields; running past the end is an error."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def is_at_end(self) -> bool:
        return self._position == len(self._data)

    def take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._data):
            raise MalformedRequest("the TLS hello ends too early")
        taken = self._data[self._position : end]
        self._position = end
        return taken

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def vector(self, width: int) -> bytes:
        """Return a field that begins with its own length in `width` bytes."""
        return self.take(self.number(width))


def _server_name(hello: _Reader) -> str | None:
    hello.take(2 + 32)  # version, random
    hello.vector(1)  # session id
    hello.vector(2)  # cipher suites
    hello.vector(1)  # compression methods
    if hello.is_at_end():
        return None
    extensions = _Reader(hello.vector(2))
    if not hello.is_at_end():
        raise MalformedRequest("the TLS hello goes on after its extensions")
    name: str | None = None
    seen: set[int] = set()
    while not extensions.is_at_end():
        kind = extensions.number(2)
        content = extensions.vector(2)
        if kind in seen:
            raise MalformedRequest("the TLS hello names an extension twice")
        seen.add(kind)
        if kind == _SERVER_NAME:
            name = _single_name(_Reader(content))
    return name


def _single_name(content: _Reader) -> str:
    names = _Reader(content.vector(2))
    is_host_name = names.number(1) == 0
    name = names.vector(2)
    if not (is_host_name and names.is_at_end() and content.is_at_end()):
        raise MalformedRequest("the TLS hello does not name exactly one server")
    if not _PRINTABLE.fullmatch(name):
        raise MalformedRequest("the server name in the TLS hello is no host name")
    return name.decode("ascii").lower()
