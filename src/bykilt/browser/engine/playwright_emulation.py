"""Emulation on the Playwright engine.

What is wanted at the launch goes into Playwright's own context, so that the first script of every page finds it.
What changes later goes to the context where Playwright can change it, else to each page by the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from playwright.async_api import BrowserContext, Page
from playwright.async_api import Error as PlaywrightError

from bykilt.browser.cdp.emulation import Emulation, emulation_commands
from bykilt.browser.cdp.session_features import TargetKind
from bykilt.browser.engine.actions_emulation import Emulate
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.emulation import BadEmulation, changed, emulation_output
from bykilt.browser.engine.errors import ActionError
from bykilt.browser.engine.playwright_pages import PageEntry, PageRegistry
from bykilt.browser.engine.progress import Progress

if TYPE_CHECKING:
    from bykilt.browser.engine.playwright_engine import PlaywrightEngine

_FIELDS = {"setLocaleOverride": "locale", "setTimezoneOverride": "timezone"}
_IN_EFFECT = "already in effect"


def context_options(state: Emulation) -> dict[str, Any]:
    """Return what Playwright takes when it makes a context."""
    place = state.geolocation
    options: dict[str, Any] = {
        "viewport": {"width": state.width, "height": state.height},
        "user_agent": state.user_agent,
        "device_scale_factor": state.scale if state.scale != 1 else None,
        "is_mobile": state.mobile or None,
        "has_touch": state.touch or None,
        "locale": state.locale,
        "timezone_id": state.timezone,
        "permissions": list(state.permissions) or None,
        "offline": state.offline or None,
        "color_scheme": state.color_scheme or "null",
        "extra_http_headers": dict(state.extra_headers) or None,
    }
    if place is not None:
        options["geolocation"] = _place(state)
    return {name: value for name, value in options.items() if value is not None}


def _place(state: Emulation) -> Any:
    place = state.geolocation
    if place is None:
        return None
    return {"latitude": place.latitude, "longitude": place.longitude, "accuracy": place.accuracy}


class PlaywrightEmulation:
    """What the pages of one context believe."""

    def __init__(self, context: BrowserContext, pages: PageRegistry, launched: Emulation, user_agent: str) -> None:
        self.launched = self.now = launched
        self._context = context
        self._pages = pages
        self._user_agent = user_agent
        context.on("page", self._opened)

    async def change(self, state: Emulation) -> None:
        """Let every page, and each that comes, believe this.

        Raises:
            BadEmulation: The browser does not know the locale or the time zone.
            ActionError: The browser refused something else.
        """
        before, self.now = self.now, state
        try:
            for entry in self._pages.all:
                await self._tell(entry, before)
        except ActionError:
            self.now = before
            raise
        context = self._context
        if before.geolocation != state.geolocation:
            await context.set_geolocation(_place(state))
        if before.permissions != state.permissions:
            await context.clear_permissions()
            if state.permissions:
                await context.grant_permissions(list(state.permissions))
        if before.offline != state.offline:
            await context.set_offline(state.offline)
        if before.extra_headers != state.extra_headers:
            await context.set_extra_http_headers(dict(state.extra_headers))

    async def _opened(self, page: Page) -> None:
        if self.now == self.launched:
            return
        try:
            await self.adopt(self._pages.entry_of(page))
        except (PlaywrightError, ActionError):
            pass  # it is gone again

    async def adopt(self, entry: PageEntry) -> None:
        """Let a page that was opened since believe the same."""
        if self.now != self.launched:
            await self._tell(entry, self.launched)

    async def _tell(self, entry: PageEntry, before: Emulation) -> None:
        state, page = self.now, entry.page
        if (before.width, before.height) != (state.width, state.height):
            await page.set_viewport_size({"width": state.width, "height": state.height})
        if before.color_scheme != state.color_scheme:
            scheme: Any = state.color_scheme or "null"
            await page.emulate_media(color_scheme=scheme)
        session = await entry.cdp_session()
        for call in emulation_commands(before, state, TargetKind.PAGE, self._user_agent):
            if not _by_protocol(call.method, before, state):
                continue
            try:
                await session.send(call.method, dict(call.params))
            except PlaywrightError as error:
                field = _FIELDS.get(call.method.partition(".")[2])
                if _IN_EFFECT in str(error) and getattr(self.launched, field or "", None) is None:
                    continue
                if field is None:
                    raise
                if _IN_EFFECT in str(error):
                    raise ActionError(
                        f"emulate: the {field} of the launch cannot be changed on the engine playwright",
                        hint="leave it out at the launch, or use the engine cdp",
                    ) from error
                raise BadEmulation(field, getattr(state, field)) from error


def _by_protocol(method: str, before: Emulation, state: Emulation) -> bool:
    """Whether Playwright itself has no way to change this later."""
    name = method.partition(".")[2]
    if name == "setDeviceMetricsOverride":
        return (before.scale, before.mobile) != (state.scale, state.mobile) or (state.scale, state.mobile) != (1, False)
    return name in ("setTouchEmulationEnabled", "setUserAgentOverride", *_FIELDS)


async def emulate(engine: PlaywrightEngine, action: Emulate, _: Progress) -> ActionOutput:
    emulation = engine.emulation
    state = changed(emulation.now, action, emulation.launched, engine.major)
    async with engine.asking():
        await emulation.change(state)
    return emulation_output(state)


HANDLERS: Mapping[type[Any], Any] = {Emulate: emulate}
