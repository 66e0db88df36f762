"""Which handler carries out which action on the CDP engine, and those about documents: going, waiting, reading."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import anyio

from bykilt.browser.cdp.commands import (
    PAGE_BRING_TO_FRONT,
    PAGE_GET_NAVIGATION_HISTORY,
    PAGE_NAVIGATE,
    PAGE_NAVIGATE_TO_HISTORY_ENTRY,
    PAGE_RELOAD,
    PAGE_STOP_LOADING,
)
from bykilt.browser.cdp.errors import CdpError, TargetCrashed
from bykilt.browser.cdp.frames import Frame, Navigation
from bykilt.browser.cdp.page import Page
from bykilt.browser.cdp.realms import RealmLost
from bykilt.browser.engine import actions, cdp_evidence, cdp_network
from bykilt.browser.engine.actions import (
    Action,
    CloseTab,
    EvaluateJs,
    Extract,
    GoBack,
    GoForward,
    HandleDialog,
    Navigate,
    NewTab,
    Reload,
    SwitchTab,
    WaitFor,
)
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.cdp_cookies import HANDLERS as COOKIES
from bykilt.browser.engine.cdp_emulation import HANDLERS as EMULATION
from bykilt.browser.engine.cdp_files import HANDLERS as FILES
from bykilt.browser.engine.cdp_keyboard import (
    fill,
    focus,
    key_down,
    key_up,
    press,
    select_option,
    type_text,
)
from bykilt.browser.engine.cdp_pointer import check, click, double_click, drag, hover, mouse, scroll, uncheck
from bykilt.browser.engine.cdp_screenshots import screenshot
from bykilt.browser.engine.cdp_storage import HANDLERS as STORAGE
from bykilt.browser.engine.cdp_target import Pages, Target, find_target, present
from bykilt.browser.engine.cdp_uploads import upload
from bykilt.browser.engine.dialogs import handle_dialog
from bykilt.browser.engine.errors import ActionError, NavigationAborted, NavigationFailed
from bykilt.browser.engine.extract_spec import extract_spec
from bykilt.browser.engine.field_kinds import WaitUntil
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.scripts import evaluation, polling
from bykilt.browser.engine.url_patterns import url_matches, with_scheme

if TYPE_CHECKING:
    from bykilt.browser.engine.cdp_engine import CDPEngine

_LIFECYCLE = {
    WaitUntil.COMMIT: "commit",
    WaitUntil.DOMCONTENTLOADED: "DOMContentLoaded",
    WaitUntil.LOAD: "load",
    WaitUntil.NETWORKIDLE: "networkIdle",
}
_ABORTED = "net::ERR_ABORTED"
_BROWSER_SCHEME = "chrome://"
_CRASH_PATIENCE_S = 3.0
_CLOSE_AGAIN_S = 1.0
_RECOVERY_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8)


# ---- going


async def navigate(_: CDPEngine, pages: Pages, action: Navigate, progress: Progress) -> ActionOutput:
    page = await pages.ready(action.page)
    frame = page.main_frame if action.frame is None else (await find_target(pages, action, progress)).frame
    url = with_scheme(action.url)
    progress.waiting_for(f"{url} to answer")
    # A page that has just crashed may drop or crash what comes next (`Page.is_recovering`): that is done again.
    pauses_s = iter(_RECOVERY_PAUSES_S if page.crashed or page.is_recovering else ())
    while True:
        problem = await _attempt(page, frame, url, action.wait_until, progress)
        if problem is None:
            return _arrived(page, frame)
        if page.held_by_dialog:
            progress.log("a dialog of the old document holds the page: opening the address again")
            page.held_by_dialog = False
            continue
        pause_s = next(pauses_s, None)
        if pause_s is None or url.startswith(_BROWSER_SCHEME):
            raise problem
        progress.log("the renderer crashed again while the page was being brought back")
        await anyio.sleep(pause_s)


async def _attempt(
    page: Page, frame: Frame, url: str, until: WaitUntil, progress: Progress
) -> NavigationAborted | TargetCrashed | None:
    """Open an address and wait until it has loaded; returns what made it come to nothing, None if it did not."""
    before = frame.document
    try:
        failure = await _try_to_open(page, frame, url, progress)
        if failure is None:
            await _wait_until_loaded(page, frame, until, progress)
            return None
    except TargetCrashed as crash:
        return crash
    except anyio.get_cancelled_exc_class():
        if frame.document == before:
            # Until the navigation has a document or is given up, Chromium holds back all else.
            page.frames.session_of(frame).post(PAGE_STOP_LOADING({}))
        raise
    if failure != _ABORTED:
        raise NavigationFailed(url, failure)
    return NavigationAborted(url, failure)


async def _try_to_open(page: Page, frame: Frame, url: str, progress: Progress) -> str | None:
    """Navigate a frame until its new document is there; returns why it was dropped after it had begun, or None.

    Raises:
        NavigationFailed: It did not even begin.
    """
    moves = frame.moves
    try:
        answer = await page.frames.session_of(frame).send(
            PAGE_NAVIGATE({"url": url, "frameId": frame.id}), timeout_s=progress.remaining_s + 1
        )
    except CdpError as error:
        raise NavigationFailed(url, error.detail) from error
    page.crashed = False
    failure = answer.get("errorText")
    if failure:
        await _crash_of(page, url)
        if failure == _ABORTED:
            return failure
        raise NavigationFailed(url, failure)
    # Only a new document has an id: a fragment of the same one has not.
    document = cast("str | None", answer.get("loaderId"))
    if document is None:
        if not url.startswith("javascript:"):
            await page.wait_until(lambda: present(frame).moves != moves or None)
        return None

    def came() -> str | None:
        if document in present(frame).recent_documents:
            return ""
        if page.held_by_dialog:
            return _ABORTED
        return page.network.document_failure(document)

    dropped = await page.wait_until(came)
    if dropped:
        await _crash_of(page, url)
    return dropped or None


async def _crash_of(page: Page, url: str) -> None:
    """Give a browser's own address, such as chrome://crash, the time to show what it did to the page."""
    if url.startswith(_BROWSER_SCHEME):
        with anyio.move_on_after(_CRASH_PATIENCE_S):
            await page.wait_until(lambda: None)


