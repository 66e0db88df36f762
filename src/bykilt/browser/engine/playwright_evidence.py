"""What is kept of a page, on the Playwright engine: its accessibility tree, and the page as PDF."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame

from bykilt.browser.engine.accessibility_tree import WholeTree
from bykilt.browser.engine.action_model import Action
from bykilt.browser.engine.action_result import ActionOutput
from bykilt.browser.engine.actions_evidence import AccessibilitySnapshot, Pdf
from bykilt.browser.engine.playwright_selectors import picked
from bykilt.browser.engine.playwright_target import Target
from bykilt.browser.engine.printing import asked_twice, keep_pdf, print_parameters
from bykilt.browser.engine.progress import Progress
from bykilt.json_types import JsonObject

if TYPE_CHECKING:
    from bykilt.browser.engine.playwright_engine import PlaywrightEngine


async def accessibility_snapshot(
    engine: PlaywrightEngine, action: AccessibilitySnapshot, progress: Progress
) -> ActionOutput:
    target = await engine.target(action, progress)
    progress.waiting_for("the page's accessibility tree")
    references = engine.registry.references
    alternatives = list(action.selector) if action.selector is not None else None
    left_out = list(engine.context.hidden_elements) if action.without_hidden else []
    async with target.explained(action.selector or ()):
        options: JsonObject = {"start": references.next, "limit": action.limit, "leftOut": left_out}
        answer = await target.ask("snapshot", alternatives, options)
    tree = WholeTree(_Frames(target, left_out), references, target.entry.id, action.limit)
    return await tree.begun_with(answer, target.frame)


@dataclass(frozen=True, slots=True)
class _Frames:
    """Asks the frames below the one that the action is aimed at."""

    target: Target
    left_out: Sequence[str]

    async def tree_of(self, frame: Frame, start: int, limit: int) -> Mapping[str, Any] | None:
        inside = Target(self.target.entry, frame, self.target.progress, self.target.is_gone)
        try:
            options: JsonObject = {"start": start, "limit": limit, "leftOut": self.left_out}
            answer: Mapping[str, Any] = await inside.ask("snapshot", None, options)
        except PlaywrightError:
            return None
        return answer

    async def frame_in(self, frame: Frame, reference: str) -> Frame | None:
        try:
            element = await frame.query_selector(picked([f"ref={reference}"]))
            return await element.content_frame() if element is not None else None
        except PlaywrightError:
            return None


async def pdf(engine: PlaywrightEngine, action: Pdf, progress: Progress) -> ActionOutput:
    target = await engine.target(action, progress)
    progress.waiting_for("the page to be printed")
    async with target.explained():
        session = await target.entry.cdp_session()
        answer = await asked_twice(lambda: session.send("Page.printToPDF", print_parameters(action)), PlaywrightError)
    return keep_pdf(engine, action, answer["data"])


HANDLERS: Mapping[type[Action], Callable[[PlaywrightEngine, Any, Progress], Awaitable[ActionOutput]]] = {
    AccessibilitySnapshot: accessibility_snapshot,
    Pdf: pdf,
}
