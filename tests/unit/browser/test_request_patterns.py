"""Which requests a pattern means."""

from __future__ import annotations

import re

import pytest

from bykilt.browser.engine.request_patterns import browser_glob, check_pattern, pattern_matches

MATCHES = [
    ("*", "data:text/html,x"),
    ("*", "http://127.0.0.1:8080/a"),
    ("example.com", "https://example.com/x?y#z"),
    ("example.com", "http://example.com"),
    ("example.com", "wss://example.com:8443/socket"),
    ("example.com", "https://user:pw@example.com/"),
    ("EXAMPLE.com/A", "http://example.com/A"),
    ("*.example.com/*", "https://example.com/"),
    ("*.example.com/*", "https://a.b.example.com/x"),
    ("*.example.com", "https://a.example.com"),
    ("https://x/*", "https://x/"),
    ("/api/*", "http://127.0.0.1:80/api/x?u=1"),
    ("*/api/*", "http://h/api/"),
    ("**/api/*", "http://h/v1/api/x"),
    ("example.com/a", "http://example.com/a?x=1#y"),
    ("example.com/a?b=*", "http://example.com/a?b=1"),
    ("example.com:8443", "https://example.com:8443/x"),
    ("example.com:*/x", "https://example.com/x"),
    ("*://example.com/*", "ftp://example.com/x"),
    ("file:///tmp/*", "file:///tmp/a.html"),
    ("*.example.com/*.png", "http://cdn.example.com/a/b.png?v=2"),
]

OTHERS = [
    ("example.com", "https://a.example.com/"),
    ("example.com", "https://example.com.evil.net/"),
    ("example.com", "https://example.com@evil.net/"),
    ("example.com", "https://evil.net/?u=https://example.com/"),
    ("example.com", "https://evil.net/example.com"),
    ("example.com", "https://evil.net#example.com/"),
    ("*.example.com", "https://badexample.com/"),
    ("*.example.com", "https://evil.net/a.example.com"),
    ("https://x/*", "http://x/"),
    ("example.com/a", "http://example.com/ab"),
    ("example.com/A", "http://example.com/a"),
    ("example.com/a?b=*", "http://example.com/a?c=1"),
    ("example.com:8443", "https://example.com/"),
    ("example.com", "data:text/plain,example.com"),
    ("exam.le", "http://example/"),
]


@pytest.mark.parametrize(("pattern", "url"), MATCHES)
def test_a_pattern_matches(pattern: str, url: str) -> None:
    """The browser's own filter, which comes first, lets it through as well."""
    assert pattern_matches(pattern, url)
    glob = re.compile(re.escape(browser_glob(pattern)).replace(r"\*", ".*"))
    assert glob.fullmatch(url)


@pytest.mark.parametrize(("pattern", "url"), OTHERS)
def test_a_pattern_does_not_match(pattern: str, url: str) -> None:
    """A look-alike host never passes for the real one."""
    assert not pattern_matches(pattern, url)


@pytest.mark.parametrize("pattern", ["", "  ", "a b", "ht tp://x", "1x://example.com"])
def test_a_pattern_that_can_match_nothing_is_refused(pattern: str) -> None:
    """With the reason."""
    with pytest.raises(ValueError, match="pattern"):
        check_pattern(pattern)
