"""Which headers carry credentials, and what is shown of them. Pure.

Facts, records and files name such a header, so that one sees that it was there, and hide its value.
"""

from __future__ import annotations

from collections.abc import Iterable

HIDDEN_VALUE = "***"
"""What stands in place of a credential."""

_EXACT = frozenset({"authorization", "cookie", "set-cookie", "cookie2", "set-cookie2"})
_BEGINNINGS = ("proxy-auth", "authentication-info")
# Names that people give to keys of their own: X-Api-Key, X-Auth-Token, X-CSRF-Token and the like.
_PARTS = ("api-key", "apikey", "token", "secret", "password", "session-id", "credential")


def is_credential(name: str) -> bool:
    """Whether a header of this name carries a credential."""
    lower = name.lower()
    return lower in _EXACT or lower.startswith(_BEGINNINGS) or any(part in lower for part in _PARTS)


def shown_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the headers with the values of credentials hidden."""
    return tuple((name, HIDDEN_VALUE if is_credential(name) else value) for name, value in headers)
