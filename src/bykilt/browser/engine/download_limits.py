"""What may be downloaded: how much, and which types. Pure; knows names and sizes, not files."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass

from bykilt.browser.cdp.downloads import Download
from bykilt.browser.engine.download_names import safe_name, split_suffix
from bykilt.errors import InvalidInput

# The table of the language, not of the machine: the same on each.
_TYPES = mimetypes.MimeTypes()


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """`types` are suffixes with their dot and media types, lower case; empty means all."""

    max_bytes: int
    types: tuple[str, ...] = ()

    @classmethod
    def of(cls, max_bytes: int, types: Sequence[str] | None) -> DownloadLimits:
        """Return the limits that the settings describe.

        Raises:
            InvalidInput: The size is not above 0, or a type is none.
        """
        if max_bytes <= 0:
            raise InvalidInput(f"download_max_bytes must be above 0, got {max_bytes}", hint="leave it out for 1 GiB")
        if isinstance(types, str) or (types is not None and not types):
            raise InvalidInput("download_types is a list of types", hint="use for instance ['.pdf', 'image/*']")
        return cls(max_bytes, tuple(_read_type(kind) for kind in types or ()))

    def objection(self, download: Download) -> str | None:
        """Return why this download must not be, None while it may."""
        size = max(download.received, download.total)
        if size > self.max_bytes:
            return f"it is larger than the {self.max_bytes:,} bytes that are allowed"
        if self.types and not self._is_allowed(download.suggested_name):
            return f"its type is not one of {', '.join(self.types)}"
        return None

    def _is_allowed(self, suggested_name: str) -> bool:
        _, suffix = split_suffix(safe_name(suggested_name))
        media_type = _TYPES.guess_type(f"x{suffix}", strict=False)[0] or ""
        group = f"{media_type.partition('/')[0]}/*"
        return any(kind in (suffix.lower(), media_type, group, "*/*") for kind in self.types)


def _read_type(given: str) -> str:
    kind = given.strip().lower()
    if not kind or kind.count("/") > 1 or " " in kind:
        raise InvalidInput(f"{given!r} is not a type of file", hint="use a suffix such as '.pdf', or 'image/*'")
    return kind if "/" in kind or kind.startswith(".") else f".{kind}"
