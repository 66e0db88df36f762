"""How a browser packs a form with files (`multipart/form-data`), and how to read it back.

Knows the wire format. Knows nothing of sockets, pages or where the files go.

Source: RFC 7578, and https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import unquote

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)
_NAME = re.compile(r'[;\s]name="([^"]*)"')
_FILENAME = re.compile(r'[;\s]filename="([^"]*)"')


class MalformedForm(ValueError):
    """The body is not the `multipart/form-data` that its header promises."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One file of a form: the field it came from, its name, its type and its bytes."""

    field: str
    name: str
    content_type: str
    content: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.content)

    @property
    def sha256(self) -> str:
        """Hex digest of the content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class MultipartForm:
    """The plain fields, in order, and the files of one posted form."""

    fields: tuple[tuple[str, str], ...]
    files: tuple[UploadedFile, ...]

    def value(self, name: str, default: str = "") -> str:
        """Return the first value posted under `name`, or `default`."""
        return next((value for key, value in self.fields if key == name), default)


def parse_multipart(content_type: str, body: bytes) -> MultipartForm:
    """Split a posted body into its fields and files.

    A file input that was left empty (no name and no bytes) is not a file.

    Raises:
        MalformedForm: No boundary in `content_type`, or the parts do not keep to it.
    """
    delimiter = b"\r\n--" + _boundary(content_type)
    # The first delimiter has no line break before it: lend it one, so that all look alike.
    chunks = (b"\r\n" + body).split(delimiter)
    if len(chunks) < 2 or not chunks[-1].startswith(b"--"):
        raise MalformedForm("the closing boundary of the form is missing")

    fields: list[tuple[str, str]] = []
    files: list[UploadedFile] = []
    for chunk in chunks[1:-1]:
        head, separator, content = chunk.partition(b"\r\n\r\n")
        if not separator:
            raise MalformedForm("a part of the form has no blank line after its headers")
        headers = _headers(head)
        disposition = headers.get("content-disposition", "")
        field = _quoted(_NAME, disposition)
        if field is None:
            raise MalformedForm("a part of the form has no field name")
        filename = _quoted(_FILENAME, disposition)
        if filename is None:
            fields.append((field, content.decode("utf-8", errors="replace")))
        elif filename or content:
            kind = headers.get("content-type", "application/octet-stream")
            files.append(UploadedFile(field, filename, kind, content))
    return MultipartForm(tuple(fields), tuple(files))


def _boundary(content_type: str) -> bytes:
    match = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or match is None:
        raise MalformedForm(f"expected multipart/form-data with a boundary, got {content_type!r}")
    return (match.group(1) or match.group(2)).encode()


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("utf-8", errors="replace").strip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _quoted(pattern: re.Pattern[str], disposition: str) -> str | None:
    match = pattern.search(disposition)
    # Browsers escape only quotes and line breaks in these names, as %22, %0D and %0A.
    return None if match is None else re.sub(r"%(22|0D|0A)", lambda m: unquote(m.group()), match.group(1))
