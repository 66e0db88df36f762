"""The downloads of one engine: judged while they come in, and kept once they are complete; for both engines.

Knows where they go and what is told of them. Does not know how the browser is spoken to: it is fed with the events
of the protocol, and says which download is to be cancelled. Nothing here is ever executable, run or overwritten.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from bykilt.browser.cdp.downloads import Download, DownloadState, DownloadTracker
from bykilt.browser.engine.download_limits import DownloadLimits
from bykilt.browser.engine.download_names import numbered, safe_name
from bykilt.browser.engine.errors import DownloadFailed, DownloadRefused
from bykilt.clock import Clock
from bykilt.events.model import DownloadFinished, FactSink, Failure, Outcome
from bykilt.json_types import JsonObject

if TYPE_CHECKING:
    from cdp_use.cdp.browser.events import DownloadProgressEvent, DownloadWillBeginEvent

_CHUNK_BYTES = 1 << 20
# What Chromium names a download, and its file. The browser may say anything, so nothing else is used as a name.
_GUID = re.compile(r"[0-9A-Za-z-]{1,64}")
_MODE = 0o640


@dataclass(frozen=True, slots=True)
class SavedDownload:
    """A file that was kept. `size` in bytes."""

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class BrowserFiles:
    """Where the browser puts what it downloads. `owner` is the user that the files must belong to, None for any.

    `fetch` brings a file over from a browser that runs elsewhere: the browser's path, ours, and its size in bytes. It
    does nothing if the file is there already, and raises `OSError` if it cannot be had.
    """

    folder: Path
    owner: int | None
    fetch: Callable[[str, Path, int], Awaitable[None]] | None = None


class Downloads:
    """What the engine's browser has downloaded, and what became of it."""

    def __init__(
        self, limits: DownloadLimits, files: BrowserFiles, target: Callable[[], Path], facts: FactSink, clock: Clock
    ) -> None:
        self.tracker = DownloadTracker()
        self._limits = limits
        self._files = files
        self._target = target
        self._facts = facts
        self._clock = clock
        self._objections: dict[str, str] = {}
        self._unsettled: list[Download] = []
        self._saved: dict[str, SavedDownload] = {}
        self._failures: dict[str, DownloadFailed | DownloadRefused] = {}
        self._keeping = anyio.Lock()

    # ---- events

    def begun(self, event: DownloadWillBeginEvent) -> str | None:
        """Take in a download that begins; returns its id if it is to be cancelled."""
        download = self.tracker.begun(event)
        self._unsettled.append(download)
        return self._judge(download)

    def progressed(self, event: DownloadProgressEvent) -> str | None:
        """Take in how far one is; returns its id if it is to be cancelled."""
        download = self.tracker.progressed(event)
        return None if download is None else self._judge(download)

    def _judge(self, download: Download) -> str | None:
        if download.guid in self._objections:
            return None
        reason = self._limits.objection(download)
        if reason is None:
            return None
        self._objections[download.guid] = reason
        return download.guid if download.state is DownloadState.IN_PROGRESS else None

    # ---- what becomes of them

    def since(self, count: int) -> Download | None:
        """Return the first download after the first `count` ones."""
        return self.tracker.all[count] if len(self.tracker.all) > count else None

    async def settle(self) -> None:
        """Keep what is complete, and tell of all that has ended since the last time. Never fails."""
        while any(download.has_ended for download in self._unsettled):
            async with self._keeping:
                for download in [known for known in self._unsettled if known.has_ended]:
                    self._unsettled.remove(download)
                    await self._settle(download)

    def wake(self) -> None:
        """Have whoever waits look again: the browser is gone."""
        self.tracker.changed.fire()

    async def wait_for_all(self) -> None:
        """Return once every download has ended and what is complete is kept."""
        await self.tracker.changed.wait_until(lambda: all(each.has_ended for each in self._unsettled) or None)
        await self.settle()

    async def give_up(self) -> None:
        """Keep what is complete; what is not will never be: tell of it."""
        await self.settle()
        for download in self._unsettled:
            failure = DownloadFailed(download.suggested_name, "the browser was shut down before it was complete")
            self._tell(download, Outcome.INTERRUPTED, failure=failure)
        self._unsettled.clear()

    async def result_of(self, download: Download) -> SavedDownload:
        """Return what was kept of a download that has ended.

        Raises:
            DownloadRefused: It broke a limit.
            DownloadFailed: It was not complete, or could not be kept.
        """
        await self.settle()
        failure = self._failures.get(download.guid)
        if failure is not None:
            raise failure
        return self._saved[download.guid]

    def listed(self) -> list[JsonObject]:
        """Return every download, oldest first: suggested_filename, url, state, size, sha256, path, error."""
        return [self._entry(download) for download in self.tracker.all]

    def _entry(self, download: Download) -> JsonObject:
        saved, failure = self._saved.get(download.guid), self._failures.get(download.guid)
        return {
            "suggested_filename": download.suggested_name,
            "url": download.shown_url,
            "state": "failed" if failure else "completed" if saved else "in_progress",
            "size": saved.size if saved else download.received,
            "sha256": saved.sha256 if saved else None,
            "path": str(saved.path) if saved else None,
            "error": failure.message if failure else None,
        }

    async def _settle(self, download: Download) -> None:
        try:
            saved = self._saved[download.guid] = await self._keep(download)
        except (DownloadFailed, DownloadRefused) as failure:
            self._failures[download.guid] = failure
            self._tell(download, Outcome.FAILED, failure=failure)
            return
        self._tell(download, Outcome.SUCCEEDED, saved)

    async def _keep(self, download: Download) -> SavedDownload:
        if not _GUID.fullmatch(download.guid):
            raise DownloadFailed(download.suggested_name, "the browser says that it lies where no download can be")
        source = self._files.folder / download.guid
        objection = self._objections.get(download.guid)
        if objection is not None or download.state is not DownloadState.COMPLETED:
            # What cannot be removed, or is no file, goes with the folder.
            with suppress(OSError):
                await anyio.to_thread.run_sync(source.unlink)
            if objection is not None:
                raise DownloadRefused(download.suggested_name, objection)
            raise DownloadFailed(download.suggested_name, "it was cancelled, or broke off")
        try:
            if self._files.fetch is not None:
                await self._files.fetch(download.path or str(source), source, download.received)
            return await anyio.to_thread.run_sync(
                partial(keep_file, most_bytes=self._limits.max_bytes),
                source,
                self._files.owner,
                self._target(),
                safe_name(download.suggested_name),
            )
        except OSError as error:
            raise DownloadFailed(download.suggested_name, f"it could not be kept: {error.strerror or error}") from error

    def _tell(
        self,
        download: Download,
        outcome: Outcome,
        saved: SavedDownload | None = None,
        failure: DownloadFailed | DownloadRefused | None = None,
    ) -> None:
        self._facts.publish(
            DownloadFinished(
                name=saved.path.name if saved else safe_name(download.suggested_name),
                outcome=outcome,
                size_bytes=saved.size if saved else download.received,
                sha256=saved.sha256 if saved else "",
                file=f"{saved.path.parent.name}/{saved.path.name}" if saved else "",
                url=download.shown_url,
                time_ms=self._clock.monotonic_s() * 1000,
                failure=Failure(failure.code, failure.message, failure.hint) if failure else None,
            )
        )


