"""The cookies of one context. Knows the protocol's commands for them; decides nothing about which.

Source: CDP Storage domain, https://chromedevtools.github.io/devtools-protocol/tot/Storage/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bykilt.browser.cdp.commands import STORAGE_GET_COOKIES, STORAGE_SET_COOKIES
from bykilt.browser.cdp.connection import Session

if TYPE_CHECKING:
    from cdp_use.cdp.network.types import Cookie, CookieParam
    from cdp_use.cdp.storage.commands import GetCookiesParameters, SetCookiesParameters


class CookieJar:
    """The cookies that the pages of a context share; None is the browser's default context."""

    def __init__(self, root: Session, context_id: str | None) -> None:
        self._root = root
        self._context_id = context_id

    async def read(self) -> list[Cookie]:
        """Return every cookie.

        Raises:
            ProtocolError: The browser is gone.
        """
        return (await self._root.send(STORAGE_GET_COOKIES(self._mine())))["cookies"]

    async def put(self, cookies: Sequence[CookieParam]) -> list[Cookie]:
        """Set cookies, all or none, and return every cookie there is then. One that has expired deletes its like.

        A cookie may be dropped without an error, which only what is returned shows.

        Raises:
            CdpError: One of them can be no cookie.
        """
        params: SetCookiesParameters = {"cookies": list(cookies)}
        if self._context_id is not None:
            params["browserContextId"] = self._context_id
        setting = self._root.send(STORAGE_SET_COOKIES(params))
        reading = self._root.send(STORAGE_GET_COOKIES(self._mine()))
        await setting
        return (await reading)["cookies"]

    def _mine(self) -> GetCookiesParameters:
        return {} if self._context_id is None else {"browserContextId": self._context_id}
