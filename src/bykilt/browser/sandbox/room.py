"""How full the folders in memory of one sandbox are, as seen from outside. Knows no policy and tells nobody.

A page is refused more room before the folder is full: Chromium lets all pages together store 80 % of what the disk
under its profile holds, and one site three quarters of that. So the home counts as used up from there on.
Source: Chromium, storage/browser/quota/quota_settings.cc
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# What one site may store, as a part of the whole, with some tolerance for what Chromium counts differently.
_FULL_FOR_PAGES = 0.58
_FULL = 0.99


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder in memory, under its name inside, and the limit that its size comes from."""

    limit: str
    path: Path
    is_for_pages: bool = False


def used_up(first: int, folders: Iterable[Folder]) -> dict[str, int]:
    """Return the limits that were come to, each with 1; `first` is a process that sees the folders.

    What cannot be looked at, because the sandbox has ended, is left out.
    """
    found: dict[str, int] = {}
    for folder in folders:
        used = _used(first, folder.path)
        if used is not None and used >= (_FULL_FOR_PAGES if folder.is_for_pages else _FULL):
            found[folder.limit] = 1
    return found


def _used(first: int, path: Path) -> float | None:
    """Return the part of a folder's file system that is in use.

    Every step goes through a descriptor and follows no link: whoever is inside may have put one in the way.
    """
    try:
        at = os.open(f"/proc/{first}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        for name in path.parts[1:]:
            below = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = below
        status = os.fstatvfs(at)
    except OSError:
        return None
    finally:
        os.close(at)
    return 1 - status.f_bavail / status.f_blocks if status.f_blocks else None
