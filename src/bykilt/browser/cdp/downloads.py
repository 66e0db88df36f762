"""The downloads of one browser context, as the protocol's events tell of them.

Pure but for the signal: fed with events, sends nothing. Does not know what may be downloaded, nor where it goes.

Source: Browser domain, https://chromedevtools.github.io/devtools-protocol/tot/Browser/
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bykilt.browser.cdp.signal import Signal

if TYPE_CHECKING:
    from cdp_use.cdp.browser.events import DownloadProgressEvent, DownloadWillBeginEvent

_LONGEST_URL = 2000


class DownloadState(StrEnum):
    """How far a download is, in the protocol's words."""

    IN_PROGRESS = "inProgress"
    COMPLETED = "completed"
    CANCELED = "canceled"


@dataclass(eq=False, slots=True)
class Download:
    """One download. The browser keeps it under `guid` as its file name; sizes in bytes, `total` 0 while unknown.

    `path` is where the browser says that it lies on its machine, once it is complete; empty while unknown.
    """

    guid: str
    url: str
    suggested_name: str
    received: int = 0
    total: int = 0
    state: DownloadState = DownloadState.IN_PROGRESS
    path: str = ""

    @property
    def shown_url(self) -> str:
        """Its address; a data: address is cut, since it is the content."""
        return self.url[:_LONGEST_URL]

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state is not DownloadState.IN_PROGRESS


class DownloadTracker:
    """All downloads, oldest first. `changed` fires after each event."""

    def __init__(self) -> None:
        self.all: list[Download] = []
        self.changed = Signal()

    def begun(self, event: DownloadWillBeginEvent) -> Download:
        """Take in a download that begins."""
        download = Download(event["guid"], event["url"], event["suggestedFilename"])
        self.all.append(download)
        self.changed.fire()
        return download

    def progressed(self, event: DownloadProgressEvent) -> Download | None:
        """Take in how far one is; returns it, or None if its beginning was not seen."""
        download = next((known for known in reversed(self.all) if known.guid == event["guid"]), None)
        if download is None or download.has_ended:
            return None
        # While a broken download is tried again, the browser counts from 0.
        download.received = max(download.received, int(event["receivedBytes"]))
        download.total = int(event["totalBytes"])
        download.state = DownloadState(event["state"])
        download.path = event.get("filePath", "")
        self.changed.fire()
        return download
