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
from bykilt.errors import InvalidInput

HOW_TO_ALLOW = "add its folder with --upload-folder (upload_folders), or hand the file in as a parameter of type file"


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A checked file. `size` in bytes."""

    source: Path
    size: int

    @property
    def name(self) -> str:
        """The name that the page sees."""
        return self.source.name


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """From where files may be given to a page, and how large an upload may be. `folders` may name single files, too.

    None allows any place. Within a folder, what lies under a name with a leading dot is not meant: keys and
    settings live there.
    """

    folders: tuple[Path, ...] | None = None
    max_bytes: int | None = None

    @classmethod
    def of(cls, folders: Sequence[str | Path] | None, max_bytes: int | None) -> UploadLimits:
        """Return the limits with every folder in its real place.

        Raises:
            InvalidInput: The size is below 0.
        """
        if max_bytes is not None and max_bytes < 0:
            raise InvalidInput(f"upload_max_bytes must be 0 or more, got {max_bytes}", hint="None sets no limit")
        real = None if folders is None else tuple(Path(folder).expanduser().resolve() for folder in folders)
        return cls(real, max_bytes)

    def objection(self, source: Path, size: int) -> str:
        """Return why a file with all links resolved may not be uploaded; empty when it may."""
        if self.max_bytes is not None and size > self.max_bytes:
            return f"has {size:,} bytes, more than the {self.max_bytes:,} that are allowed"
        if self.folders is None or any(_holds(folder, source) for folder in self.folders):
            return ""
        return "is outside the folders from which files may be given to a page"


@dataclass(frozen=True, slots=True)
class StagedUpload:
    """Checked files, and the paths under which the browser reads them; None where it cannot, so that they are sent."""

    files: tuple[UploadFile, ...]
    paths: tuple[str, ...] | None


def _holds(folder: Path, source: Path) -> bool:
    if not source.is_relative_to(folder):
        return False
    return not any(part.startswith(".") for part in source.relative_to(folder).parts)


def check_files(paths: Sequence[str], limits: UploadLimits) -> list[UploadFile]:
    """Return the files in the order given.

    Raises:
        FileRejected: One does not exist, is no regular file, cannot be read, or is not allowed; with which and why.
    """
    files = [_checked(path) for path in paths]
    for path, file in zip(paths, files, strict=True):
        objection = limits.objection(file.source, file.size)
        if objection:
            raise FileRejected(path, objection, hint=HOW_TO_ALLOW)
    return files


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


async def stage(files: Sequence[UploadFile], copy: Callable[[Path, str], Path], place: str) -> StagedUpload:
    """Return files that the browser, which may be another user, can read: `copy` puts each into a place.

    Raises:
        FileRejected: One cannot be read, or there is no room.
    """
    staged: list[str] = []
    for number, file in enumerate(files):
        try:
            staged.append(str(await anyio.to_thread.run_sync(copy, file.source, f"{place}-{number}")))
        except OSError as error:
            raise FileRejected(str(file.source), f"could not be lent to the browser: {error.strerror}") from error
    return StagedUpload(tuple(files), tuple(staged))


def by_source(files: Sequence[UploadFile]) -> StagedUpload:
    """Return files that the browser reads where they are."""
    return StagedUpload(tuple(files), tuple(str(file.source) for file in files))
