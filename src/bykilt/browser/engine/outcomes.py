"""What is said of what comes out of an action, a page that it opens; shared by both engines."""

from __future__ import annotations

from bykilt.browser.engine.action_result import ActionOutput
from bykilt.browser.engine.action_titles import title_of
from bykilt.browser.engine.actions import Action, to_json
from bykilt.browser.engine.errors import ActionTimeout
from bykilt.browser.engine.progress import Blocker


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


def popup_output(page: str, url: str, *, closed: bool) -> ActionOutput:
    """Return the result for a page that opened; it may have closed itself again."""
    return ActionOutput({"page": page, "url": url, "closed": closed})
