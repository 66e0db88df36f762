"""Checks files before any browser sees them; the same for both engines.

A path that is missing would otherwise become an empty file in the page: Chromium takes it without complaint.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from bykilt.browser.engine.errors import FileRejected


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A checked file. `size` in bytes."""

    source: Path
    size: int

    @property
    def name(self) -> str:
        """The name that the page sees."""
        return self.source.name


def check_files(paths: Sequence[str]) -> list[UploadFile]:
    """Return the files in the order given.

    Raises:
        FileRejected: One does not exist, is no regular file, or cannot be read; with which and why.
    """
    return [_checked(path) for path in paths]


def _checked(path: str) -> UploadFile:
    source = Path(path).expanduser()
    try:
        source = source.resolve(strict=True)
        found = source.stat()
    except FileNotFoundError:
        hint = "use an absolute path" if not Path(path).is_absolute() else "check the spelling"
        raise FileRejected(path, "there is no such file", hint=f"{hint}; looked in {Path.cwd()}") from None
    except (OSError, RuntimeError) as error:
        raise FileRejected(path, f"cannot be looked at: {error}") from None
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise FileRejected(path, f"is {kind}", hint="name the files one by one")
    if not os.access(source, os.R_OK):
        raise FileRejected(path, "cannot be read by this user", hint="change its permissions, or copy it")
    return UploadFile(source, found.st_size)


async def stage(files: Sequence[UploadFile], copy: Callable[[Path, str], Path], place: str) -> list[Path]:
    """Return where the browser, which may be another user, can read the files: `copy` puts each into a place.

    Raises:
        FileRejected: One cannot be read, or there is no room.
    """
    staged: list[Path] = []
    for number, file in enumerate(files):
        try:
            staged.append(await anyio.to_thread.run_sync(copy, file.source, f"{place}-{number}"))
        except OSError as error:
            raise FileRejected(str(file.source), f"could not be lent to the browser: {error.strerror}") from error
    return staged
