"""Addresses as people write them: patterns, and those without a scheme; the same for both engines. Pure.

With `*` a pattern describes the whole address, and `*` stands for any characters; without, it matches an address
that is equal to it or contains it.
"""

from __future__ import annotations

import functools
import re


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Only the star is special here: a question mark is part of an address.
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)


def url_matches(pattern: str, url: str) -> bool:
    """Whether an address fits a pattern."""
    if "*" in pattern:
        return _compiled(pattern).fullmatch(url) is not None
    return pattern in url


def looks_like_url(text: str) -> bool:
    """Whether a frame is named by an address rather than by a selector."""
    return "://" in text or (text.startswith(("*", "/")) and not text.startswith("//"))


def with_scheme(url: str) -> str:
    """Return the address with a scheme: a bare host name is taken as https, loopback as http."""
    head = url.split("/", 1)[0].split("?", 1)[0].split("#", 1)[0]
    if ":" in head and not head.rsplit(":", 1)[1].isdigit():
        return url
    host = head.split(":", 1)[0]
    local = host in ("localhost", "") or host.startswith("127.") or host.endswith(".localhost")
    return f"{'http' if local else 'https'}://{url}"
