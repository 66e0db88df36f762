"""Actions about documents on the Playwright engine: going, tabs, waiting, running scripts, reading."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame, Response
from playwright.async_api import TimeoutError as PlaywrightTimeout

from bykilt.browser.engine.actions import (
    CloseTab,
    EvaluateJs,
    Extract,
    GoBack,
    GoForward,
    Navigate,
    NewTab,
    Reload,
    SwitchTab,
    WaitFor,
)
from bykilt.browser.engine.blocked import shown
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.errors import (
    ActionError,
    NavigationAborted,
    NavigationFailed,
    NotJson,
    ScriptFailed,
)
from bykilt.browser.engine.extract_spec import extract_spec
from bykilt.browser.engine.field_kinds import ElementState
from bykilt.browser.engine.playwright_pages import PageEntry
from bykilt.browser.engine.playwright_selectors import picked
from bykilt.browser.engine.playwright_target import Needs, Target, first_line
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.scripts import EVALUATOR, polling
from bykilt.browser.engine.url_patterns import url_matches, with_scheme
from bykilt.json_types import JsonValue

if TYPE_CHECKING:
    from bykilt.browser.engine.playwright_engine import PlaywrightEngine

_ABORTED = "net::ERR_ABORTED"
_ERROR_PAGES = re.compile("^chrome-error:")
_ERROR_PAGE_MS = 300.0
_STOP_PATIENCE_S = 0.5
_REFUSAL_PAUSES_S = (0.02, 0.05, 0.1, 0.2, 0.4)
_SLICE_MS = 1000.0


# ---- going


async def navigate(engine: PlaywrightEngine, action: Navigate, progress: Progress) -> ActionOutput:
    target = await engine.navigable_target(action, progress)
    url = with_scheme(action.url)
    progress.waiting_for(f"{url} to reach {action.wait_until}")
    target.entry.forget_failure()
    try:
        async with _stopped_if_given_up(target.entry):
            response = await target.frame.goto(url, wait_until=action.wait_until.value, timeout=target.timeout_ms)
    except PlaywrightTimeout as error:
        raise await target.late() from error
    except PlaywrightError as error:
        failure = await _navigation_failure(target, url, error)
        await _until_error_page(target.frame)
        raise failure from error
    return _arrived(target.frame, response)


@asynccontextmanager
async def _stopped_if_given_up(entry: PageEntry) -> AsyncIterator[None]:
    """Stop a navigation that is given up before it has a document: until then, Chromium holds back all else."""
    before = entry.navigations
    try:
        yield
    except (PlaywrightTimeout, anyio.get_cancelled_exc_class()):
        if entry.navigations != before:
            raise
        with anyio.move_on_after(_STOP_PATIENCE_S, shield=True):
            try:
                await (await entry.cdp_session()).send("Page.stopLoading")
            except PlaywrightError:
                pass  # the page is gone, and its navigation with it
        raise


async def _until_error_page(frame: Frame) -> None:
    """Wait until the browser shows that it failed: an error page that comes later would end the next navigation."""
    try:
        await frame.wait_for_url(_ERROR_PAGES, wait_until="commit", timeout=_ERROR_PAGE_MS)
    except PlaywrightError:
        pass  # there is none, for instance after a download


async def _navigation_failure(target: Target, url: str, error: PlaywrightError) -> ActionError:
    def known() -> ActionError | None:
        request = target.entry.failed_request
        if request is not None and request.failure:
            return (NavigationAborted if request.failure == _ABORTED else NavigationFailed)(url, request.failure)
        return target.gone()

    return await target.news(known) or NavigationFailed(url, first_line(error))


def _arrived(frame: Frame, response: Response | None) -> ActionOutput:
    metadata: dict[str, Any] = {"url": frame.url}
    if response is not None:
        metadata["status"] = response.status
    return ActionOutput(metadata)


async def go_back(engine: PlaywrightEngine, action: GoBack, progress: Progress) -> ActionOutput:
    return await _in_history(engine, action, progress)


async def go_forward(engine: PlaywrightEngine, action: GoForward, progress: Progress) -> ActionOutput:
    return await _in_history(engine, action, progress)


async def _in_history(engine: PlaywrightEngine, action: GoBack | GoForward, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    entry = target.entry
    is_back = isinstance(action, GoBack)
    progress.waiting_for("the page to go")
    before = entry.navigations
    go = entry.page.go_back if is_back else entry.page.go_forward
    response = await _gone(target, lambda: go(wait_until=action.wait_until.value, timeout=target.timeout_ms))
    if response is None and entry.navigations == before:
        raise ActionError(
            f"{action.type}: there is nothing {'before' if is_back else 'after'} this page in its history",
            hint="navigate to an address instead",
        )
    return _arrived(entry.page.main_frame, response)


async def reload(engine: PlaywrightEngine, action: Reload, progress: Progress) -> ActionOutput:
    entry = engine.registry.find(action.page)
    if entry.crashed:
        # Playwright does not take up a crashed page again, so a new one has to load its address.
        again = Navigate(url=entry.page.url, wait_until=action.wait_until, page=entry.id)
        return await navigate(engine, again, progress)
    target = await engine.target(action, progress)
    progress.waiting_for("the page to load again")
    response = await _gone(
        target, lambda: entry.page.reload(wait_until=action.wait_until.value, timeout=target.timeout_ms)
    )
    return _arrived(entry.page.main_frame, response)


async def _gone(target: Target, go: Callable[[], Awaitable[Response | None]]) -> Response | None:
    """Go, within the page's own history.

    A page that is just changing its renderer refuses, so it is asked again.
    """
    entry = target.entry
    entry.forget_failure()
    pauses_s = iter(_REFUSAL_PAUSES_S)
    while True:
        try:
            async with _stopped_if_given_up(entry):
                return await go()
        except PlaywrightTimeout as error:
            raise await target.late() from error
        except PlaywrightError as error:
            pause_s = next(pauses_s, None)
            if pause_s is None or entry.failed_request is not None or target.gone() is not None:
                failure = await _navigation_failure(target, entry.page.url, error)
                await _until_error_page(target.frame)
                raise failure from error
        await anyio.sleep(pause_s)


# ---- tabs


async def new_tab(engine: PlaywrightEngine, action: NewTab, progress: Progress) -> ActionOutput:
    progress.waiting_for("a new page")
    entry = await engine.open_page(progress)
    engine.registry.make_current(entry)
    if action.url:
        await navigate(engine, Navigate(url=action.url, wait_until=action.wait_until, page=entry.id), progress)
    return _page_output(entry)


async def switch_tab(engine: PlaywrightEngine, action: SwitchTab, progress: Progress) -> ActionOutput:
    entry = engine.registry.find(action.page)
    engine.registry.make_current(entry)
    if not entry.crashed:
        async with (await engine.target(action, progress)).explained():
            await entry.page.bring_to_front()
    return _page_output(entry)


def _page_output(entry: PageEntry) -> ActionOutput:
    return ActionOutput({"page": entry.id, "url": entry.page.url})


async def close_tab(engine: PlaywrightEngine, action: CloseTab, progress: Progress) -> ActionOutput:
    entry = engine.registry.find(action.page)
    progress.waiting_for(f"{entry.id} to close")
    await engine.network.give_up(entry.id)
    await entry.page.close()
    current = engine.registry.current
    return ActionOutput({"closed": entry.id, "page": current.id if current else None})


# ---- waiting


async def wait_for(engine: PlaywrightEngine, action: WaitFor, progress: Progress) -> ActionOutput:
    if action.ms is not None:
        progress.waiting_for(f"{action.ms:g} ms to pass")
        await anyio.sleep(action.ms / 1000)
        return ActionOutput()
    target = await engine.target(action, progress)
    if action.url is not None:
        return await _wait_for_url(target, action.url)
    if action.expression is not None:
        return await _wait_for_expression(target, action.expression)
    if action.text is not None:
        progress.waiting_for(f"the text {action.text!r}")
        async with target.explained():
            await target.ask("shows", action.text)
        return ActionOutput()
    assert action.selector is not None
    return await _wait_for_state(target, action.selector, action.state)


async def _wait_for_state(target: Target, selector: tuple[str, ...], state: ElementState) -> ActionOutput:
    target.progress.waiting_for(f"{shown(selector)} to be {state}")
    async with target.explained(selector, Needs(state=str(state))):
        element = target.frame.locator(picked(selector))
        await target.piercing(selector, lambda limit_ms: element.wait_for(state=state.value, timeout=limit_ms))
    return ActionOutput()


async def _wait_for_url(target: Target, pattern: str) -> ActionOutput:
    frame = target.frame
    target.progress.waiting_for(f"the address to match {pattern!r}, now {frame.url!r}")
    async with target.explained():
        if not url_matches(pattern, frame.url):
            await frame.wait_for_url(
                lambda url: url_matches(pattern, url), wait_until="commit", timeout=target.timeout_ms
            )
    return ActionOutput({"url": frame.url})


async def _wait_for_expression(target: Target, expression: str) -> ActionOutput:
    target.progress.waiting_for(f"{expression!r} to become true")
    while True:
        change = target.entry.next_change
        slice_ms = max(0.0, min(_SLICE_MS, target.progress.remaining_s * 1000))
        try:
            if await _evaluated(target, polling(expression, slice_ms), None):
                return ActionOutput()
        except PlaywrightError as error:
            gone = target.gone()
            if gone is not None:
                raise gone from error
            await change.wait()  # the document went away; the next one is asked


# ---- reading


# Anything but a simple value goes through JSON in the page: the driver's own encoding has more than JSON has, and says
# errors in prose. One text for all scripts, which the browser compiles once.
_EVALUATE = f"""([source, arg]) => {{
  const packed = (value) => {{
    const kind = typeof value;
    if (kind === "string" || kind === "boolean" || (kind === "number" && Number.isFinite(value))) return value;
    try {{
      return {{ json: JSON.stringify(value) ?? "null" }};
    }} catch (error) {{
      return {{ unfit: error.message }};
    }}
  }};
  const failed = (error) => {{
    const stack = String(error?.stack ?? "");
    return {{ message: (error instanceof Error && stack.split("\\n    at ")[0]) || String(error), stack }};
  }};
  try {{
    const value = ({EVALUATOR})(source, arg);
    return typeof value?.then === "function" ? value.then(packed, failed) : packed(value);
  }} catch (error) {{
    return failed(error);
  }}
}}"""


async def evaluate_js(engine: PlaywrightEngine, action: EvaluateJs, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    progress.waiting_for("the script to finish")
    try:
        return ActionOutput({"result": await _evaluated(target, action.expression, action.arg)})
    except PlaywrightError as error:
        gone = target.gone()
        raise gone or ScriptFailed("the page navigated away while the script ran") from error


async def _evaluated(target: Target, expression: str, arg: JsonValue) -> JsonValue:
    answer: Any = await target.frame.evaluate(_EVALUATE, [expression, arg])
    if not isinstance(answer, dict):
        simple: JsonValue = answer
        return simple
    if "message" in answer:
        raise ScriptFailed(answer["message"], stack=answer["stack"])
    if "unfit" in answer:
        raise NotJson(answer["unfit"])
    try:
        value: JsonValue = json.loads(answer["json"])
    except (ValueError, TypeError, RecursionError) as error:
        # The script runs in the page's world, where the page may have put another `JSON`.
        raise NotJson("the page's own JSON.stringify wrote something else") from error
    return value


async def extract(engine: PlaywrightEngine, action: Extract, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    progress.waiting_for(f"{shown(action.selector)} to be read")
    async with target.explained(action.selector, Needs()):
        answer = await target.ask("read", extract_spec(action))
    return ActionOutput({"result": answer["value"]})
