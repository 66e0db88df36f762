"""What an action is aimed at on the Playwright engine, and why it did not happen when Playwright gives up.

Playwright says in prose what went wrong. Here the exact reason is found by looking: at the browser's process, the
page, the frame, and at last at the element, with our own scripts.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame
from playwright.async_api import TimeoutError as PlaywrightTimeout

from bykilt.browser.engine.actions import Action
from bykilt.browser.engine.blocked import blocker_for
from bykilt.browser.engine.errors import (
    ActionError,
    BrowserGone,
    FrameDetached,
    FrameNotFound,
    InvalidSelector,
    PageClosed,
    PageCrashed,
)
from bykilt.browser.engine.piercing import SLICE_MS, is_piercing
from bykilt.browser.engine.playwright_pages import PageEntry, PageRegistry
from bykilt.browser.engine.playwright_selectors import picked, question
from bykilt.browser.engine.playwright_shadow_roots import tell_closed_roots
from bykilt.browser.engine.progress import Progress
from bykilt.browser.engine.references import StaleReference, number_in, tolerates_absence
from bykilt.browser.engine.url_patterns import looks_like_url, url_matches
from bykilt.json_types import JsonValue

T = TypeVar("T")

# What is kept of an action's time to find out why it did not happen.
_DIAGNOSIS_S = 0.5
_DIAGNOSIS_SHARE = 0.3
_DIAGNOSIS_EXTRA_S = 0.6
_ASKING_MS = 800.0
_NEWS_PATIENCE_S = 0.5
# A class of Playwright's own that its public module does not export.
_TARGET_CLOSED = "TargetClosedError"
_INVALID_SELECTOR = "bykilt:invalid-selector:"


@dataclass(frozen=True, slots=True)
class Needs:
    """What an action asks of its element; the words are those of `bykiltState.diagnose`.

    `state` is one that is waited for: attached, detached, visible, hidden.
    """

    states: tuple[str, ...] = ()
    state: str = ""
    still: bool = False
    position: tuple[float, float] | None = None


ANY = Needs()
VISIBLE = Needs(("visible",))
EDITABLE = Needs(("visible", "enabled", "editable"))
USABLE = Needs(("visible", "enabled"))


@dataclass(frozen=True, slots=True)
class Target:
    """One frame of one page, for the length of one action."""

    entry: PageEntry
    frame: Frame
    progress: Progress
    is_gone: Callable[[], str | None]

    @property
    def timeout_ms(self) -> float:
        """How long Playwright may take: a little less than there is."""
        remaining_s = self.progress.remaining_s
        return max(1.0, (remaining_s - min(_DIAGNOSIS_S, remaining_s * _DIAGNOSIS_SHARE)) * 1000)

    async def ask(self, operation: str, *args: JsonValue, timeout_ms: float | None = None) -> Any:
        """Return the answer of an operation in the page as soon as it has one.

        Raises:
            PlaywrightError: There was none in time, or the operation failed; see `explained`.
        """
        asked = question(operation, *args)
        text = await self.piercing(
            args, lambda limit_ms: self.frame.text_content(asked, timeout=limit_ms), timeout_ms=timeout_ms
        )
        return json.loads(text or "null")

    async def piercing(
        self, selectors: object, ask: Callable[[float], Awaitable[T]], *, timeout_ms: float | None = None
    ) -> T:
        """Return what `ask` does, given its milliseconds; where selectors pierce, closed shadow roots are told first.

        Raises:
            PlaywrightError: It failed, or was not done in time.
        """
        limit_ms = self.timeout_ms if timeout_ms is None else timeout_ms
        if not is_piercing(selectors):
            return await ask(limit_ms)
        clock_s = self.progress.waited_s
        while True:
            await tell_closed_roots(self.frame)
            left_ms = limit_ms - (self.progress.waited_s - clock_s) * 1000
            try:
                return await ask(max(1.0, min(SLICE_MS, left_ms)))
            except PlaywrightTimeout:
                # Roots that have come meanwhile are to be told of as well.
                if left_ms <= SLICE_MS:
                    raise

    @asynccontextmanager
    async def explained(
        self, selector: Sequence[str] = (), needs: Needs = ANY, *also: tuple[Sequence[str], Needs]
    ) -> AsyncIterator[None]:
        """Turn Playwright's errors inside into the contract's, for an action on this element (and on others)."""
        try:
            yield
        except PlaywrightTimeout as error:
            raise await self.late((selector, needs), *also) from error
        except PlaywrightError as error:
            raise await self.reason(error, selector) from error

    async def reason(self, error: PlaywrightError, selector: Sequence[str] = ()) -> ActionError:
        """Return the contract's error for one of Playwright's that is no timeout."""
        found = self.gone() or (await self._invalid(selector) if selector else None) or await self.news(self.gone)
        if found is not None:
            return found
        if type(error).__name__ == _TARGET_CLOSED:
            # All that it can be closed by is still there as far as the driver has told: so the driver is not.
            return BrowserGone("Playwright's driver ended")
        return ActionError(first_line(error), hint="the driver refused the action; its words are above")

    async def news(self, look: Callable[[], ActionError | None]) -> ActionError | None:
        """Return what `look` finds within a moment: the news of what happened may come after the error it caused."""
        with anyio.move_on_after(_NEWS_PATIENCE_S):
            while True:
                change = self.entry.next_change
                found = look()
                if found is not None:
                    return found
                await change.wait()
        return None

    def gone(self) -> ActionError | None:
        """Return the error for a browser, page or frame that is no more; None while all are there."""
        how = self.is_gone()
        if how is not None:
            return BrowserGone(how)
        if self.entry.crashed:
            return PageCrashed(self.entry.id)
        if self.entry.page.is_closed():
            return PageClosed(self.entry.id)
        if self.frame.is_detached():
            return FrameDetached(self.frame.name or self.frame.url, self.progress.waited_s)
        return None

    async def _invalid(self, selector: Sequence[str]) -> InvalidSelector | None:
        try:
            answer = await self.ask("validate", list(selector), timeout_ms=_ASKING_MS)
        except PlaywrightError:
            return None
        reason = answer["reason"]
        if reason is None:
            return None
        words = str(reason).removeprefix(_INVALID_SELECTOR).strip()
        return InvalidSelector(words, field="selector", hint="see the reference of selectors")

    async def late(self, *wanted: tuple[Sequence[str], Needs]) -> ActionError:
        """Return the error for an action that Playwright gave up, at the action's deadline."""
        found = self.gone()
        if found is not None:
            return found
        with anyio.move_on_after(self.progress.remaining_s + _DIAGNOSIS_EXTRA_S, shield=True):
            for selector, needs in wanted:
                answer = await self._diagnose(selector, needs) if selector else None
                if answer is not None:
                    self.progress.blocked_by(blocker_for(tuple(selector), answer, self.frame.url))
                    break
        # Playwright gave up a little early; the action has its whole time all the same.
        await anyio.sleep(self.progress.remaining_s)
        return self.gone() or self.progress.explain()

    async def _diagnose(self, selector: Sequence[str], needs: Needs) -> dict[str, object] | None:
        options: dict[str, JsonValue] = {"needs": list(needs.states)}
        if needs.position is not None:
            options["position"] = {"x": needs.position[0], "y": needs.position[1]}
        answer: dict[str, object]
        try:
            if needs.state:
                answer = await self.ask("notInState", list(selector), needs.state, timeout_ms=_ASKING_MS)
                return answer
            answer = await self.ask("diagnose", list(selector), options, timeout_ms=_ASKING_MS)
            if answer["blocked"]:
                return answer
            if "editable" in needs.states:
                answer = await self.ask("unfillable", list(selector), timeout_ms=_ASKING_MS)
                return answer if answer["blocked"] else None
            moved = await self._movement(selector) if needs.still else ""
        except PlaywrightError:
            return None
        if moved:
            return {"blocked": "moving", "seen": moved}
        return await self._cover_of_frame() if "uncovered" in needs.states else None

    async def _movement(self, selector: Sequence[str]) -> str:
        before = await self.ask("box", list(selector), timeout_ms=_ASKING_MS)
        await anyio.sleep(0.05)
        after = await self.ask("box", list(selector), timeout_ms=_ASKING_MS)
        if before == after:
            return ""
        dx, dy = (round(after[axis] - before[axis], 1) for axis in ("x", "y"))
        return f"it moved by {dx}, {dy} px or changed its size within 50 ms"

    async def _cover_of_frame(self) -> dict[str, object] | None:
        """What lies over the frame that the element is in, or over one around it."""
        frame = self.frame
        while frame.parent_frame is not None:
            owner = await frame.frame_element()
            seen = await owner.evaluate(_COVER)
            if seen:
                return {"blocked": "covered", "seen": f"{seen} over the frame"}
            frame = frame.parent_frame
        return None