async def _wait_until_loaded(page: Page, frame: Frame, until: WaitUntil, progress: Progress) -> None:
    state = _LIFECYCLE[until]
    progress.waiting_for(f"{frame.url} to reach {until}")

    def reached() -> bool | None:
        # networkidle speaks for the frames inside too; load does so by itself.
        frames = present(frame).subtree() if until is WaitUntil.NETWORKIDLE else [frame]
        return all(state in each.lifecycle for each in frames) or None

    await page.wait_until(reached)


def _arrived(page: Page, frame: Frame) -> ActionOutput:
    metadata: dict[str, Any] = {"url": frame.url}
    status = page.network.document_status(frame.document)
    if status is not None:
        metadata["status"] = status
    return ActionOutput(metadata)


async def _go(page: Page, until: WaitUntil, progress: Progress, start: Awaitable[object]) -> ActionOutput:
    frame = page.main_frame
    documents, url = len(frame.recent_documents), frame.url
    latest = frame.document
    progress.waiting_for("the page to go")
    await start
    page.crashed = False
    await page.wait_until(
        lambda: (
            (present(frame).document != latest or frame.url != url or len(frame.recent_documents) != documents) or None
        )
    )
    await _wait_until_loaded(page, frame, until, progress)
    return _arrived(page, frame)


async def _in_history(pages: Pages, action: GoBack | GoForward, progress: Progress, step: int) -> ActionOutput:
    page = await pages.ready(action.page)
    history = await page.ask_when_active(PAGE_GET_NAVIGATION_HISTORY({}))
    place = history["currentIndex"] + step
    if not 0 <= place < len(history["entries"]):
        raise ActionError(
            f"{action.type}: there is nothing {'before' if step < 0 else 'after'} this page in its history",
            hint="navigate to an address instead",
        )
    entry = history["entries"][place]
    start = page.ask_when_active(PAGE_NAVIGATE_TO_HISTORY_ENTRY({"entryId": entry["id"]}))
    return await _go(page, action.wait_until, progress, start)


async def go_back(_: CDPEngine, pages: Pages, action: GoBack, progress: Progress) -> ActionOutput:
    return await _in_history(pages, action, progress, -1)


async def go_forward(_: CDPEngine, pages: Pages, action: GoForward, progress: Progress) -> ActionOutput:
    return await _in_history(pages, action, progress, +1)


async def reload(_: CDPEngine, pages: Pages, action: Reload, progress: Progress) -> ActionOutput:
    page = await pages.ready(action.page)
    return await _go(page, action.wait_until, progress, page.ask_when_active(PAGE_RELOAD({})))


# ---- waiting


async def wait_for(_: CDPEngine, pages: Pages, action: WaitFor, progress: Progress) -> ActionOutput:
    if action.ms is not None:
        progress.waiting_for(f"{action.ms:g} ms to pass")
        await anyio.sleep(action.ms / 1000)
        return ActionOutput()
    target = await find_target(pages, action, progress)
    if action.url is not None:
        return await _wait_for_url(target, action.url)
    if action.expression is not None:
        return await _wait_for_expression(target, action.expression)
    if action.text is not None:
        progress.waiting_for(f"the text {action.text!r}")
        await target.until_ok("bykiltActions.waitForText", {"text": action.text}, (f"text {action.text!r}",))
        return ActionOutput()
    assert action.selector is not None
    spec = {"alternatives": list(action.selector), "state": str(action.state)}
    progress.waiting_for(f"{' | '.join(action.selector)} to be {action.state}")
    await target.until_ok("bykiltActions.waitForState", spec, action.selector)
    return ActionOutput()


