"""Which requests a pattern of the network interception means; the same for both engines. Pure.

    *                        every request
    example.com              that host, any scheme, port and path
    *.example.com            that host and every host below it
    *.example.com/*          the same
    example.com/api/*        a path on that host
    /api/*                   a path on any host
    **/api/*                 the end of any address
    example.com:8443         that port
    https://example.com/*    that scheme
    *://example.com/a?b=*    with a query, which is then looked at

`*` stands for any characters. Without a path every path is meant. A pattern that holds no `?` looks at no query.
"""

from __future__ import annotations

import functools
import re

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*|\*+", re.IGNORECASE)


def check_pattern(pattern: str) -> str:
    """Return the pattern.

    Raises:
        ValueError: It can match nothing.
    """
    if not pattern.strip():
        raise ValueError("a pattern must not be empty")
    if any(sign.isspace() for sign in pattern.strip()):
        raise ValueError(f"pattern {pattern!r} holds white space, which no address does; write %20")
    scheme, separator, _ = pattern.partition("://")
    if separator and not _SCHEME.fullmatch(scheme):
        raise ValueError(f"pattern {pattern!r} begins with {scheme!r}, which is no scheme; '*' stands for any")
    return pattern.strip()


def pattern_matches(pattern: str, url: str) -> bool:
    """Whether an address is one that the pattern means."""
    return compiled(pattern).match(url) is not None


@functools.lru_cache(maxsize=512)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return the pattern as an expression that holds in JavaScript too."""
    return re.compile(f"^{_expression(pattern)}$")


_ANYTHING = r"[\s\S]*"
_IN_HOST = r"[^/?#@]*"
_ANY_PATH = rf"(?:[\/?#]{_ANYTHING})?"


def _expression(pattern: str) -> str:
    if not pattern.strip("*"):
        return _ANYTHING
    if pattern.startswith("**"):
        return _star(pattern)
    scheme, separator, rest = pattern.partition("://")
    if not separator:
        scheme, rest = "*", pattern
    found = re.match(r"[^/?#]*", rest)
    host, path = (found[0], rest[found.end() :]) if found else ("", rest)
    if not host and separator:
        return f"{_scheme(scheme)}:\\/\\/{_star(rest)}"  # file:///…
    return rf"{_scheme(scheme)}:\/\/(?:[^/?#]*@)?{_host(host.lower())}{_path(path) if path else _ANY_PATH}"


def _scheme(scheme: str) -> str:
    return "[a-z][a-z0-9+.-]*" if not scheme.strip("*") else _star(scheme.lower())


def _host(host: str) -> str:
    found = re.fullmatch(r"(.*):([\d*]+)", host)
    name, port = (found[1], found[2]) if found else (host, "*")
    if not name.strip("*"):
        expression = _IN_HOST
    elif name.startswith("*."):
        expression = rf"(?:{_IN_HOST}\.)?{_star(name[2:], _IN_HOST)}"
    else:
        expression = _star(name, _IN_HOST)
    return expression + (r"(?::\d+)?" if not port.strip("*") else f":{_star(port)}")


def _path(path: str) -> str:
    before = "" if path.startswith("/") else r"\/?"
    query = "" if "?" in path else rf"(?:\?{_ANYTHING})?"
    return before + _star(path) + query + ("" if "#" in path else rf"(?:#{_ANYTHING})?")


def _star(text: str, any_of: str = _ANYTHING) -> str:
    # `re.escape` would also escape signs that JavaScript does not want escaped.
    return any_of.join(re.sub(r"([.+^${}()|\[\]\\/?])", r"\\\1", part) for part in re.split(r"\*+", text))


def browser_glob(pattern: str) -> str:
    """Return a pattern for the browser's own filter that lets through at least what this pattern means.

    The browser compares the whole address as it writes it, so that only a piece is given which has no other way
    of being written.
    """
    rest = pattern.partition("://")[2] or pattern
    host, slash, path = rest.partition("/")
    if not pattern.isascii() or (not host.strip("*.:0123456789") and not slash):
        return "*"
    pieces = [*re.split(r"[^a-z0-9.-]", host.partition(":")[0].lower()), *re.findall(r"[A-Za-z0-9_/-]+", path)]
    longest = max((piece.strip(".") for piece in pieces), key=len, default="")
    return f"*{longest}*" if longest else "*"