# Called on the element of a frame: what is hit in its middle instead of it.
_COVER = """frame => {
  const { x, y, width, height } = frame.getBoundingClientRect();
  const hit = frame.getRootNode().elementFromPoint(x + width / 2, y + height / 2);
  if (!hit || hit === frame) return "";
  return `<${hit.localName}${hit.id ? ` id="${hit.id}"` : ""}>`;
}"""


async def find_target(
    pages: PageRegistry, action: Action, progress: Progress, is_gone: Callable[[], str | None]
) -> Target:
    """Return what the action is aimed at, waiting for its frame if it names one.

    Raises:
        ActionError: There is no such page or frame, or its renderer has crashed.
    """
    number = number_in(action) if action.frame is None else None
    if number is not None:
        referred = await _referred_target(pages, action, number, progress, is_gone)
        if referred is not None:
            return referred
    entry = pages.find(action.page)
    if entry.crashed:
        raise PageCrashed(entry.id)
    main = Target(entry, entry.page.main_frame, progress, is_gone)
    if action.frame is None:
        return main
    wanted = action.frame
    progress.blocked_by(lambda waited_s: FrameNotFound(" | ".join(wanted), waited_s))
    while True:
        change = entry.next_change
        for name in wanted:
            found = await _find_frame(main, name)
            if found is not None:
                return Target(entry, found, progress, is_gone)
        await change.wait()
        gone = main.gone()
        if gone is not None:
            raise gone


