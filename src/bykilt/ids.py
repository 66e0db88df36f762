"""Identifiers: their types and how new ones are made. Knows nothing of what they name."""

from __future__ import annotations

import secrets
import time
from typing import NewType

RunId = NewType("RunId", str)
PageId = NewType("PageId", str)
CallId = NewType("CallId", str)

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_run_id(now_s: float | None = None) -> RunId:
    """Return an identifier that sorts by time and is safe in a file name.

    Twenty characters: ten of milliseconds since 1970, ten random (50 bits), in Crockford's base 32 in
    lower case (https://www.crockford.com/base32.html).
    """
    millis = int((time.time() if now_s is None else now_s) * 1000)
    stamp = "".join(_ALPHABET[(millis >> shift) & 31] for shift in range(45, -1, -5))
    return RunId(stamp + "".join(secrets.choice(_ALPHABET) for _ in range(10)))
