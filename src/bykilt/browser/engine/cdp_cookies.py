"""Cookies on the CDP engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from bykilt.browser.cdp.errors import CdpError
from bykilt.browser.engine.actions_state import ClearCookies, GetCookies, SetCookie
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.cdp_target import Pages, find_target
from bykilt.browser.engine.cookies import Cookie, CookieRefused, chosen, cleared, cookie_of, from_storage, kept
from bykilt.browser.engine.progress import Progress

if TYPE_CHECKING:
    from cdp_use.cdp.network.types import CookieParam

    from bykilt.browser.engine.cdp_engine import CDPEngine


async def set_cookie(engine: CDPEngine, pages: Pages, action: SetCookie, progress: Progress) -> ActionOutput:
    url = "" if action.domain is not None else (await find_target(pages, action, progress)).frame.url
    cookie = cookie_of(action, url, engine.clock.wall_s())
    try:
        jar = await pages.context.cookies.put([cookie_param(cookie)])
    except CdpError as error:
        raise CookieRefused(cookie) from error
    if not kept(cookie, map(from_storage, jar)):
        raise CookieRefused(cookie)
    return ActionOutput({"name": cookie.name, "domain": cookie.domain, "path": cookie.path})


async def get_cookies(_: CDPEngine, pages: Pages, action: GetCookies, __: Progress) -> ActionOutput:
    return ActionOutput({"cookies": [cookie.to_result() for cookie in chosen(action, await read_cookies(pages))]})


async def clear_cookies(_: CDPEngine, pages: Pages, action: ClearCookies, __: Progress) -> ActionOutput:
    unwanted = chosen(action, await read_cookies(pages))
    if unwanted:
        await pages.context.cookies.put([cookie_param(cookie.expired()) for cookie in unwanted])
    return ActionOutput(cleared(unwanted))


async def read_cookies(pages: Pages) -> list[Cookie]:
    """Return every cookie of the context."""
    return [from_storage(item) for item in await pages.context.cookies.read()]


def cookie_param(cookie: Cookie) -> CookieParam:
    """Return a cookie in the words of the protocol."""
    param: CookieParam = {
        "name": cookie.name,
        "value": cookie.value,
        "domain": cookie.domain,
        "path": cookie.path,
        "secure": cookie.secure,
        "httpOnly": cookie.http_only,
    }
    if cookie.same_site is not None:
        param["sameSite"] = str(cookie.same_site)  # type: ignore[typeddict-item]
    if cookie.expires is not None:
        param["expires"] = cookie.expires
    if cookie.partition is not None:
        param["partitionKey"] = cookie.partition
    return param


Handler = Callable[["CDPEngine", Pages, Any, Progress], Awaitable[ActionOutput]]

HANDLERS: Mapping[type[Any], Handler] = {
    SetCookie: set_cookie,
    GetCookies: get_cookies,
    ClearCookies: clear_cookies,
}
