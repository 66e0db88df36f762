"""A browser at the other end of a connection: its contexts, and which page belongs to which.

Does not know how the browser was started or reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bykilt.browser.cdp.commands import (
    BROWSER_CLOSE,
    BROWSER_GET_VERSION,
    RUNTIME_RUN_IF_WAITING_FOR_DEBUGGER,
    TARGET_CREATE_BROWSER_CONTEXT,
    TARGET_DETACH_FROM_TARGET,
    TARGET_SET_AUTO_ATTACH,
)
from bykilt.browser.cdp.connection import Connection
from bykilt.browser.cdp.context import BrowserContext
from bykilt.browser.cdp.errors import ConnectionClosed, ProtocolError
from bykilt.browser.cdp.page import PageSettings, Surroundings
from bykilt.browser.cdp.protocol_events import TARGET_ATTACHED_TO_TARGET
from bykilt.browser.cdp.transport import Transport

if TYPE_CHECKING:
    from cdp_use.cdp.target.commands import CreateBrowserContextParameters
    from cdp_use.cdp.target.events import AttachedToTargetEvent
    from cdp_use.cdp.target.types import FilterEntry

# The browser's own windows are targets too; workers are attached by their pages.
_PAGES_ONLY: list[FilterEntry] = [{"type": "page"}, {"exclude": True}]


class Browser:
    """Owns the connection.

    With `own_settings` the browser is ours alone: its default context, with the page that it opened at its start,
    is used as it is, which is faster than a new one. Otherwise only contexts that we make are touched.
    """

    def __init__(self, transport: Transport, surroundings: Surroundings, own_settings: PageSettings | None) -> None:
        self.connection = Connection(transport)
        self.product = ""
        self.user_agent = ""
        self._outside = surroundings
        self._contexts: dict[str, BrowserContext] = {}
        self._default: BrowserContext | None = None
        if own_settings is not None:
            self._default = BrowserContext(self.connection.root, None, own_settings, surroundings)

    async def start(self) -> None:
        """Begin to attach to every page that opens.

        Raises:
            ProtocolError: Nobody answers.
        """
        root = self.connection.root
        root.on(TARGET_ATTACHED_TO_TARGET, self._attached)
        version = root.send(BROWSER_GET_VERSION({}))
        attach = root.send(
            TARGET_SET_AUTO_ATTACH(
                {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True, "filter": _PAGES_ONLY}
            )
        )
        answer = await version
        await attach
        self.product, self.user_agent = answer["product"], answer["userAgent"]

    def _attached(self, event: AttachedToTargetEvent) -> None:
        info = event["targetInfo"]
        session = self.connection.open_session(event["sessionId"])
        context = self._contexts.get(info.get("browserContextId", ""), self._default)
        if context is not None:
            context.attached(session, info)
            return
        # Another client's page.
        session.post(RUNTIME_RUN_IF_WAITING_FOR_DEBUGGER({}))
        self.connection.root.post(TARGET_DETACH_FROM_TARGET({"sessionId": event["sessionId"]}))

    async def first_context(self) -> BrowserContext:
        """Return the default context of a browser of our own, once its first page is ready.

        Raises:
            ProtocolError: The browser is gone.
        """
        assert self._default is not None, "the browser is not ours alone"
        context = self._default
        self.connection.on_close(lambda _: context.changed.fire())
        page = await context.changed.wait_until(lambda: context.first_page() if self._alive() else None)
        await page.wait_until_ready()
        return context

    def _alive(self) -> bool:
        if self.connection.closed_because is not None:
            raise ConnectionClosed(self.connection.closed_because)
        return True

    async def new_context(
        self, settings: PageSettings, *, proxy: str | None = None, surroundings: Surroundings | None = None
    ) -> BrowserContext:
        """Make a context of its own cookies and cache, optionally behind a proxy, with one empty page.

        With `surroundings` its facts go there, and not to those of the browser.

        Raises:
            ProtocolError: The browser refused or is gone.
        """
        params: CreateBrowserContextParameters = {"disposeOnDetach": True}
        if proxy is not None:
            params["proxyServer"] = proxy
        answer = await self.connection.root.send(TARGET_CREATE_BROWSER_CONTEXT(params))
        context = BrowserContext(
            self.connection.root, answer["browserContextId"], settings, surroundings or self._outside
        )
        self._contexts[answer["browserContextId"]] = context
        await context.new_page()
        return context

    async def dispose(self, context: BrowserContext) -> None:
        """Close a context with all its pages."""
        await context.dispose()
        if context.id is not None:
            self._contexts.pop(context.id, None)

    async def close(self, *, end_browser: bool) -> None:
        """Close the connection, and the browser itself if it is ours. Never fails: gone is gone."""
        if end_browser and self.connection.closed_because is None:
            try:
                await self.connection.root.send(BROWSER_CLOSE({}), timeout_s=5)
            except ProtocolError:
                pass
        self.connection.close()
        await self.connection.wait_until_gone()
