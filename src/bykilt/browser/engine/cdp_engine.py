"""The engine on our own protocol client: owns the browser, the context, and which page is the current one.

Knows lifetimes. How each action is carried out is in `cdp_actions` and the modules beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bykilt.browser import injected
from bykilt.browser.cdp.browser import Browser
from bykilt.browser.cdp.context import BrowserContext
from bykilt.browser.cdp.endpoint import connect_to
from bykilt.browser.cdp.errors import ConnectionClosed, ProtocolError
from bykilt.browser.cdp.page import Page, PageSettings, Surroundings
from bykilt.browser.cdp.transport import PipeTransport, Transport
from bykilt.browser.engine.actions import Action
from bykilt.browser.engine.attached import UNREACHABLE_HINT, make_shared_folder, remove_shared_folder
from bykilt.browser.engine.browser_engine import ActionOutput, BrowserEngine, EngineType, Picture
from bykilt.browser.engine.cdp_actions import HANDLERS
from bykilt.browser.engine.cdp_bodies import CdpBodies
from bykilt.browser.engine.cdp_dom import dom_frames
from bykilt.browser.engine.cdp_emulation import CdpEmulation
from bykilt.browser.engine.cdp_errors import translated
from bykilt.browser.engine.cdp_files import open_courier, watch_downloads
from bykilt.browser.engine.cdp_network import CdpNetwork
from bykilt.browser.engine.cdp_storage import write_state
from bykilt.browser.engine.cdp_target import Pages
from bykilt.browser.engine.cdp_video import CdpScreencast
from bykilt.browser.engine.downloads import BrowserFiles
from bykilt.browser.engine.emulation import launch_emulation, major_of, plain_emulation
from bykilt.browser.engine.errors import BrowserGone, LaunchFailed
from bykilt.browser.engine.hidden_elements import covering_script
from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.engine.launching import browser_proxy, chromium_settings, launch_errors
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.remote_files import RemoteFiles
from bykilt.browser.engine.request_record import RequestRecord
from bykilt.browser.engine.scripted_frame import ScriptedFrame
from bykilt.browser.engine.storage_state import read_storage_state
from bykilt.browser.engine.upload_files import StagedUpload, UploadFile, by_source, stage
from bykilt.browser.engine.video_recorder import Screencast, VideoRecorder
from bykilt.browser.launch.process import ChromiumProcess, start_chromium
from bykilt.events.model import BrowserClosed, BrowserStarted
from bykilt.ids import PageId

_PICTURE_QUALITY = 60


def injected_script(hidden_elements: Sequence[str] = ()) -> str:
    """Return what is installed beside every document."""
    return injected.source(*injected.NAMES) + covering_script(hidden_elements)


class CDPEngine(BrowserEngine):
    """Drives Chromium over the DevTools protocol, by pipe, or by WebSocket to one that runs elsewhere."""

    engine_type = EngineType.CDP

    _process: ChromiumProcess | None = None
    _browser: Browser | None = None
    _browser_context: BrowserContext | None = None
    _pages: Pages | None = None
    _network: CdpNetwork | None = None
    _emulation: CdpEmulation | None = None
    _closing = False
    _staged = 0
    _shared_folder: Path | None = None
    _remote: RemoteFiles | None = None

    # ---- life

    async def open_browser(self, context: LaunchContext) -> None:
        self._closing = False
        viewport = context.viewport_size
        settings = PageSettings(
            viewport.width, viewport.height, context.user_agent, injected_script(context.hidden_elements)
        )
        proxy = browser_proxy(context)
        transport = await self._reach_browser(context)
        ours = self._process is not None
        browser = self._browser = Browser(
            transport, Surroundings(self, self.clock, self.dialogs.opened), settings if ours else None
        )
        browser.connection.on_close(self._lost)
        try:
            await browser.start()
            if ours:
                self._browser_context = await browser.first_context()
            else:
                self._browser_context = await browser.new_context(settings, proxy=proxy.address if proxy else None)
            await self._emulate(context, browser, self._browser_context)
            await self._accept_downloads(context, browser, self._browser_context)
            self._network = CdpNetwork(self, self.clock, proxy.credentials if proxy else None)
            await self._network.join(self._browser_context)
            if self._bodies.wanted:
                await self._browser_context.add_feature(CdpBodies(self._bodies, self._har))
            if context.storage_state is not None:
                await write_state(self._browser_context, read_storage_state(context.storage_state))
        except ProtocolError as error:
            raise await self._launch_failure(error) from error
        self._pages = Pages(self._browser_context)
        process = self._process
        with launch_errors():
            pid = await self.walls.attest()
        self.publish(
            BrowserStarted(
                engine=str(self.engine_type),
                product=browser.product,
                viewport_width=viewport.width,
                viewport_height=viewport.height,
                pid=pid or (process.pid if process else None),
                uid=process.uid if process else None,
                chromium_sandbox=process is not None,
                user_agent=context.user_agent or browser.user_agent,
            )
        )

    async def _emulate(self, context: LaunchContext, browser: Browser, of: BrowserContext) -> None:
        major = major_of(browser.product)
        root = browser.connection.root
        emulation = CdpEmulation(of, root, plain_emulation(context), major, browser.user_agent)
        self._emulation = emulation
        if context.emulation is not None:
            emulation.launched = launch_emulation(context, major)
            await emulation.change(emulation.launched)

    async def _accept_downloads(self, context: LaunchContext, browser: Browser, of: BrowserContext) -> None:
        process = self._process
        if process is not None:
            files = BrowserFiles(process.folder.downloads, process.uid)
        else:
            folder = self._shared_folder = make_shared_folder()
            self._remote = RemoteFiles(folder, lambda: open_courier(browser, self.clock))
            files = BrowserFiles(folder, None, self._remote.fetch)
        downloads = self.expect_downloads(context, files)
        await watch_downloads(browser.connection.root, downloads, files.folder, of)

    async def _reach_browser(self, context: LaunchContext) -> Transport:
        if context.cdp_url is not None:
            try:
                return await connect_to(
                    context.cdp_url, timeout_s=context.timeout_ms / 1000, headers=context.cdp_headers
                )
            except ConnectionClosed as error:
                raise LaunchFailed(error.message, hint=UNREACHABLE_HINT) from error
        with launch_errors():
            settings = chromium_settings(context)
            self.walls.announce(context.sandbox_profile)
            process = self._process = await start_chromium(settings, log_file=self._artifacts.browser_log())
            self.walls.surround(process.sandbox, process.log_tail)
            await self.walls.complete()
        return PipeTransport(*process.take_pipe())

    async def _launch_failure(self, error: ProtocolError) -> LaunchFailed:
        if self._process is None:
            return LaunchFailed(error.message, hint="check that the browser at cdp_url is a Chromium")
        reason = await self._process.failure()
        return LaunchFailed(reason.message, hint=reason.hint)

    def _lost(self, reason: str) -> None:
        self.dialogs.wake()
        if not self._closing:
            self.publish(BrowserClosed(self._why(reason), expected=False))

    def _why(self, reason: str) -> str:
        status = self._process.exit_status if self._process else None
        if status is None:
            return reason
        return f"it was ended by signal {-status}" if status < 0 else f"it exited with status {status}"

    async def close_browser(self) -> None:
        was_running = self._browser is not None and self._browser.connection.closed_because is None
        self._closing = True
        browser, self._browser = self._browser, None
        process, self._process = self._process, None
        context, self._browser_context = self._browser_context, None
        self._pages = None
        if browser is not None:
            if process is None and context is not None:
                await browser.dispose(context)
            await browser.close(end_browser=process is not None)
        if process is not None:
            await process.close(grace_s=2)
            self.walls.removed(process.removal, folder_left=process.folder.root.exists())
        remove_shared_folder(self._shared_folder)
        if was_running:
            self.publish(BrowserClosed("shutdown", expected=True))

    # ---- actions

    async def perform(self, action: Action, progress: Progress) -> ActionOutput:
        pages = self._pages
        assert pages is not None
        # Its pages go with it; that there is none would be the smaller part of the truth.
        self.has_browser()
        page = action.page or self.current_page or "that was there"
        with translated(lambda: self._why("the connection broke"), progress, page):
            return await HANDLERS[type(action)](self, pages, action, progress)

    def has_browser(self) -> bool:
        lost = self._browser.connection.closed_because if self._browser else None
        if lost is not None:
            raise BrowserGone(self._why(lost))
        return True

    async def take_picture(self) -> Picture | None:
        page = self._current()
        if page is None or page.crashed:
            return None
        try:
            data = await page.capture("jpeg", quality=_PICTURE_QUALITY, fast=True)
        except ProtocolError:
            return None
        return Picture(data, "image/jpeg", page.settings.width, page.settings.height)

    async def dom_frames(self) -> list[ScriptedFrame]:
        page = self._current()
        return [] if page is None or page.crashed else dom_frames(page)

    async def stage_uploads(self, files: Sequence[UploadFile]) -> StagedUpload:
        """Return the files in a form in which the browser, which may be another user or far away, gets them.

        Raises:
            FileRejected: One cannot be read, or there is no room.
        """
        process = self._process
        if process is None:
            assert self._remote is not None
            return by_source(files) if await self._remote.sees_all(files) else StagedUpload(tuple(files), None)
        if process.sees_our_files:
            return by_source(files)
        self._staged += 1
        return await stage(files, process.folder.stage_upload, str(self._staged))

    def screencast(self, recorder: VideoRecorder) -> Screencast:
        return CdpScreencast(self._current, recorder)

    def _current(self) -> Page | None:
        return self._pages.current if self._pages is not None else None

    @property
    def emulation(self) -> CdpEmulation:
        """What the pages believe."""
        assert self._emulation is not None
        return self._emulation

    @property
    def network(self) -> CdpNetwork:
        """The interception of the browser's context."""
        assert self._network is not None
        return self._network

    @property
    def request_record(self) -> RequestRecord:
        return self._network.record if self._network else RequestRecord()

    @property
    def current_page(self) -> PageId | None:
        page = self._current()
        return page.id if page else None

    @property
    def current_url(self) -> str:
        page = self._current()
        return page.url if page else ""
