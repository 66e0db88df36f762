"""A name under which a download can be kept, from the one that the other side suggests. Pure.

Knows what a file name must not hold, here and on the machines that the file may be copied to.
"""

from __future__ import annotations

import re
import unicodedata

_LONGEST_BYTES = 180
_LONGEST_SUFFIX_BYTES = 24
_FALLBACK = "download"
_FORBIDDEN = re.compile(r'[<>:"|?*]')
# Device names of Windows, with or without a suffix.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)
# Control, format (direction overrides can make an .exe look like a .pdf), half surrogates, private and unassigned
# characters, line separators.
_INVISIBLE = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def safe_name(suggested: str) -> str:
    """Return a plain file name: no folders, nothing invisible, no leading dot, no reserved word, not too long."""
    name = re.split(r"[/\\]", suggested)[-1]
    name = "".join(character for character in name if unicodedata.category(character) not in _INVISIBLE)
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", name))
    name = name.strip(" .")
    if not name:
        return _FALLBACK
    if name.startswith("-") or _RESERVED.match(name):
        name = f"_{name}"
    stem, suffix = split_suffix(name)
    return _cut(stem, _LONGEST_BYTES - len(suffix.encode())) + suffix


def numbered(name: str, number: int) -> str:
    """Return the name for the n-th file that wants it: `report.csv`, `report (2).csv`, …"""
    if number == 1:
        return name
    stem, suffix = split_suffix(name)
    return f"{stem} ({number}){suffix}"


def split_suffix(name: str) -> tuple[str, str]:
    """Return a name's stem and its suffix with the dot; a suffix that is no sensible one belongs to the stem."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem or not suffix or len(suffix.encode()) > _LONGEST_SUFFIX_BYTES:
        return name, ""
    return stem, f".{suffix}"


def _cut(text: str, longest_bytes: int) -> str:
    return text.encode()[:longest_bytes].decode(errors="ignore").rstrip(" .") or _FALLBACK
