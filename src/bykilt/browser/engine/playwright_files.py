"""What comes out of an action on the Playwright engine: the page that it opens, the file that it downloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.async_api import Browser, CDPSession
from playwright.async_api import Error as PlaywrightError

from bykilt.browser.cdp.connection import Call
from bykilt.browser.engine.actions import Action, WaitForDownload, WaitForPopup
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.downloads import Downloads
from bykilt.browser.engine.outcomes import no_popup, popup_output, wait_for_download
from bykilt.browser.engine.own_downloads import OwnDownloads
from bykilt.browser.engine.playwright_pages import PageEntry, PageRegistry
from bykilt.browser.engine.playwright_target import first_line
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.remote_files import Send

if TYPE_CHECKING:
    from cdp_use.cdp.browser.events import DownloadProgressEvent, DownloadWillBeginEvent

    from bykilt.browser.engine.playwright_engine import PlaywrightEngine


async def wait_for_popup(engine: PlaywrightEngine, action: WaitForPopup, progress: Progress) -> ActionOutput:
    target = await engine.target(replace(action, frame=None), progress)
    opener = target.entry
    with engine.registry.opened_pages() as opened:
        await engine.perform_inside(action, action.action, progress)
        progress.blocked_by(no_popup(action.action))
        while (popup := _opened_by(opener, opened)) is None:
            change = engine.registry.next_change
            gone = target.gone()
            if gone is not None:
                raise gone
            await change.wait()
    return popup_output(popup.id, popup.page.url, closed=popup.page.is_closed())


def _opened_by(opener: PageEntry, opened: list[PageEntry]) -> PageEntry | None:
    return next((entry for entry in opened if entry.opener_id == opener.id), None)


async def watch_downloads(
    session: CDPSession, downloads: Downloads, folder: Path, context_id: str | None, pages: PageRegistry
) -> None:
    """Have the browser put the downloads of a context into a folder and tell of them.

    Playwright's own events tell neither how large a download grows nor when it breaks off. The browser is told
    again what Playwright has told it, since only who tells it hears of them.
    """
    of_context = {} if context_id is None else {"browserContextId": context_id}
    to_cancel: list[str] = []
    own = OwnDownloads(downloads, folder, to_cancel.append)

    async def cancel() -> None:
        while to_cancel:
            try:
                await session.send("Browser.cancelDownload", {"guid": to_cancel.pop(), **of_context})
            except PlaywrightError:
                pass  # it has ended, or the browser has

    async def begun(event: DownloadWillBeginEvent) -> None:
        own.begun(event, ours=context_id is None)
        if context_id is not None and await _has_frame(session, pages, event["frameId"]):
            own.claim(event["guid"])
        await cancel()

    async def progressed(event: DownloadProgressEvent) -> None:
        own.progressed(event)
        await cancel()

    session.on("Browser.downloadWillBegin", begun)
    session.on("Browser.downloadProgress", progressed)
    await session.send(
        "Browser.setDownloadBehavior",
        {"behavior": "allowAndName", "downloadPath": str(folder), "eventsEnabled": True, **of_context},
    )


async def _has_frame(session: CDPSession, pages: PageRegistry, frame_id: str) -> bool:
    """Whether a frame is one of our pages'; false where the browser does not say."""
    for entry in pages.all:
        try:
            tree: Any = await (await entry.cdp_session()).send("Page.getFrameTree")
        except PlaywrightError:
            continue  # it is gone
        if frame_id in _frame_ids(tree["frameTree"]):
            return True
    return False


def _frame_ids(tree: Any) -> Iterator[str]:
    yield tree["frame"]["id"]
    for child in tree.get("childFrames", ()):
        yield from _frame_ids(child)


async def context_id_of(entry: PageEntry) -> str:
    """Return the protocol's id of the context that a page is in."""
    answer = await (await entry.cdp_session()).send("Target.getTargetInfo")
    return str(answer["targetInfo"]["browserContextId"])


async def open_courier(browser: Browser) -> Send:
    """Return the road to a blank page in a context of its own, of which nobody hears.

    Raises:
        OSError: The browser gives none.
    """
    try:
        page = await (await browser.new_context()).new_page()
        session = await page.context.new_cdp_session(page)
    except PlaywrightError as error:
        raise OSError(0, first_line(error)) from error

    async def send(call: Call[Any]) -> Any:
        try:
            return await session.send(call.method, call.params)
        except PlaywrightError as error:
            raise OSError(0, first_line(error)) from error

    return send


HANDLERS: Mapping[type[Action], Any] = {WaitForPopup: wait_for_popup, WaitForDownload: wait_for_download}
