"""The folder of one run: the names in it, and which names may be used.

    events.jsonl   every event, as it happened          request.json   what was asked for
    result.json    how the run ended                    trace.zip      for the trace viewer
    network.har    every request, if asked for          preview.webp   a small animation, with a trace or a video
    video.webm     the current page, if asked for       llm.jsonl      what models were asked and answered, if so
    error.log      the traceback of a bug               screenshots/   data/   trace/

Knows names, sizes and safe paths. Does not know what is in the files.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bykilt.ids import RunId
from bykilt.storage.atomic_file import PRIVATE_DIR, sync_dir
from bykilt.storage.errors import UnsafePath, explained

_RUN_ID = re.compile(r"[0-9a-z][0-9a-z-]{0,63}")
_REMOVED = ".removed-"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file in a run folder: its name relative to the folder, with `/` between parts."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where one run's files are."""

    path: Path

    @classmethod
    def of(cls, runs: Path, run_id: RunId) -> RunFolder:
        """Return the folder of a run among all runs.

        Raises:
            UnsafePath: That is no run id.
        """
        if not _RUN_ID.fullmatch(run_id):
            raise UnsafePath(run_id, "a run id is made of lower-case letters and digits")
        return cls(runs / run_id)

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def request(self) -> Path:
        return self.path / "request.json"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def llm_answers(self) -> Path:
        return self.path / "llm.jsonl"

    @property
    def browser_log(self) -> Path:
        return self.path / "chromium.log"

    @property
    def error_log(self) -> Path:
        return self.path / "error.log"

    @property
    def trace(self) -> Path:
        return self.path / "trace.zip"

    @property
    def har(self) -> Path:
        return self.path / "network.har"

    @property
    def video(self) -> Path:
        return self.path / "video.webm"

    @property
    def preview(self) -> Path:
        return self.path / "preview.webp"

    @property
    def screenshots(self) -> Path:
        return self.path / "screenshots"

    @property
    def data(self) -> Path:
        return self.path / "data"

    def make(self) -> None:
        """Make the folder, for its owner alone; it is on the disk when this returns.

        Raises:
            StorageError: It is there already, or could not be made.
        """
        with explained(self.path):
            self.path.mkdir(mode=PRIVATE_DIR)
            self.screenshots.mkdir(mode=PRIVATE_DIR)
            self.data.mkdir(mode=PRIVATE_DIR)
            sync_dir(self.path)
            sync_dir(self.path.parent)

    def file(self, name: str) -> Path:
        """Return the path of a file by its name relative to the folder; it need not exist.

        Raises:
            UnsafePath: The name leads out of the folder, by itself or through a symbolic link.
        """
        if not name or "\0" in name or "\\" in name:
            raise UnsafePath(name, "it is empty or holds a character that names must not have")
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts:
            raise UnsafePath(name, "it leads out of the run folder")
        root = self.path.resolve()
        path = (root / parts).resolve()
        if path == root or not path.is_relative_to(root):
            raise UnsafePath(name, "it leads out of the run folder")
        return path

    def artifacts(self) -> tuple[Artifact, ...]:
        """Return the regular files, by name. Hidden ones (still being written) and links are left out.

        Raises:
            StorageError: The folder cannot be read; one that is not there has no files.
        """
        with explained(self.path):
            return tuple(sorted(_regular_files(self.path, ""), key=lambda artifact: artifact.name))

    def remove(self) -> None:
        """Remove the folder with all that is in it. If this is cut off, the rest goes at the next start.

        Raises:
            StorageError: Some of it could not be removed.
        """
        hidden = self.path.with_name(_REMOVED + self.path.name)
        with explained(self.path):
            try:
                os.rename(self.path, hidden)
            except FileNotFoundError:
                return
            sync_dir(self.path.parent)
        finish_removal(hidden)


def is_being_removed(folder: Path) -> bool:
    """Whether this is a run folder whose removal was begun."""
    return folder.name.startswith(_REMOVED)


def removed_run(folder: Path) -> RunId:
    """Return the run that a folder under removal belonged to."""
    return RunId(folder.name.removeprefix(_REMOVED))


def finish_removal(folder: Path) -> None:
    """Remove a folder whose removal was begun.

    Raises:
        StorageError: Some of it could not be removed.
    """
    with explained(folder):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            pass  # another process was removing it too


def _regular_files(folder: Path, prefix: str) -> Iterator[Artifact]:
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _regular_files(folder / entry.name, f"{prefix}{entry.name}/")
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield Artifact(prefix + entry.name, status.st_size)
