"""The form of a line of the ledger, and how lines are linked. Pure.

A line is a JSON object. Its last field, `hash`, is the SHA-256 of all bytes of the line before it (up to and
without `,"hash":`); its field `prev` is the `hash` of the line before. So a line can be checked as the bytes that
they are, without writing JSON again in the one right way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from bykilt.audit.record import AuditRecord, Who
from bykilt.json_types import JsonObject, JsonValue
from bykilt.storage.errors import StorageError
from bykilt.storage.json_document import compact_json, decode_object

GENESIS = "0" * 64
"""What the first line of a ledger has as `prev`."""

_TAIL = re.compile(rb',"hash":"([0-9a-f]{64})"\}$')


@dataclass(frozen=True, slots=True)
class Link:
    """The place of a line in the chain."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was read. `document` is all of it; `is_intact` whether its hash is that of its bytes."""

    seq: int
    prev: str
    hash: str
    is_intact: bool
    document: JsonObject

    @property
    def action(self) -> str:
        """What was done."""
        return str(self.document.get("action", ""))

    @property
    def what(self) -> str:
        """What it was done to."""
        return str(self.document.get("what", ""))

    @property
    def outcome(self) -> str:
        """What came of it."""
        return str(self.document.get("outcome", ""))

    @property
    def at(self) -> str:
        """When, in UTC."""
        return str(self.document.get("at", ""))

    @property
    def wall_s(self) -> float:
        """When, in seconds since 1970; 0 if that cannot be read."""
        try:
            return datetime.fromisoformat(self.at).timestamp()
        except ValueError:
            return 0.0

    def part(self, name: str) -> Mapping[str, JsonValue]:
        """Return `who`, `where` or `detail`; empty if it is not there."""
        value = self.document.get(name)
        return value if isinstance(value, Mapping) else {}


def write_line(record: AuditRecord, who: Who, wall_s: float, before: Link) -> tuple[bytes, Link]:
    """Return a line with its newline, and its place in the chain."""
    seq = before.seq + 1
    document: dict[str, JsonValue] = {
        "seq": seq,
        "at": datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="microseconds"),
        "action": str(record.action),
        "what": record.what,
        "outcome": str(record.outcome),
        "who": asdict(who),
    }
    if record.where:
        document["where"] = dict(record.where)
    if record.detail:
        document["detail"] = dict(record.detail)
    document["prev"] = before.hash
    body = compact_json(document).encode()[:-1]
    digest = hashlib.sha256(body).hexdigest()
    return b'%s,"hash":"%s"}\n' % (body, digest.encode()), Link(seq, digest)


def read_line(raw: bytes) -> Line | None:
    """Return the line in the bytes, which have no newline; None if they are no line of a ledger."""
    tail = _TAIL.search(raw)
    if tail is None:
        return None
    try:
        document = decode_object(raw)
    except StorageError:
        return None
    seq, prev = document.get("seq"), document.get("prev")
    if not isinstance(seq, int) or not isinstance(prev, str):
        return None
    found = tail[1].decode()
    return Line(seq, prev, found, hashlib.sha256(raw[: tail.start()]).hexdigest() == found, document)