async def _referred_target(
    pages: PageRegistry, action: Action, number: int, progress: Progress, is_gone: Callable[[], str | None]
) -> Target | None:
    """The frame that a snapshot's reference belongs to; None where the action may do without it."""
    issue = pages.references.owner(number)
    entry = pages.open_page(issue.page_id) if issue is not None else None
    reason = "no snapshot gave it out" if issue is None else "its page is closed"
    if issue is not None and entry is not None:
        if entry.crashed:
            raise PageCrashed(entry.id)
        if action.page not in (None, entry.id):
            reason = f"it belongs to {entry.id}"
        else:
            target = Target(entry, issue.frame, progress, is_gone)
            if await _refers(target, number):
                return target
            reason = "its frame is gone" if issue.frame.is_detached() else "its element is gone"
    if tolerates_absence(action):
        return None
    raise StaleReference(f"e{number}", reason)


async def _refers(target: Target, number: int) -> bool:
    if target.frame.is_detached():
        return False
    try:
        return bool(await target.ask("refers", number))
    except PlaywrightError as error:
        if target.frame.is_detached() and not target.entry.page.is_closed():
            return False
        raise await target.reason(error) from error


async def _find_frame(main: Target, wanted: str) -> Frame | None:
    """A frame by its name, by a pattern of its address, or by a selector of its element; breadth first."""
    frames = _breadth_first(main.frame)
    for frame in frames[1:]:
        if frame.name == wanted or (looks_like_url(wanted) and url_matches(wanted, frame.url)):
            return frame
    if looks_like_url(wanted):
        return None
    for frame in frames:
        try:
            if is_piercing(wanted):
                await tell_closed_roots(frame)
            element = await frame.query_selector(picked([wanted]))
            found = await element.content_frame() if element is not None else None
        except PlaywrightError as error:
            inside = Target(main.entry, frame, main.progress, main.is_gone)
            invalid = await inside._invalid([wanted])
            if invalid is not None:
                raise invalid from error
            continue  # this frame is gone; the next look will not see it
        if found is not None:
            return found
    return None


def _breadth_first(main: Frame) -> list[Frame]:
    frames = [main]
    for frame in frames:
        frames.extend(frame.child_frames)
    return frames


def first_line(error: PlaywrightError) -> str:
    """Return what Playwright says, without its call log."""
    return error.message.split("\n", 1)[0]
