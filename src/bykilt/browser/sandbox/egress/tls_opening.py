"""The start of a TLS connection, as far as another server name could still be given: a second ClientHello.

A server that wants another key share answers with a HelloRetryRequest, and the client says its hello again, in clear.
Behind a front that serves many names the second one decides. Knows the record layer until the server has answered.
Pure: bytes in, bytes out.

Source: RFC 8446 sections 4.1.2, 4.1.3, 5.1 and appendix D.4.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from bykilt.browser.sandbox.egress.client_hello import HANDSHAKE_RECORD, ClientHello, ClientHelloReader
from bykilt.browser.sandbox.egress.decisions import MalformedRequest

# The random of a ServerHello that is a HelloRetryRequest: SHA-256 of that word.
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_SERVER_HELLO = 0x02
_RECORD_HEAD = 5
_RANDOM_AT = _RECORD_HEAD + 4 + 2
_SHORTEST_HELLO = 4 + 2 + 32
# What a client may send between its two hellos: a change of cipher for old middleboxes, early data, an alert.
_MEANWHILE = frozenset({0x14, 0x15, 0x17})
_MAX_RECORD_BYTES = (1 << 14) + 256


class _Stage(Enum):
    UNANSWERED = "unanswered"
    SECOND_HELLO = "second hello"
    OPEN = "open"


class TlsOpening:
    """Lets through what follows the first hello, until no hello can follow any more."""

    def __init__(self, check: Callable[[ClientHello], None]) -> None:
        """`check` is called with a second hello before any of it is let through, and raises if that must not be."""
        self._check = check
        self._stage = _Stage.UNANSWERED
        self._answer = bytearray()
        self._held = bytearray()
        self._left = 0
        self._reader: ClientHelloReader | None = None
        self._hello = bytearray()

    @property
    def is_answered(self) -> bool:
        """Whether the server has said whether it wants another hello."""
        return self._stage is not _Stage.UNANSWERED

    @property
    def is_open(self) -> bool:
        """Whether anything may follow unread."""
        return self._stage is _Stage.OPEN

    @property
    def is_holding(self) -> bool:
        """Whether something of the client waits for the server's answer."""
        return bool(self._held) and not self.is_answered

    def from_server(self, data: bytes) -> None:
        """Take what the server says; what it means is known after its first 43 bytes.

        Raises:
            MalformedRequest: It says it in a way that nobody does who has nothing to hide.
        """
        if self.is_answered:
            return
        self._answer += data
        # The record's kind, the message's kind, and the random; whatever else it may be is no wish for a hello.
        if self._differs(0, HANDSHAKE_RECORD) or self._differs(_RECORD_HEAD, _SERVER_HELLO):
            self._stage = _Stage.OPEN
        elif len(self._answer) > _RECORD_HEAD and int.from_bytes(self._answer[3:5], "big") < _SHORTEST_HELLO:
            raise MalformedRequest("the TLS server cuts its hello into pieces")
        elif len(self._answer) >= _RANDOM_AT + len(_RETRY):
            is_retry = self._answer[_RANDOM_AT : _RANDOM_AT + len(_RETRY)] == _RETRY
            self._stage = _Stage.SECOND_HELLO if is_retry else _Stage.OPEN

    def from_client(self, data: bytes = b"") -> bytes:
        """Return what may go on to the server of all that has come so far; the rest is held.

        A second hello goes on as a whole.

        Raises:
            MalformedRequest: What comes instead of a second hello is something else.
            Refused: The check says no.
        """
        self._held += data
        passed = bytearray()
        while self._held and not self.is_open:
            if self._reader is not None:
                hello = self._reader.feed(bytes(self._held))
                self._hello += self._held
                self._held.clear()
                if hello is None:
                    break
                self._check(hello)
                passed += self._hello  # with what follows: a third one is an error for every server
                self._stage = _Stage.OPEN
            elif not self._take_meanwhile(passed):
                break
        if self.is_open:
            passed += self._held
            self._held.clear()
        return bytes(passed)

    def _take_meanwhile(self, passed: bytearray) -> bool:
        """Move a part of a record that is no hello; False where there is none, or it has to wait."""
        if self._left == 0:
            if self._held[0] not in _MEANWHILE:
                if self._stage is _Stage.SECOND_HELLO:
                    self._reader = ClientHelloReader()
                    return True
                return False
            if len(self._held) < _RECORD_HEAD:
                return False
            length = int.from_bytes(self._held[3:5], "big")
            if length > _MAX_RECORD_BYTES:
                raise MalformedRequest("the TLS record has an impossible length")
            self._left = _RECORD_HEAD + length
        count = min(self._left, len(self._held))
        passed += self._held[:count]
        del self._held[:count]
        self._left -= count
        return True

    def _differs(self, at: int, wanted: int) -> bool:
        return len(self._answer) > at and self._answer[at] != wanted
