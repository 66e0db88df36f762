"""What an action is aimed at: the page, the frame in it, and waiting there for an element to be ready.

Knows how to find page and frame, and how the answers of the injected scripts become errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bykilt.browser.cdp.commands import DOM_DESCRIBE_NODE, RUNTIME_EVALUATE
from bykilt.browser.cdp.context import BrowserContext
from bykilt.browser.cdp.errors import CdpError
from bykilt.browser.cdp.frame_manager import FrameGone
from bykilt.browser.cdp.frames import Frame
from bykilt.browser.cdp.page import Page
from bykilt.browser.cdp.realms import JavaScriptError, Realm, RealmLost, encode_arguments
from bykilt.browser.cdp.shadow_roots import hand_over_closed_roots
from bykilt.browser.engine.actions import Action
from bykilt.browser.engine.blocked import blocker_for
from bykilt.browser.engine.cdp_errors import script_error
from bykilt.browser.engine.errors import FrameNotFound, PageClosed, PageCrashed, UnknownPage
from bykilt.browser.engine.piercing import ADOPT, SLICE_MS, is_piercing
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.references import References, StaleReference, number_in, tolerates_absence
from bykilt.browser.engine.url_patterns import looks_like_url, url_matches
from bykilt.ids import PageId

# The first answer comes soon, so that even a short or late deadline can say what stood in the way.
_FIRST_SLICE_MS = 150.0
_SLICE_MS = 1000.0
_HEADROOM_MS = 30.0


class Pages:
    """The pages of the engine's context and which of them is the current one."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.references: References[Frame] = References()
        self._order: list[PageId] = []
        first = context.first_page()
        if first is not None:
            # Else a page that opens by itself would be taken for the current one.
            self.make_current(first)

    @property
    def current(self) -> Page | None:
        """The page made current last that is still open; else the one opened last."""
        while self._order:
            page = self.context.pages.get(self._order[-1])
            if page is not None:
                return page
            self._order.pop()
        return next(reversed(self.context.pages.values()), None)

    def make_current(self, page: Page) -> None:
        """Let actions that name no page go to this one."""
        if page.id in self._order:
            self._order.remove(page.id)
        self._order.append(page.id)

    def find(self, page_id: str | None) -> Page:
        """Return the named page, or the current one.

        Raises:
            UnknownPage, PageClosed: There is none.
        """
        if page_id is None:
            page = self.current
            if page is None:
                raise PageClosed("the last one")
            return page
        found = self.context.pages.get(PageId(page_id))
        if found is None:
            raise UnknownPage(page_id, list(self.context.pages))
        return found

    async def ready(self, page_id: str | None) -> Page:
        """Return the named page, or the current one, once it can be worked with.

        Raises:
            UnknownPage, PageClosed: There is none.
        """
        page = self.find(page_id)
        await page.wait_until_ready()
        return page


@dataclass(frozen=True, slots=True)
class Target:
    """One frame of one page, for the length of one action."""

    page: Page
    frame: Frame
    progress: Progress

    async def isolated(self) -> Realm:
        """Return our own context in the frame, waiting for one if need be."""
        realms = self.page.frames.realms
        found = realms.isolated(self.frame.id)
        if found is not None and not self.page.crashed:
            return found
        return await self.page.wait_until(lambda: realms.isolated(present(self.frame).id))

    async def main(self) -> Realm:
        """Return the page's own context in the frame, waiting for one if need be."""
        realms = self.page.frames.realms
        return await self.page.wait_until(lambda: realms.main(present(self.frame).id))

    async def isolated_replaced(self, lost: Realm) -> None:
        """Return once our context in the frame is another than the lost one."""
        realms = self.page.frames.realms
        await self.page.wait_until(lambda: realms.isolated(present(self.frame).id) is not lost)

    async def main_replaced(self, lost: Realm) -> None:
        """Return once the page's own context in the frame is another than the lost one."""
        realms = self.page.frames.realms
        await self.page.wait_until(lambda: realms.main(present(self.frame).id) is not lost)

    async def until_ok(self, function: str, spec: dict[str, Any], selector: tuple[str, ...]) -> Any:
        """Call a waiting function of the injected scripts again and again until its answer is ok.

        Each call waits in the page for a slice of the time left; what it saw last becomes the error if the
        deadline comes. A document that is replaced meanwhile is no error: the next one is asked.
        """
        slice_ms = _FIRST_SLICE_MS
        later_ms = SLICE_MS if is_piercing(spec) else _SLICE_MS
        while True:
            remaining_ms = self.progress.remaining_s * 1000 - _HEADROOM_MS
            spec["sliceMs"] = max(0.0, min(slice_ms, remaining_ms))
            slice_ms = later_ms
            answer = await self.ask(function, spec)
            if answer is None:
                continue
            if answer["ok"]:
                return answer
            self.progress.blocked_by(blocker_for(selector, answer, self.frame.url))

    async def ask(self, function: str, *args: Any) -> Any:
        """Call an injected function once; None if the document was replaced meanwhile."""
        realm = await self.isolated()
        try:
            if is_piercing(args):
                await hand_over_closed_roots(realm, ADOPT)
            return await realm.call(function, *args, timeout_s=self.progress.remaining_s + 1)
        except RealmLost:
            await self.isolated_replaced(realm)
            return None
        except JavaScriptError as error:
            raise script_error(error) from error


