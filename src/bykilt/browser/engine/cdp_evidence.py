"""What is kept of a page, on the CDP engine: its accessibility tree, and the page as PDF."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bykilt.browser.cdp.commands import PAGE_PRINT_TO_PDF
from bykilt.browser.cdp.errors import CdpError
from bykilt.browser.cdp.frames import Frame
from bykilt.browser.cdp.realms import RealmLost
from bykilt.browser.engine.accessibility_tree import WholeTree
from bykilt.browser.engine.action_model import Action
from bykilt.browser.engine.action_result import ActionOutput
from bykilt.browser.engine.actions_evidence import AccessibilitySnapshot, Pdf
from bykilt.browser.engine.cdp_target import Pages, Target, find_target, frame_of_element
from bykilt.browser.engine.printing import asked_twice, keep_pdf, print_parameters
from bykilt.browser.engine.progress import Progress
from bykilt.json_types import JsonObject

if TYPE_CHECKING:
    from bykilt.browser.engine.cdp_engine import CDPEngine


async def accessibility_snapshot(
    engine: CDPEngine, pages: Pages, action: AccessibilitySnapshot, progress: Progress
) -> ActionOutput:
    target = await find_target(pages, action, progress)
    progress.waiting_for("the page's accessibility tree")
    alternatives = list(action.selector) if action.selector is not None else None
    left_out = list(engine.context.hidden_elements) if action.without_hidden else []
    options = {"start": pages.references.next, "limit": action.limit, "leftOut": left_out}
    spec = {"alternatives": alternatives, "options": options}
    answer = await target.until_ok("bykiltActions.snapshot", spec, action.selector or ())
    tree = WholeTree(_Frames(target, left_out), pages.references, target.page.id, action.limit)
    return await tree.begun_with(answer["value"], target.frame)


@dataclass(frozen=True, slots=True)
class _Frames:
    """Asks the frames below the one that the action is aimed at."""

    target: Target
    left_out: Sequence[str]

    async def tree_of(self, frame: Frame, start: int, limit: int) -> Mapping[str, Any] | None:
        options: JsonObject = {"start": start, "limit": limit, "leftOut": self.left_out}
        spec = {"alternatives": None, "options": options, "sliceMs": 0}
        realm = self.target.page.frames.realms.isolated(frame.id)
        try:
            answer = await realm.call("bykiltActions.snapshot", spec) if realm is not None else None
        except RealmLost:
            return None
        tree: Mapping[str, Any] | None = answer["value"] if answer is not None else None
        return tree

    async def frame_in(self, frame: Frame, reference: str) -> Frame | None:
        return await frame_of_element(Target(self.target.page, frame, self.target.progress), f"ref={reference}")


async def pdf(engine: CDPEngine, pages: Pages, action: Pdf, progress: Progress) -> ActionOutput:
    target = await find_target(pages, action, progress)
    progress.waiting_for("the page to be printed")
    session = target.page.session
    answer = await asked_twice(lambda: session.send(PAGE_PRINT_TO_PDF(print_parameters(action))), CdpError)
    return keep_pdf(engine, action, answer["data"])


HANDLERS: Mapping[type[Action], Callable[[CDPEngine, Pages, Any, Progress], Awaitable[ActionOutput]]] = {
    AccessibilitySnapshot: accessibility_snapshot,
    Pdf: pdf,
}
