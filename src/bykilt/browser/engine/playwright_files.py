"""What comes out of an action on the Playwright engine: the page that it opens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bykilt.browser.engine.actions import Action, WaitForPopup
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.outcomes import no_popup, popup_output
from bykilt.browser.engine.playwright_pages import PageEntry
from bykilt.browser.engine.progress import Progress

if TYPE_CHECKING:
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


HANDLERS: Mapping[type[Action], Any] = {WaitForPopup: wait_for_popup}
