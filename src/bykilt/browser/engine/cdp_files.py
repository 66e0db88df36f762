"""What comes out of an action on the CDP engine: the page that it opens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bykilt.browser.cdp.errors import ConnectionClosed, SessionClosed
from bykilt.browser.cdp.page import Page
from bykilt.browser.engine.actions import Action, WaitForPopup
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.cdp_target import Pages
from bykilt.browser.engine.outcomes import no_popup, popup_output, popup_without_document
from bykilt.browser.engine.progress import Progress

if TYPE_CHECKING:
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


HANDLERS: Mapping[type[Action], Any] = {WaitForPopup: wait_for_popup}
