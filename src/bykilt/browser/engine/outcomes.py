"""What is said of what comes out of an action, a page that it opens or a file; shared by both engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bykilt.browser.cdp.downloads import Download
from bykilt.browser.engine.action_result import ActionOutput
from bykilt.browser.engine.action_titles import title_of
from bykilt.browser.engine.actions import Action, WaitForDownload, to_json
from bykilt.browser.engine.downloads import SavedDownload
from bykilt.browser.engine.errors import ActionTimeout
from bykilt.browser.engine.progress import Blocker, Progress

if TYPE_CHECKING:
    from bykilt.browser.engine.browser_engine import BrowserEngine


def _done(action: Action) -> str:
    return f"{title_of(action, to_json(action))!r} was carried out"


def no_popup(action: Action) -> Blocker:
    """Return the error for an action that opened no page."""
    return lambda waited_s: ActionTimeout(
        f"a page to open ({_done(action)}, but opened none)",
        waited_s,
        hint="see in the trace what the action did; a page that is loaded in the same tab is waited for with wait_for",
    )


def popup_without_document(action: Action, page: str) -> Blocker:
    """Return the error for a page that opened and got no document."""
    return lambda waited_s: ActionTimeout(
        f"a page to open ({_done(action)}, and its page {page} has no document yet)",
        waited_s,
        hint="raise `timeout_ms` if the server is only slow",
    )


def no_download(action: Action) -> Blocker:
    """Return the error for an action that downloaded nothing."""
    return lambda waited_s: ActionTimeout(
        f"a download to begin ({_done(action)}, but began none)",
        waited_s,
        hint="see in the trace what the action did; a file that the browser shows itself is not downloaded",
    )


def unfinished(download: Download) -> Blocker:
    """Return the error for a download that goes on for longer."""

    def late(waited_s: float) -> ActionTimeout:
        of = f" of {download.total:,}" if download.total else ""
        what = f"the download of {download.suggested_name!r} to end, now at {download.received:,}{of} bytes"
        return ActionTimeout(what, waited_s, hint="raise `timeout_ms`; the download itself goes on")

    return late


def download_output(download: Download, saved: SavedDownload) -> ActionOutput:
    """Return the result for a file that was kept."""
    return ActionOutput(
        {
            "path": str(saved.path),
            "size": saved.size,
            "sha256": saved.sha256,
            "suggested_filename": download.suggested_name,
            "url": download.shown_url,
        },
        {"download_path": str(saved.path)},
    )


async def wait_for_download(engine: BrowserEngine, action: WaitForDownload, progress: Progress) -> ActionOutput:
    """Carry out the inner action and keep the first download that begins in the browser from then on."""
    downloads = engine.downloads
    count = len(downloads.tracker.all)
    await engine.perform_inside(action, action.action, progress)
    progress.blocked_by(no_download(action.action))
    download = await downloads.tracker.changed.wait_until(
        lambda: downloads.since(count) if engine.has_browser() else None
    )
    progress.blocked_by(unfinished(download))
    await downloads.tracker.changed.wait_until(lambda: (engine.has_browser() and download.has_ended) or None)
    return download_output(download, await downloads.result_of(download))


def popup_output(page: str, url: str, *, closed: bool) -> ActionOutput:
    """Return the result for a page that opened; it may have closed itself again."""
    return ActionOutput({"page": page, "url": url, "closed": closed})
