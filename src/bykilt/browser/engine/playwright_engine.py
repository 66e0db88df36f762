"""The engine on Playwright: owns the driver, the browser, the context and its pages.

Knows lifetimes. How each action is carried out is in `playwright_actions` and the modules beside it.
Playwright starts its browser through the launcher's wrapper, so that it runs as the same user, in the same
environment and with the same folder as the CDP engine's.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
from playwright.async_api import Browser, BrowserContext, Dialog, Page, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout

from bykilt.browser.cdp.endpoint import websocket_address
from bykilt.browser.cdp.errors import ConnectionClosed
from bykilt.browser.cdp.transport import shown_address
from bykilt.browser.engine.actions import Action, Navigate
from bykilt.browser.engine.attached import UNREACHABLE_HINT, make_shared_folder, remove_shared_folder
from bykilt.browser.engine.browser_engine import ActionOutput, BrowserEngine, EngineType, Picture
from bykilt.browser.engine.downloads import BrowserFiles
from bykilt.browser.engine.emulation import launch_emulation, major_of
from bykilt.browser.engine.errors import ActionError, BrowserGone, LaunchFailed
from bykilt.browser.engine.hidden_elements import covering_script
from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.engine.launching import browser_proxy, chromium_settings, launch_errors
from bykilt.browser.engine.playwright_actions import HANDLERS
from bykilt.browser.engine.playwright_dom import PlaywrightDom
from bykilt.browser.engine.playwright_emulation import PlaywrightEmulation, context_options
from bykilt.browser.engine.playwright_facts import PageFacts
from bykilt.browser.engine.playwright_files import context_id_of, open_courier, watch_downloads
from bykilt.browser.engine.playwright_network import PlaywrightNetwork
from bykilt.browser.engine.playwright_pages import PageEntry, PageRegistry
from bykilt.browser.engine.playwright_pictures import image_size
from bykilt.browser.engine.playwright_selectors import NAME, engine_script
from bykilt.browser.engine.playwright_target import Target, find_target, first_line
from bykilt.browser.engine.playwright_video import PlaywrightScreencast
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.remote_files import RemoteFiles
from bykilt.browser.engine.request_record import RequestRecord
from bykilt.browser.engine.scripted_frame import ScriptedFrame
from bykilt.browser.engine.storage_state import read_storage_state
from bykilt.browser.engine.upload_files import StagedUpload, UploadFile, by_source, stage
from bykilt.browser.engine.video_recorder import Screencast, VideoRecorder
from bykilt.browser.launch.arguments import extra_arguments
from bykilt.browser.launch.processes import read_process
from bykilt.browser.launch.settings import ChromiumSettings
from bykilt.browser.launch.wrapper import ChromiumWrapper, prepare_wrapper
from bykilt.events.model import BrowserClosed, BrowserStarted, Unheard
from bykilt.ids import PageId

_PICTURE_QUALITY = 60
_CLOSE_PATIENCE_S = 3.0


class PlaywrightEngine(BrowserEngine):
    """Drives Chromium through Playwright's driver."""

    engine_type = EngineType.PLAYWRIGHT

    _driver: Playwright | None = None
    _wrapper: ChromiumWrapper | None = None
    _browser: Browser | None = None
    _playwright_context: BrowserContext | None = None
    _pages: PageRegistry | None = None
    _network: PlaywrightNetwork | None = None
    _emulation: PlaywrightEmulation | None = None
    _closing = False
    _lost = False
    _uploads = 0
    _address = ""
    _shared_folder: Path | None = None
    _remote: RemoteFiles | None = None

    # ---- life

    async def open_browser(self, context: LaunchContext) -> None:
        self._closing = self._lost = False
        self.dom = PlaywrightDom()
        settings = chromium_settings(context)
        if context.cdp_url is None:
            with launch_errors():
                self.walls.announce(context.sandbox_profile)
                started = self._wrapper = await prepare_wrapper(settings, log_file=self._artifacts.browser_log())
                self.walls.surround(started.sandbox, started.log_tail)
        starter = async_playwright()
        driver = self._driver = await starter.start()
        _listen_for_the_end(starter)
        await driver.selectors.register(NAME, script=engine_script(), content_script=True)
        try:
            page = await self._start(driver, context, settings)
        except PlaywrightTimeout:
            raise TimeoutError from None
        except PlaywrightError as error:
            with launch_errors():
                self.walls.check()
            raise self._launch_failure(error) from error
        user_agent = str(await page.evaluate("navigator.userAgent"))
        launched = launch_emulation(context, self.major)
        assert self._playwright_context is not None
        self._emulation = PlaywrightEmulation(self._playwright_context, self.registry, launched, user_agent)
        browser = self._browser
        wrapper = self._wrapper
        with launch_errors():
            await self.walls.complete()
            pid = await self.walls.attest()
        self.publish(
            BrowserStarted(
                engine=str(self.engine_type),
                product=f"Chrome/{browser.version}" if browser else "Chrome",
                viewport_width=settings.width,
                viewport_height=settings.height,
                pid=pid or (wrapper.pid if wrapper else None),
                uid=wrapper.uid if wrapper else None,
                chromium_sandbox=wrapper is not None,
                user_agent=user_agent,
            )
        )

    async def _start(self, driver: Playwright, context: LaunchContext, settings: ChromiumSettings) -> Page:
        opened = await self._open_context(driver, context, settings)
        self._playwright_context = opened
        opened.on("close", lambda _: self._disconnected())
        if self._browser is not None:
            self._browser.on("disconnected", lambda _: self._disconnected())
        opened.set_default_timeout(context.timeout_ms)
        if context.hidden_elements:
            await opened.add_init_script(covering_script(context.hidden_elements))
        pages = self._pages = PageRegistry(opened, self, self.clock)
        self._network = PlaywrightNetwork(opened, pages, self, self.clock)
        heard = not isinstance(self._facts, Unheard)
        facts = PageFacts(pages, self, self.clock, self.dialogs, self._bodies, self._har)
        facts.listen(opened, to_network=heard or self._bodies.wanted)
        page = opened.pages[0] if opened.pages else await opened.new_page()
        pages.make_current(pages.entry_of(page))
        await self._accept_downloads(context, pages.entry_of(page))
        return page

    async def _accept_downloads(self, context: LaunchContext, first: PageEntry) -> None:
        wrapper, browser = self._wrapper, self._browser
        assert browser is not None
        if wrapper is not None:
            files = BrowserFiles(wrapper.folder.downloads, wrapper.uid)
        else:
            folder = self._shared_folder = make_shared_folder()
            self._remote = RemoteFiles(folder, lambda: open_courier(browser))
            files = BrowserFiles(folder, None, self._remote.fetch)
        downloads = self.expect_downloads(context, files)
        context_id = None if wrapper is not None else await context_id_of(first)
        await watch_downloads(
            await browser.new_browser_cdp_session(), downloads, files.folder, context_id, self.registry
        )

    async def _open_context(
        self, driver: Playwright, context: LaunchContext, settings: ChromiumSettings
    ) -> BrowserContext:
        wrapper = self._wrapper
        if wrapper is None:
            assert context.cdp_url is not None
            browser = self._browser = await driver.chromium.connect_over_cdp(
                await self._find_address(context), headers=dict(context.cdp_headers) or None, timeout=context.timeout_ms
            )
            for foreign in browser.contexts:
                # Playwright takes every other client's pages for its own, and would dismiss their dialogs.
                foreign.on("dialog", _leave_to_others)
            options = context_options(launch_emulation(context, self.major))
            state: Any = read_storage_state(context.storage_state).to_json() if context.storage_state else None
            return await browser.new_context(**options, **_proxy_option(context), storage_state=state)
        # The profile's own context: it sees what a profile that is kept holds, and Playwright makes no folder of its
        # own, which would stay behind when its driver is killed.
        opened = await driver.chromium.launch_persistent_context(
            wrapper.folder.profile,
            executable_path=wrapper.path,
            chromium_sandbox=True,
            headless=settings.headless,
            args=extra_arguments(replace(settings, proxy=None) if _proxy_option(context) else settings),
            **_proxy_option(context),
            timeout=context.timeout_ms,
            **context_options(launch_emulation(context, self.major)),
            artifacts_dir=wrapper.folder.root / "playwright",
            downloads_path=wrapper.folder.downloads,
            # We take them ourselves. The driver would remove the files at the end by the names that the browser gave
            # them, as our user, through whatever link the browser has put there.
            accept_downloads=False,
            # Signals are for us; the browser ends when we end it.
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )
        self._browser = opened.browser
        if context.storage_state is not None:
            state = read_storage_state(context.storage_state).to_json()
            await opened.set_storage_state(state)
        return opened

    async def _find_address(self, context: LaunchContext) -> str:
        """Where the driver is to connect: with headers only to the host that they are for, whatever is said there."""
        assert context.cdp_url is not None
        try:
            self._address = await websocket_address(
                context.cdp_url, timeout_s=context.timeout_ms / 1000, headers=context.cdp_headers
            )
            return self._address
        except ConnectionClosed as error:
            raise LaunchFailed(error.message, hint=UNREACHABLE_HINT) from error

    def _launch_failure(self, error: PlaywrightError) -> LaunchFailed:
        if self._wrapper is None:
            said = first_line(error)
            # Playwright names the address as it was given.
            return LaunchFailed(said.replace(self._address, shown_address(self._address)), hint=UNREACHABLE_HINT)
        if self._how_gone() is None and self._wrapper.pid is not None:
            return LaunchFailed(first_line(error), hint="run `bykilt doctor` to see what this machine can do")
        reason = self._wrapper.failure()
        return LaunchFailed(reason.message, hint=reason.hint)

    def _disconnected(self) -> None:
        if self._closing or self._lost:
            return
        self._lost = True
        self.dialogs.wake()
        if self._downloads is not None:
            self._downloads.wake()
        self.publish(BrowserClosed(self._how_gone() or "the browser ended", expected=False))

    def _how_gone(self) -> str | None:
        """How the browser ended; None while it runs."""
        wrapper = self._wrapper
        if wrapper is not None and wrapper.pid is not None and read_process(wrapper.pid) is None:
            return "its process ended"
        if self._lost or (self._browser is not None and not self._browser.is_connected()):
            return "the connection broke"
        return None

    async def close_browser(self) -> None:
        was_running = self._pages is not None and not self._lost
        self._closing = True
        pages, self._pages = self._pages, None
        context, self._playwright_context = self._playwright_context, None
        browser, self._browser = self._browser, None
        driver, self._driver = self._driver, None
        wrapper, self._wrapper = self._wrapper, None
        if pages is not None:
            pages.closing = True
        if self._network is not None:
            self._network.release()
        if context is not None:
            await _bounded(context.close())
        if browser is not None and wrapper is None:
            await _bounded(browser.close())
        if wrapper is not None:
            await wrapper.close()
            self.walls.removed(wrapper.removal, folder_left=wrapper.folder.root.exists())
        if driver is not None:
            await _bounded(driver.stop())
        remove_shared_folder(self._shared_folder)
        if was_running:
            self.publish(BrowserClosed("shutdown", expected=True))

    # ---- actions

    async def perform(self, action: Action, progress: Progress) -> ActionOutput:
        self.has_browser()
        return await HANDLERS[type(action)](self, action, progress)

    def has_browser(self) -> bool:
        if self._lost:
            raise BrowserGone(self._how_gone() or "it ended")
        return True

    @property
    def registry(self) -> PageRegistry:
        """The pages of the browser that runs."""
        assert self._pages is not None
        return self._pages

    async def target(self, action: Action, progress: Progress) -> Target:
        """Return the page and the frame that an action is aimed at.

        Raises:
            ActionError: There is no such page or frame, or it is of no use any more.
        """
        return await find_target(self.registry, action, progress, self._how_gone)

    async def navigable_target(self, action: Navigate, progress: Progress) -> Target:
        """Return the same for an action that loads a new document, for which a crashed page is good enough."""
        entry = self.registry.find(action.page)
        if entry.crashed:
            await self.registry.renew(entry)
        return await self.target(action, progress)

    def gone_error(self) -> BrowserGone | None:
        """Return the error for a browser that is no more; None while it runs."""
        how = self._how_gone()
        return BrowserGone(how) if how is not None else None

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Turn an error of the driver inside into an `ActionError`."""
        try:
            yield
        except PlaywrightError as error:
            gone = self.gone_error()
            raise gone or ActionError(first_line(error), hint="the browser refused a command of the engine") from error

    async def open_page(self, progress: Progress) -> PageEntry:
        """Open an empty page.

        Raises:
            BrowserGone: There is no browser to open it in.
        """
        try:
            entry = self.registry.entry_of(await self.registry.context.new_page())
            await self.emulation.adopt(entry)
            return entry
        except PlaywrightError as error:
            raise BrowserGone(self._how_gone() or first_line(error)) from error

    async def stage_uploads(self, files: Sequence[UploadFile], *, dropped: bool) -> StagedUpload:
        """Return paths under which the browser, which may be another user, can read the files.

        The driver itself sends files to a browser that it is attached to, but for those that are dropped.

        Raises:
            FileRejected: One cannot be read, or there is no room.
        """
        wrapper = self._wrapper
        if wrapper is None:
            assert self._remote is not None
            if dropped and not await self._remote.sees_all(files):
                return StagedUpload(tuple(files), None)
            return by_source(files)
        if wrapper.sees_our_files:
            return by_source(files)
        self._uploads += 1
        return await stage(files, wrapper.folder.stage_upload, str(self._uploads))

    async def take_picture(self) -> Picture | None:
        entry = self._pages.current if self._pages is not None else None
        if entry is None or entry.crashed or self._how_gone() is not None:
            return None
        size = entry.page.viewport_size
        try:
            answer = await (await entry.cdp_session()).send(
                "Page.captureScreenshot", {"format": "jpeg", "quality": _PICTURE_QUALITY, "optimizeForSpeed": True}
            )
        except PlaywrightError:
            return None
        data = base64.b64decode(answer["data"])
        return Picture(data, "image/jpeg", *((size["width"], size["height"]) if size else image_size(data)))

    def screencast(self, recorder: VideoRecorder) -> Screencast:
        return PlaywrightScreencast(lambda: self._pages.current if self._pages is not None else None, recorder)

    async def dom_frames(self) -> list[ScriptedFrame]:
        entry = self._pages.current if self._pages is not None else None
        if entry is None or entry.crashed or self._how_gone() is not None:
            return []
        return await self.dom.frames(entry)

    @property
    def emulation(self) -> PlaywrightEmulation:
        """What the pages believe."""
        assert self._emulation is not None
        return self._emulation

    @property
    def major(self) -> str:
        """The browser's main version; a recent one before it is known."""
        return major_of(f"Chrome/{self._browser.version}" if self._browser else "")

    @property
    def network(self) -> PlaywrightNetwork:
        """The interception of the browser's context."""
        assert self._network is not None
        return self._network

    @property
    def request_record(self) -> RequestRecord:
        return self._network.record if self._network else RequestRecord()

    @property
    def current_page(self) -> PageId | None:
        entry = self._pages.current if self._pages is not None else None
        return entry.id if entry else None

    @property
    def current_url(self) -> str:
        entry = self._pages.current if self._pages is not None else None
        return entry.page.url if entry else ""


def _leave_to_others(_: Dialog) -> None:
    """Whoever has opened the page answers."""


def _proxy_option(context: LaunchContext) -> dict[str, Any]:
    """What Playwright is told of a proxy that asks for a password, or of any when it only makes a context."""
    proxy = browser_proxy(context)
    if proxy is None or (proxy.credentials is None and context.cdp_url is None):
        return {}
    if proxy.credentials is None:
        return {"proxy": {"server": proxy.address}}
    return {"proxy": {"server": proxy.address, "username": proxy.user, "password": proxy.password}}


async def _bounded(closing: Awaitable[None]) -> None:
    """Close politely, but not for ever: what is left is ended by the launcher."""
    with anyio.move_on_after(_CLOSE_PATIENCE_S):
        try:
            await closing
        except PlaywrightError:
            pass


def _listen_for_the_end(starter: object) -> None:
    """Take note of how the driver's connection ends.

    Playwright 1.65 keeps that error in a future that it never looks at after the start, so asyncio would complain
    when a driver that was killed is cleaned up. The names are private: without them there is only the complaint.
    """
    transport = getattr(getattr(starter, "_client", None), "_transport", None)
    ending = getattr(transport, "on_error_future", None)
    if ending is not None:
        ending.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
