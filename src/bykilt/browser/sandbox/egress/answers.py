"""What the browser is answered where the proxy says no.

Knows the form of those answers, and that an engine tells them apart by `X-Sandbox-Policy`: `denied`, `malformed` or
`unreachable`. Over plain HTTP no server can send that field, since the proxy removes it; inside TLS one can.
"""

from __future__ import annotations

import json
from http import HTTPStatus

from bykilt.browser.sandbox.egress.decisions import MalformedRequest, Refused, Unreachable
from bykilt.browser.sandbox.egress.response_head import POLICY_FIELD

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def answer_to(error: Refused | MalformedRequest | Unreachable, host: str, port: int) -> bytes:
    """Return the whole answer; the connection is closed after it."""
    if isinstance(error, Refused):
        status, policy, reason = 403, "denied", error.message
    elif isinstance(error, MalformedRequest):
        status, policy, reason = error.status, "malformed", error.message
    else:
        status, policy, reason = 502, "unreachable", error.reason.value
    body = json.dumps(
        {
            "error": f"sandbox_{policy}",
            "host": host,
            "port": port,
            "reason": reason,
            "hint": error.hint,
        }
    ).encode()
    head = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"{POLICY_FIELD.decode()}: {policy}",
        "Content-Type: application/json",
        "X-Content-Type-Options: nosniff",
        "Cache-Control: no-store",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return ("\r\n".join(head) + "\r\n\r\n").encode("ascii") + body
