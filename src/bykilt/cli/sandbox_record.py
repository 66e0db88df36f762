"""What a run's events say of its sandbox: the policy, the proof, and where the browser went.

Knows the events. Starts nothing, and knows nothing of a sandbox that runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bykilt.events.containment_text import limit_in_words, network_in_words, removal_in_words, sandbox_in_words
from bykilt.events.model import EgressDecided, Event, LimitHit, SandboxAttested, SandboxRemoved, Warned
from bykilt.json_types import JsonObject

_OFF = "sandbox_off"


@dataclass(slots=True)
class Destination:
    """One host and port that the browser asked for."""

    host: str
    port: int
    rule: str = ""
    reason: str = ""
    allowed: int = 0
    refused: int = 0
    unreachable: int = 0
    bytes_up: int = 0
    bytes_down: int = 0

    def count(self, fact: EgressDecided) -> None:
        """Add one connection."""
        self.bytes_up += fact.bytes_up
        self.bytes_down += fact.bytes_down
        self.rule = fact.rule or self.rule
        self.reason = fact.reason or self.reason
        if not fact.allowed:
            self.refused += 1
        elif fact.unreachable:
            self.unreachable += 1
        else:
            self.allowed += 1

    def to_json(self) -> JsonObject:
        """Return it for programs."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class SandboxRecord:
    """All that is on record of one run's sandbox."""

    attested: SandboxAttested | None = None
    removed: SandboxRemoved | None = None
    is_off: bool = False
    limits: dict[str, LimitHit] = field(default_factory=dict)
    destinations: dict[tuple[str, int], Destination] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> SandboxRecord:
        """Read it from the events of a run."""
        record = cls()
        for event in events:
            match event.fact:
                case SandboxAttested() as fact:
                    record.attested = fact
                case SandboxRemoved() as fact:
                    record.removed = fact
                case LimitHit() as fact:
                    record.limits[fact.limit] = fact
                case Warned() as fact if fact.code == _OFF:
                    record.is_off = True
                case EgressDecided() as fact:
                    place = (fact.host, fact.port)
                    record.destinations.setdefault(place, Destination(*place)).count(fact)
        return record

    def to_json(self) -> JsonObject | None:
        """Return it for programs; None when the run tells nothing of a sandbox."""
        if self.attested is None:
            return {"enabled": False} if self.is_off else None
        removed = self.removed
        return {
            "enabled": True,
            "policy": self.attested.policy,
            "attestation": self.attested.attestation,
            "unenforced": dict(self.attested.unenforced),
            "limits_hit": {limit: fact.count for limit, fact in self.limits.items()},
            "destinations": [each.to_json() for each in self.destinations.values()],
            "left": None
            if removed is None
            else {
                "processes": list(removed.processes_left),
                "control_groups": list(removed.groups_left),
                "folder": removed.folder_left,
            },
        }

    def lines(self) -> Iterator[str]:
        """Yield it for people."""
        if self.attested is None:
            if self.is_off:
                yield "OFF: the browser ran without bykilt's sandbox"
            return
        yield sandbox_in_words(self.attested)
        for fact in self.limits.values():
            yield limit_in_words(fact)
        for each in self.destinations.values():
            yield _destination(each)
        if self.removed is not None:
            yield f"after the end: {removal_in_words(self.removed)}"


def _destination(each: Destination) -> str:
    where = f"{each.host or '?'}:{each.port}"
    if each.refused:
        return f"{where}  refused {each.refused} times: {each.reason}"
    if each.unreachable and not each.allowed:
        return f"{where}  could not be reached: {each.reason}"
    by = f"rule {each.rule}" if each.rule else network_in_words({"network": "open"})
    return f"{where}  {each.allowed} times by {by}, {each.bytes_up} bytes up, {each.bytes_down} down"
