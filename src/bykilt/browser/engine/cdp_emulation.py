"""Emulation on the CDP engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bykilt.browser.cdp.commands import BROWSER_GRANT_PERMISSIONS, BROWSER_RESET_PERMISSIONS
from bykilt.browser.cdp.connection import Call, Session
from bykilt.browser.cdp.context import BrowserContext
from bykilt.browser.cdp.emulation import PERMISSIONS, Emulation, EmulationFeature
from bykilt.browser.cdp.errors import CdpError, SessionClosed
from bykilt.browser.engine.actions_emulation import Emulate
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.cdp_target import Pages
from bykilt.browser.engine.emulation import BadEmulation, changed, emulation_output
from bykilt.browser.engine.progress import Progress

if TYPE_CHECKING:
    from cdp_use.cdp.browser.commands import GrantPermissionsParameters, ResetPermissionsParameters

    from bykilt.browser.engine.cdp_engine import CDPEngine

_IN_EFFECT = "already in effect"


class CdpEmulation:
    """What the pages of one context believe."""

    def __init__(self, context: BrowserContext, root: Session, plain: Emulation, major: str, user_agent: str) -> None:
        self.launched = plain
        self._context = context
        self._root = root
        self._user_agent = user_agent
        self._feature = EmulationFeature(plain, user_agent)
        self._ready = False
        self.major = major

    @property
    def now(self) -> Emulation:
        """What is believed now."""
        return self._feature.now

    async def change(self, state: Emulation) -> None:
        """Let every page, and each that comes, believe this.

        Raises:
            BadEmulation: The browser does not know the locale or the time zone; nothing has changed.
            ProtocolError: The browser is gone.
        """
        before, self._feature.now = self._feature.now, state
        if not self._ready:
            self._ready = True
            self._context.begin_feature(self._feature)
        try:
            await self._tell(before)
        except BadEmulation:
            # Half of it would be worse than nothing.
            self._feature.now = before
            await self._tell(state)
            raise
        await self._permit(before, state)
        self._context.resize(state.width, state.height)

    async def _tell(self, before: Emulation) -> None:
        answers = [
            (call, session.send(call))
            for page in list(self._context.pages.values())
            for session, kind in list(page.sessions.items())
            for call in self._feature.changes(before, kind)
        ]
        refusal: BadEmulation | None = None
        for call, answer in answers:
            try:
                await answer
            except SessionClosed:
                continue
            except CdpError as error:
                refusal = refusal or self._refused(call, error)
        if refusal is not None:
            raise refusal

    def _refused(self, call: Call[Any], error: CdpError) -> BadEmulation | None:
        """The error for a value that the browser does not know; a page of the same process may have set it already."""
        if call.method.endswith("setLocaleOverride") and _IN_EFFECT not in error.message:
            return BadEmulation("locale", self.now.locale)
        if call.method.endswith("setTimezoneOverride") and _IN_EFFECT not in error.message:
            return BadEmulation("timezone", self.now.timezone)
        return None

    async def _permit(self, before: Emulation, state: Emulation) -> None:
        if before.permissions == state.permissions:
            return
        of = {} if self._context.id is None else {"browserContextId": self._context.id}
        if not state.permissions:
            reset: ResetPermissionsParameters = {**of}  # type: ignore[typeddict-item]
            await self._root.send(BROWSER_RESET_PERMISSIONS(reset))
            return
        names: Any = sorted({PERMISSIONS[name] for name in state.permissions})
        grant: GrantPermissionsParameters = {"permissions": names, **of}  # type: ignore[typeddict-item]
        await self._root.send(BROWSER_GRANT_PERMISSIONS(grant))


async def emulate(engine: CDPEngine, _: Pages, action: Emulate, progress: Progress) -> ActionOutput:
    emulation = engine.emulation
    state = changed(emulation.now, action, emulation.launched, emulation.major)
    await emulation.change(state)
    return emulation_output(state)


HANDLERS: Mapping[type[Any], Any] = {Emulate: emulate}
