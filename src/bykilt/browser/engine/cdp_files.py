"""What comes out of an action on the CDP engine: the page that it opens, the file that it downloads."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bykilt.browser.cdp.browser import Browser
from bykilt.browser.cdp.commands import BROWSER_CANCEL_DOWNLOAD, BROWSER_SET_DOWNLOAD_BEHAVIOR
from bykilt.browser.cdp.connection import Call, Session
from bykilt.browser.cdp.context import BrowserContext
from bykilt.browser.cdp.errors import ConnectionClosed, ProtocolError, SessionClosed
from bykilt.browser.cdp.page import Page, PageSettings, Surroundings
from bykilt.browser.cdp.protocol_events import BROWSER_DOWNLOAD_PROGRESS, BROWSER_DOWNLOAD_WILL_BEGIN
from bykilt.browser.engine.actions import Action, WaitForDownload, WaitForPopup
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.cdp_target import Pages
from bykilt.browser.engine.downloads import Downloads
from bykilt.browser.engine.outcomes import no_popup, popup_output, popup_without_document, wait_for_download
from bykilt.browser.engine.own_downloads import OwnDownloads
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.remote_files import Send
from bykilt.clock import Clock
from bykilt.events.model import Unheard

if TYPE_CHECKING:
    from cdp_use.cdp.browser.commands import CancelDownloadParameters, SetDownloadBehaviorParameters
    from cdp_use.cdp.browser.events import DownloadWillBeginEvent

    from bykilt.browser.engine.cdp_engine import CDPEngine


async def wait_for_popup(engine: CDPEngine, pages: Pages, action: WaitForPopup, progress: Progress) -> ActionOutput:
    opener = await pages.ready(action.page)
    context = pages.context
    with context.opened_pages() as opened:
        await engine.perform_inside(action, action.action, progress)
        progress.blocked_by(no_popup(action.action))
        popup = await context.changed.wait_until(lambda: _opened_by(opener, opened))
    progress.blocked_by(popup_without_document(action.action, popup.id))
    try:
        await popup.wait_until(lambda: popup.has_arrived or None)
    except SessionClosed:
        _check_connection(popup)  # else it has only closed itself
    return popup_output(popup.id, popup.url, closed=popup.id not in context.pages)


def _opened_by(opener: Page, opened: list[Page]) -> Page | None:
    popup = next((page for page in opened if page.opener_id == opener.id), None)
    if popup is None and opener.session.closed_because is not None:
        _check_connection(opener)
        raise SessionClosed(opener.session.closed_because)
    return popup


def _check_connection(page: Page) -> None:
    lost = page.session.connection.closed_because
    if lost is not None:
        raise ConnectionClosed(lost)


def watch_downloads(root: Session, downloads: Downloads, folder: Path, context: BrowserContext) -> Awaitable[object]:
    """Have the browser put the downloads of a context into a folder and tell of them; returns its answer."""
    context_id = context.id

    def cancel(guid: str) -> None:
        params: CancelDownloadParameters = {"guid": guid}
        if context_id is not None:
            params["browserContextId"] = context_id
        root.post(BROWSER_CANCEL_DOWNLOAD(params))

    def begun(event: DownloadWillBeginEvent) -> None:
        own.begun(event, ours=context_id is None or context.has_shown(event["frameId"]))

    own = OwnDownloads(downloads, folder, cancel)
    root.on(BROWSER_DOWNLOAD_WILL_BEGIN, begun)
    root.on(BROWSER_DOWNLOAD_PROGRESS, own.progressed)
    root.connection.on_close(lambda _: downloads.wake())
    params: SetDownloadBehaviorParameters = {
        "behavior": "allowAndName",
        "downloadPath": str(folder),
        "eventsEnabled": True,
    }
    if context_id is not None:
        params["browserContextId"] = context_id
    return root.send(BROWSER_SET_DOWNLOAD_BEHAVIOR(params))


async def open_courier(browser: Browser, clock: Clock) -> Send:
    """Return the road to a blank page in a context of its own, of which nobody hears.

    Raises:
        OSError: The browser gives none.
    """
    settings = PageSettings(100, 100, None, "")
    try:
        context = await browser.new_context(settings, surroundings=Surroundings(Unheard(), clock))
    except ProtocolError as error:
        raise OSError(0, error.message) from error
    page = context.first_page()
    assert page is not None

    async def send(call: Call[Any]) -> Any:
        try:
            return await page.session.send(call)
        except ProtocolError as error:
            raise OSError(0, error.message) from error

    return send


async def _wait_for_download(engine: CDPEngine, _: Pages, action: WaitForDownload, progress: Progress) -> ActionOutput:
    return await wait_for_download(engine, action, progress)


HANDLERS: Mapping[type[Action], Any] = {WaitForPopup: wait_for_popup, WaitForDownload: _wait_for_download}
