"""Facts that tell what a browser was kept from, and that nothing of it is left; `model` has the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from bykilt.json_types import JsonValue


@dataclass(frozen=True, slots=True)
class SandboxAttested:
    """The policy, and what the kernel says of each process of the browser. `unenforced` limits have their reason."""

    kind: ClassVar[str] = "sandbox.attested"
    policy: JsonValue
    attestation: JsonValue
    unenforced: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EgressDecided:
    """One request over plain HTTP, or one tunnel, that the browser asked for. Bytes are those of an allowed one.

    `protocol` is what was asked for: `connect` (a tunnel for https and wss), `http`, `websocket` (ws), `unknown`.
    `rule` is the entry of the policy that allows it, `reason` why it is refused; `unreachable` why it leads nowhere
    although it is allowed (`dns`, `refused`, `timeout`, …). `address` is the one connected to.
    """

    kind: ClassVar[str] = "egress.decided"
    host: str
    port: int
    protocol: str
    allowed: bool
    rule: str
    reason: str
    unreachable: str
    address: str
    bytes_up: int
    bytes_down: int
    time_ms: float
    duration_ms: float


@dataclass(frozen=True, slots=True)
class LimitHit:
    """The browser came to one of its limits: `memory` killed a process, `processes` refused one, `cpu` slowed it.

    `home`, `tmp` and `shm` are folders in memory that were found full.
    """

    kind: ClassVar[str] = "sandbox.limit_hit"
    limit: str
    count: int


@dataclass(frozen=True, slots=True)
class SecretUsed:
    """A secret was typed into a document of this origin, or refused there: then `refused` says why."""

    kind: ClassVar[str] = "secret.used"
    name: str
    origin: str
    refused: str
    time_ms: float


@dataclass(frozen=True, slots=True)
class SandboxRemoved:
    """What was left of the sandbox after its end; nothing, if all is well."""

    kind: ClassVar[str] = "sandbox.removed"
    processes_left: list[int]
    groups_left: list[str]
    folder_left: bool
