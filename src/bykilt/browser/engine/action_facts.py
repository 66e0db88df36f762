"""What is told of an action: that it began, and how it ended. Pure."""

from __future__ import annotations

from bykilt.browser.engine.action_result import ActionResult
from bykilt.browser.engine.action_titles import title_of
from bykilt.browser.engine.actions import Action, to_json
from bykilt.browser.engine.errors import ActionError
from bykilt.events.model import ActionFinished, ActionStarted, Failure, Outcome
from bykilt.ids import CallId, PageId


def action_started(call_id: CallId, action: Action, page: PageId | None, now_s: float) -> ActionStarted:
    """Return what is told at the beginning."""
    params = to_json(action)
    return ActionStarted(call_id, action.type, title_of(action, params), params, page, now_s * 1000)


def action_finished(
    call_id: CallId, result: ActionResult, error: ActionError | None, page: PageId | None, url: str, now_s: float
) -> ActionFinished:
    """Return what is told at the end."""
    return ActionFinished(
        call_id,
        result.action_type,
        Outcome.FAILED if error else Outcome.SUCCEEDED,
        now_s * 1000,
        result.duration_ms,
        Failure(error.code, error.message, error.hint) if error else None,
        page,
        url,
    )
