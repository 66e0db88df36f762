"""Cookies on the Playwright engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from playwright.async_api import Error as PlaywrightError

from bykilt.browser.engine.actions_state import ClearCookies, GetCookies, SetCookie
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.cookies import (
    Cookie,
    CookieRefused,
    chosen,
    cleared,
    cookie_of,
    from_storage,
    kept,
    to_storage,
)
from bykilt.browser.engine.progress import Progress

if TYPE_CHECKING:
    from bykilt.browser.engine.playwright_engine import PlaywrightEngine


async def set_cookie(engine: PlaywrightEngine, action: SetCookie, progress: Progress) -> ActionOutput:
    url = "" if action.domain is not None else (await engine.target(action, progress)).frame.url
    cookie = cookie_of(action, url, engine.clock.wall_s())
    try:
        await _put(engine, [cookie])
    except PlaywrightError as error:
        raise engine.gone_error() or CookieRefused(cookie) from error
    if not kept(cookie, await read_cookies(engine)):
        raise CookieRefused(cookie)
    return ActionOutput({"name": cookie.name, "domain": cookie.domain, "path": cookie.path})


async def get_cookies(engine: PlaywrightEngine, action: GetCookies, _: Progress) -> ActionOutput:
    return ActionOutput({"cookies": [cookie.to_result() for cookie in chosen(action, await read_cookies(engine))]})


async def clear_cookies(engine: PlaywrightEngine, action: ClearCookies, _: Progress) -> ActionOutput:
    # Playwright's own way forgets every cookie and sets again what was to stay: a request in between has none.
    unwanted = chosen(action, await read_cookies(engine))
    if unwanted:
        async with engine.asking():
            await _put(engine, [cookie.expired() for cookie in unwanted])
    return ActionOutput(cleared(unwanted))


async def read_cookies(engine: PlaywrightEngine) -> list[Cookie]:
    """Return every cookie of the context."""
    async with engine.asking():
        return [from_storage(item) for item in await engine.registry.context.cookies()]


async def _put(engine: PlaywrightEngine, cookies: list[Cookie]) -> None:
    params: list[Any] = [dict(to_storage(cookie)) for cookie in cookies]
    for cookie, param in zip(cookies, params, strict=True):
        if cookie.same_site is None:
            del param["sameSite"]
    await engine.registry.context.add_cookies(cast("Any", params))


Handler = Callable[["PlaywrightEngine", Any, Progress], Awaitable[ActionOutput]]

HANDLERS: Mapping[type[Any], Handler] = {
    SetCookie: set_cookie,
    GetCookies: get_cookies,
    ClearCookies: clear_cookies,
}
