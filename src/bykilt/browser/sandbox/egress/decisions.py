"""What the proxy tells of each connection, and the two ways in which it says no.

Knows the words of the record. It holds no path, no header and no password, so that none can get into a record.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bykilt.browser.sandbox.egress.host_rules import Verdict
from bykilt.errors import BykiltError


class ConnectionKind(Enum):
    """What the browser asked the proxy for."""

    CONNECT = "connect"
    HTTP = "http"
    WEBSOCKET = "websocket"  # ws://, which Chromium sends through a tunnel; wss:// cannot be told from https://
    UNKNOWN = "unknown"  # it ended, or was refused, before that could be read


class UnreachableReason(Enum):
    """Why there is no connection to a host that is allowed."""

    DNS = "dns"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    UPSTREAM_PROXY = "upstream_proxy"
    BAD_ANSWER = "bad_answer"


@dataclass(frozen=True, slots=True)
class EgressDecision:
    """One connection of the browser: told when it is refused, or when an allowed one has ended.

    `allowed` is about the rules: a host that is allowed and cannot be reached has `unreachable` as well.
    `host` is canonical, and empty when the request could not be read. `rule` is as it is written, and empty where none
    was needed or none matched. `address` is the one connected to: with an upstream proxy, empty.
    The bytes are those relayed in each direction, `bytes_up` from the browser.
    """

    host: str
    port: int
    kind: ConnectionKind
    allowed: bool
    rule: str = ""
    reason: str = ""
    hint: str = ""
    unreachable: UnreachableReason | None = None
    address: str = ""
    bytes_up: int = 0
    bytes_down: int = 0
    duration_ms: int = 0


class Refused(BykiltError):
    """The rules do not let this connection through."""

    code = "egress_refused"

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason, hint=verdict.hint)


class Unreachable(BykiltError):
    """The rules let it through, and there is no connection all the same."""

    code = "egress_unreachable"

    def __init__(self, reason: UnreachableReason, message: str) -> None:
        super().__init__(message, hint="check that the address is right and that its server answers")
        self.reason = reason


class MalformedRequest(BykiltError):
    """A request that an upstream server could read in another way than we do. The message quotes nothing of it."""

    code = "egress_malformed"

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message, hint="the browser sends no such request by itself; see what else uses its network")
        self.status = status
