"""How long the proxy waits and how much it holds. Knows numbers only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProxyLimits:
    """Bounds of one proxy; tests shorten them.

    A browser opens connections ahead of need, so one that has sent nothing yet is given longer than a head that has
    begun. A quiet WebSocket or event stream is given minutes; one that only one side still holds open is not.
    """

    first_byte_s: float = 60.0
    head_s: float = 10.0
    hello_s: float = 10.0
    resolve_s: float = 5.0
    connect_s: float = 10.0
    idle_s: float = 600.0
    half_closed_s: float = 30.0
    connections: int = 512
