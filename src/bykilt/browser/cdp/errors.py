"""How a conversation over the protocol fails. Knows commands and sessions, not what they were for."""

from __future__ import annotations

from bykilt.errors import BykiltError


class ProtocolError(BykiltError):
    """Root of everything that goes wrong between us and the browser."""

    code = "protocol_error"

    def __init__(self, message: str, *, method: str = "", session_id: str | None = None) -> None:
        super().__init__(message)
        self.method = method
        self.session_id = session_id


class CdpError(ProtocolError):
    """The browser answered a command with an error. `number` is its JSON-RPC error code."""

    code = "cdp_error"

    def __init__(self, method: str, number: int, message: str, session_id: str | None, data: str = "") -> None:
        detail = f"{message}: {data}" if data else message
        super().__init__(f"{method}: {detail} ({number})", method=method, session_id=session_id)
        self.number = number
        self.detail = detail


class CommandTimeout(ProtocolError):
    """No answer came within the command's deadline."""

    code = "cdp_timeout"

    def __init__(self, method: str, timeout_s: float, session_id: str | None) -> None:
        super().__init__(f"{method}: no answer within {timeout_s:g} s", method=method, session_id=session_id)


class SessionClosed(ProtocolError):
    """The target went away; whatever was in flight on its session failed at once."""

    code = "cdp_session_closed"

    def __init__(self, reason: str, *, method: str = "", session_id: str | None = None) -> None:
        super().__init__(f"{method}: {reason}" if method else reason, method=method, session_id=session_id)
        self.reason = reason


class TargetCrashed(SessionClosed):
    """The renderer behind the session crashed."""

    code = "cdp_target_crashed"


class ConnectionClosed(ProtocolError):
    """The browser or the road to it is gone; everything in flight failed at once."""

    code = "cdp_connection_closed"

    def __init__(self, reason: str, *, method: str = "", session_id: str | None = None) -> None:
        super().__init__(f"{method}: {reason}" if method else reason, method=method, session_id=session_id)
        self.reason = reason