def present(frame: Frame) -> Frame:
    """Return the frame if it is still part of its page.

    Raises:
        FrameGone: It was removed.
    """
    if frame.detached:
        raise FrameGone(frame.url or frame.name)
    return frame


async def find_target(pages: Pages, action: Action, progress: Progress) -> Target:
    """Return what the action is aimed at, waiting for its frame if it names one.

    Raises:
        ActionError: There is no such page or frame, or its renderer has crashed.
    """
    number = number_in(action) if action.frame is None else None
    if number is not None:
        referred = await _referred_target(pages, action, number, progress)
        if referred is not None:
            return referred
    page = pages.find(action.page)
    if page.crashed:
        raise PageCrashed(page.id)
    await page.wait_until_ready()
    main = Target(page, page.main_frame, progress)
    if action.frame is None:
        return main
    wanted = action.frame
    progress.blocked_by(lambda waited_s: FrameNotFound(" | ".join(wanted), waited_s))
    while True:
        # Looking takes time, and what changes meanwhile must not be missed.
        before = _frames_of(page)
        for name in wanted:
            found = await _find_frame(main, name)
            if found is not None:
                return Target(page, found, progress)
        await _frames_other_than(page, before)


async def _referred_target(pages: Pages, action: Action, number: int, progress: Progress) -> Target | None:
    """The frame that a snapshot's reference belongs to; None where the action may do without it."""
    issue = pages.references.owner(number)
    page = pages.context.pages.get(issue.page_id) if issue is not None else None
    reason = "no snapshot gave it out" if issue is None else "its page is closed"
    if issue is not None and page is not None:
        if page.crashed:
            raise PageCrashed(page.id)
        if action.page not in (None, page.id):
            reason = f"it belongs to {page.id}"
        elif issue.frame.detached:
            reason = "its frame is gone"
        else:
            target = Target(page, issue.frame, progress)
            if await target.ask("bykiltSnapshot.has", number):
                return target
            reason = "its element is gone"
    if tolerates_absence(action):
        return None
    raise StaleReference(f"e{number}", reason)


async def _frames_other_than(page: Page, before: list[tuple[str, str, str]]) -> None:
    await page.wait_until(lambda: _frames_of(page) != before)


def _frames_of(page: Page) -> list[tuple[str, str, str]]:
    return [(frame.id, frame.name, frame.url) for frame in page.main_frame.subtree()]


async def _find_frame(main: Target, wanted: str) -> Frame | None:
    """A frame by its name, by a pattern of its address, or by a selector of its element; breadth first."""
    frames = list(main.frame.subtree())
    for frame in frames[1:]:
        if frame.name == wanted or (looks_like_url(wanted) and url_matches(wanted, frame.url)):
            return frame
    if looks_like_url(wanted):
        return None
    for frame in frames:
        found = await frame_of_element(Target(main.page, frame, main.progress), wanted)
        if found is not None:
            return found
    return None


async def frame_of_element(target: Target, selector: str) -> Frame | None:
    """Return the frame that an element of the target shows; None if it shows none, or is not there."""
    realm = target.page.frames.realms.isolated(target.frame.id)
    if realm is None:
        return None
    expression = f"bykiltSelectors.pick(document, {encode_arguments([selector])})"
    try:
        if is_piercing(selector):
            await hand_over_closed_roots(realm, ADOPT)
        answer = await realm.session.send(
            RUNTIME_EVALUATE({"expression": expression, "contextId": realm.context_id, "objectGroup": "bykilt"})
        )
        object_id = answer["result"].get("objectId")
        if object_id is None:
            # Not an element: nothing matched, or the selector itself is wrong, which `call` reports.
            if "exceptionDetails" in answer:
                await realm.call("bykiltSelectors.validate", [selector])
            return None
        node: Any = (await realm.session.send(DOM_DESCRIBE_NODE({"objectId": object_id})))["node"]
    except (CdpError, RealmLost):
        return None
    except JavaScriptError as error:
        raise script_error(error) from error
    return target.page.frames.tree.get(node.get("frameId", ""))


def reported_hit(page: Page, token: str) -> bool:
    """Whether the page reported, before its document went away, that the element received the event."""
    return any(f'"token":"{token}"' in report and '"hit":true' in report for report in page.reports)