async def _wait_for_url(target: Target, pattern: str) -> ActionOutput:
    target.progress.waiting_for(f"the address to match {pattern!r}, now {target.frame.url!r}")
    frame = target.frame
    await target.page.wait_until(
        lambda: (frame.navigation is Navigation.NONE and url_matches(pattern, present(frame).url)) or None
    )
    return ActionOutput({"url": frame.url})


async def _wait_for_expression(target: Target, expression: str) -> ActionOutput:
    target.progress.waiting_for(f"{expression!r} to become true")
    while True:
        realm = await target.main()
        slice_ms = max(0.0, min(1000.0, target.progress.remaining_s * 1000 - 30))
        try:
            value = await realm.evaluate(polling(expression, slice_ms))
        except RealmLost:
            await target.main_replaced(realm)
            continue
        if value:
            return ActionOutput()


# ---- reading


async def evaluate_js(_: CDPEngine, pages: Pages, action: EvaluateJs, progress: Progress) -> ActionOutput:
    target = await find_target(pages, action, progress)
    progress.waiting_for("the script to finish")
    realm = await target.main()
    value = await realm.evaluate(
        evaluation(action.expression, action.arg), timeout_s=progress.remaining_s + 1, user_gesture=True
    )
    return ActionOutput({"result": value})


async def extract(_: CDPEngine, pages: Pages, action: Extract, progress: Progress) -> ActionOutput:
    target = await find_target(pages, action, progress)
    answer = await target.until_ok("bykiltActions.read", extract_spec(action), action.selector)
    return ActionOutput({"result": answer["value"]})


# ---- tabs


async def new_tab(engine: CDPEngine, pages: Pages, action: NewTab, progress: Progress) -> ActionOutput:
    page = await pages.context.new_page()
    pages.make_current(page)
    if action.url:
        await navigate(engine, pages, Navigate(url=action.url, wait_until=action.wait_until, page=page.id), progress)
    return ActionOutput({"page": page.id, "url": page.url})


async def switch_tab(_: CDPEngine, pages: Pages, action: SwitchTab, progress: Progress) -> ActionOutput:
    page = await pages.ready(action.page)
    pages.make_current(page)
    await page.session.send(PAGE_BRING_TO_FRONT({}))
    return ActionOutput({"page": page.id, "url": page.url})


async def _ask_to_close(page: Page) -> None:
    """Ask for it; Chromium forgets the wish of a page that just then moves in its history, so that one asks again."""
    try:
        await page.close()
    except CdpError:
        if page.session.closed_because is None:
            raise


async def close_tab(_: CDPEngine, pages: Pages, action: CloseTab, progress: Progress) -> ActionOutput:
    page = pages.find(action.page)
    closed = page.id
    while closed in pages.context.pages:
        await _ask_to_close(page)
        with anyio.move_on_after(_CLOSE_AGAIN_S):
            await pages.context.changed.wait_until(lambda: closed not in pages.context.pages or None)
    current = pages.current
    return ActionOutput({"closed": closed, "page": current.id if current else None})


async def _handle_dialog(engine: CDPEngine, _: Pages, action: HandleDialog, progress: Progress) -> ActionOutput:
    return await handle_dialog(engine, action, progress)


Handler = Callable[["CDPEngine", Pages, Any, Progress], Awaitable[ActionOutput]]

HANDLERS: Mapping[type[Action], Handler] = {
    actions.Navigate: navigate,
    actions.GoBack: go_back,
    actions.GoForward: go_forward,
    actions.Reload: reload,
    actions.Click: click,
    actions.DoubleClick: double_click,
    actions.Hover: hover,
    actions.Focus: focus,
    actions.Fill: fill,
    actions.Type: type_text,
    actions.Press: press,
    actions.KeyDown: key_down,
    actions.KeyUp: key_up,
    actions.Mouse: mouse,
    actions.SelectOption: select_option,
    actions.Check: check,
    actions.Uncheck: uncheck,
    actions.Scroll: scroll,
    actions.Drag: drag,
    actions.FileUpload: upload,
    actions.WaitFor: wait_for,
    actions.EvaluateJs: evaluate_js,
    actions.Extract: extract,
    actions.Screenshot: screenshot,
    actions.NewTab: new_tab,
    actions.SwitchTab: switch_tab,
    actions.CloseTab: close_tab,
    **cdp_network.HANDLERS,
    **FILES,
    **cdp_evidence.HANDLERS,
    **COOKIES,
    **EMULATION,
    **STORAGE,
    actions.HandleDialog: _handle_dialog,
}
