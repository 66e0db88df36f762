"""What a browser remembers, on the CDP engine: read from a page of ours at each origin, and written there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from bykilt.browser import injected
from bykilt.browser.cdp.context import BrowserContext
from bykilt.browser.cdp.errors import CdpError
from bykilt.browser.cdp.realms import JavaScriptError, encode_arguments
from bykilt.browser.engine.actions_state import SaveStorageState
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.cdp_cookies import cookie_param, read_cookies
from bykilt.browser.engine.cdp_target import Pages
from bykilt.browser.engine.errors import ActionError
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.storage_state import StorageState, keep_storage_state, origin_of

if TYPE_CHECKING:
    from bykilt.browser.engine.cdp_engine import CDPEngine


class StorageFailed(ActionError):
    """What an origin stores could not be read or written."""

    code = "storage_failed"

    def __init__(self, origin: str, reason: str) -> None:
        super().__init__(
            f"what {origin} stores cannot be moved: {reason[:200]}",
            hint="a value such as a key of the Web Crypto API or a file has no JSON form",
        )


async def read_state(pages: Pages) -> StorageState:
    """Return what the context remembers: all cookies, and what each origin that a frame has shown stores.

    Raises:
        StorageFailed: An origin stores what has no JSON form.
        ProtocolError: The browser is gone.
    """
    context = pages.context
    stored: dict[str, Mapping[str, Any]] = {}
    visited = dict.fromkeys(origin for url in context.visited if (origin := origin_of(url)) is not None)
    if visited:
        async with context.origin_page() as page:
            for origin in visited:
                try:
                    await page.go(origin)
                    found: Any = await page.evaluate(f"{injected.source('storage')}\nbykiltStorage.read()")
                except (JavaScriptError, CdpError) as error:
                    raise StorageFailed(origin, error.message) from error
                if found["localStorage"] or found["indexedDB"]:
                    stored[origin] = found
    return StorageState(tuple(await read_cookies(pages)), stored)


async def write_state(context: BrowserContext, state: StorageState) -> None:
    """Let the context remember this, too.

    Raises:
        StorageFailed: An origin does not take it.
        ProtocolError: The browser is gone.
    """
    if state.cookies:
        try:
            await context.cookies.put([cookie_param(cookie) for cookie in state.cookies])
        except CdpError as error:
            raise StorageFailed("a cookie", "the browser refused one of them") from error
    origins: Iterable[tuple[str, Mapping[str, Any]]] = state.origins.items()
    if not state.origins:
        return
    async with context.origin_page() as page:
        for origin, stored in origins:
            given = encode_arguments(dict(stored))
            try:
                await page.go(origin)
                await page.evaluate(f"{injected.source('storage')}\nbykiltStorage.write({given})")
            except (JavaScriptError, CdpError) as error:
                raise StorageFailed(origin, error.message) from error


async def save_storage_state(
    engine: CDPEngine, pages: Pages, action: SaveStorageState, progress: Progress
) -> ActionOutput:
    progress.waiting_for("cookies and storage to be read")
    path = engine.artifact_path(action.path, "storage", "storage-state", ".json")
    state = await read_state(pages)
    return await anyio.to_thread.run_sync(partial(keep_storage_state, path, state))


HANDLERS: Mapping[type[Any], Any] = {SaveStorageState: save_storage_state}