def keep_file(source: Path, owner: int | None, folder: Path, name: str, *, most_bytes: int) -> SavedDownload:
    """Move a file of the browser's, which is not trusted, into a folder of ours; no name there is taken from another.

    Raises:
        OSError: It is no plain file of the owner's, it is larger than what is allowed, or there is no room; then
            nothing of it is left in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as reading:
        status = os.fstat(reading.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or owner not in (None, status.st_uid):
            raise PermissionError(0, "what the browser left is not a plain file of its own")
        fd, partial_name = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder)
        try:
            with os.fdopen(fd, "wb") as writing:
                digest, size = hashlib.sha256(), 0
                while chunk := reading.read(_CHUNK_BYTES):
                    writing.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                    if size > most_bytes:
                        raise OSError(errno.EFBIG, f"it goes on after the {most_bytes:,} bytes that are allowed")
                os.fchmod(fd, _MODE)
            path = _take_free_name(folder, name)
            os.replace(partial_name, path)
        except BaseException:
            os.unlink(partial_name)
            raise
    source.unlink(missing_ok=True)
    return SavedDownload(path, size, digest.hexdigest())


def _take_free_name(folder: Path, name: str) -> Path:
    number = 1
    while True:
        path = folder / numbered(name, number)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE))
        except FileExistsError:
            number += 1
        else:
            return path
