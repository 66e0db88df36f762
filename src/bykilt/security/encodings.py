"""The forms in which a secret turns up in what browsers and servers write.

Knows the usual encodings. Does not look for them (`redaction`).
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 4
"""A text with fewer characters is not looked for: it would be found everywhere."""

_SHORTEST_CORE = 8
_SHORTEST_LINE = 12


def forms_of(value: str) -> frozenset[str]:
    """Return the value as it stands and in the encodings of URLs, HTML, JSON, JavaScript, base64 and hex.

    Of a value with several lines each long one counts too. A form that is too short to be looked for is left out.
    """
    found = {form for text in _texts(value) for form in _forms(text)}
    return frozenset(form for form in found if len(form) >= SHORTEST)


def _texts(value: str) -> Iterator[str]:
    yield value
    yield value.strip()
    lines = value.splitlines()
    if len(lines) > 1:
        yield value.replace("\r\n", "\n")
        yield value.replace("\r\n", "\n").replace("\n", "\r\n")
        yield from (line.strip() for line in lines if len(line.strip()) >= _SHORTEST_LINE)


def _forms(text: str) -> Iterator[str]:
    yield text
    yield from _for_urls(text)
    yield from _for_html(text)
    yield from _for_scripts(text)
    data = text.encode(errors="surrogatepass")
    yield data.hex()
    yield data.hex().upper()
    yield from _in_base64(data)


def _for_urls(text: str) -> Iterator[str]:
    # What is left as it is differs from writer to writer: RFC 3986, browsers' forms, encodeURIComponent, Python.
    for safe in ("", "/", "-_.!~*'()", "*-._", "/?:@!$&'()*+,;=-_.~"):
        for encode in (quote, quote_plus):
            encoded = encode(text, safe=safe, errors="surrogatepass")
            yield encoded
            yield _lower_hex(encoded)


def _lower_hex(encoded: str) -> str:
    first, *rest = encoded.split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in rest)])


def _for_html(text: str) -> Iterator[str]:
    yield html.escape(text, quote=False)
    escaped = html.escape(text)
    yield escaped
    yield escaped.replace("&#x27;", "&#39;")
    yield escaped.replace("&#x27;", "&apos;")
    yield escaped.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    yield html.escape(text, quote=False).replace('"', "&quot;")


def _for_scripts(text: str) -> Iterator[str]:
    for ascii_only in (False, True):
        written = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield written
        yield written.replace("/", "\\/")
        # A text in JSON that is a text in JSON again, as in a log of requests.
        yield json.dumps(written, ensure_ascii=ascii_only)[1:-1]
        yield from (
            "".join(f"\\u{ord(letter):04x}" if letter in "<>&'" else letter for letter in written),
            "".join(f"\\u{ord(letter):04X}" if letter in "<>&'" else letter for letter in written),
            "".join(f"\\x{ord(letter):02x}" if letter in "<>&'" else letter for letter in written),
        )


def _in_base64(data: bytes) -> Iterator[str]:
    """The part that does not depend on what stands before and after it, for each of the three places to begin at."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        begin = -(-before * 8 // 6)
        end = (before + len(data)) * 8 // 6
        core = encoded[begin:end]
        if len(core) >= _SHORTEST_CORE:
            yield core
            yield core.replace("+", "-").replace("/", "_")
            yield quote(core, safe="")
