"""Tells the downloads of one browser context from those of others in the same browser.

Chromium tells every client of every context's downloads, with the frame that each came from. Without this, one run
would wait for, judge and cancel what another one downloads.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bykilt.browser.engine.downloads import Downloads

if TYPE_CHECKING:
    from cdp_use.cdp.browser.events import DownloadProgressEvent, DownloadWillBeginEvent

_MOST_HELD = 1_000


class OwnDownloads:
    """Passes on the events of downloads that are ours.

    One whose frame is not known is held back until it has ended: then the place of its file says whose it is.
    """

    def __init__(self, downloads: Downloads, folder: Path, cancel: Callable[[str], None]) -> None:
        self._downloads = downloads
        self._folder = folder
        self._cancel = cancel
        self._ours: set[str] = set()
        self._held: dict[str, tuple[DownloadWillBeginEvent, DownloadProgressEvent | None]] = {}

    def begun(self, event: DownloadWillBeginEvent, *, ours: bool) -> None:
        """Take in a download that begins; `ours` is false also while nobody knows."""
        self._held[event["guid"]] = (event, None)
        if ours:
            self.claim(event["guid"])
        elif len(self._held) > _MOST_HELD:
            del self._held[next(iter(self._held))]

    def claim(self, guid: str) -> None:
        """Take a download that was held back for ours, with what has become of it meanwhile."""
        held = self._held.pop(guid, None)
        if held is None:
            return
        beginning, latest = held
        self._ours.add(guid)
        self._cancel_if(self._downloads.begun(beginning))
        if latest is not None:
            self.progressed(latest)

    def progressed(self, event: DownloadProgressEvent) -> None:
        """Take in how far one is."""
        guid = event["guid"]
        if guid in self._ours:
            self._cancel_if(self._downloads.progressed(event))
            if event["state"] != "inProgress":
                self._ours.discard(guid)
            return
        held = self._held.get(guid)
        if held is None:
            return
        self._held[guid] = (held[0], event)
        if event["state"] == "inProgress":
            return
        if Path(event.get("filePath") or "").parent == self._folder:
            self.claim(guid)
        # Else it may still be claimed, by whoever is asking the browser just now.

    def _cancel_if(self, guid: str | None) -> None:
        if guid is not None:
            self._cancel(guid)
