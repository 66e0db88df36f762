"""What is answered when a page opens a dialog, and which dialogs there were; shared by both engines.

Knows policies and answers. Does not know how a dialog comes to an engine nor how its answer goes back.

Source: kinds of dialogs, https://chromedevtools.github.io/devtools-protocol/tot/Page/#type-DialogType
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bykilt.browser.cdp.dialogs import DialogAnswer, DialogOpening
from bykilt.browser.cdp.signal import Signal
from bykilt.browser.engine.action_result import ActionOutput
from bykilt.browser.engine.action_titles import title_of
from bykilt.browser.engine.actions import HandleDialog, to_json
from bykilt.browser.engine.actions_state import DialogPolicy
from bykilt.browser.engine.errors import ActionError, ActionTimeout, NavigationFailed
from bykilt.browser.engine.progress import Progress
from bykilt.clock import Clock
from bykilt.events.model import DialogHandled, FactSink
from bykilt.json_types import JsonObject

if TYPE_CHECKING:
    from bykilt.browser.engine.browser_engine import BrowserEngine

LEAVING = "beforeunload"
_KEPT = 100


class DialogOpened(ActionError):
    """A dialog came although none may."""

    code = "dialog_opened"

    def __init__(self, dialog: str, message: str) -> None:
        super().__init__(
            f"the page opened a dialog ({dialog}): {message[:200]!r}",
            hint="it was dismissed; to answer it use handle_dialog, or a dialog policy other than 'fail'",
        )


@dataclass(frozen=True, slots=True)
class Answering:
    """How dialogs are answered. `text` goes into prompts that are accepted; None leaves what stands there.

    `stays` dismisses also the question whether to leave a page, which else is always allowed.
    """

    policy: DialogPolicy = DialogPolicy.DISMISS
    text: str | None = None
    stays: bool = False

    def answer(self, opening: DialogOpening) -> DialogAnswer:
        """Return what to answer."""
        if opening.kind == LEAVING and not self.stays:
            return DialogAnswer(accept=True)
        if self.policy is not DialogPolicy.ACCEPT:
            return DialogAnswer(accept=False)
        text = opening.default_text if self.text is None else self.text
        return DialogAnswer(accept=True, text=text if opening.kind == "prompt" else None)


class Dialogs:
    """Answers the dialogs of one browser, and remembers the latest of them."""

    def __init__(self, answering: Answering, facts: FactSink, clock: Clock) -> None:
        self.answering = answering
        self._facts = facts
        self._clock = clock
        self._changed = Signal()
        self._handled: deque[JsonObject] = deque(maxlen=_KEPT)
        self._count = 0
        self._unwelcome: DialogOpened | None = None

    def opened(self, opening: DialogOpening) -> DialogAnswer:
        """Return the answer to a dialog that has opened just now."""
        answering = self.answering
        answer = answering.answer(opening)
        if answering.policy is DialogPolicy.FAIL and not answer.accept and self._unwelcome is None:
            self._unwelcome = DialogOpened(opening.kind, opening.message)
        said = "accepted" if answer.accept else "dismissed"
        self._count += 1
        self._handled.append({"type": opening.kind, "message": opening.message, "answer": said})
        if opening.page_id is not None:
            now_ms = self._clock.monotonic_s() * 1000
            self._facts.publish(DialogHandled(opening.page_id, opening.kind, opening.message, said, now_ms))
        self._changed.fire()
        return answer

    def take_unwelcome(self) -> DialogOpened | None:
        """Return the error for a dialog that came although none may; once."""
        unwelcome, self._unwelcome = self._unwelcome, None
        return unwelcome

    def wake(self) -> None:
        """Have whoever waits look again: the browser is gone."""
        self._changed.fire()

    @contextmanager
    def answered(self, answering: Answering) -> Iterator[int]:
        """Answer in this way meanwhile; gives the number of dialogs so far."""
        usual, self.answering = self.answering, answering
        try:
            yield self._count
        finally:
            self.answering = usual

    def since(self, count: int) -> list[JsonObject]:
        """Return the dialogs after the first `count`, as far as they are kept; text as the page gave it."""
        fresh = self._count - count
        return list(self._handled)[-fresh:] if fresh else []

    async def one_since(self, count: int, engine: BrowserEngine) -> None:
        """Return once there is a dialog after the first `count`.

        Raises:
            BrowserGone: There will be none.
        """
        await self._changed.wait_until(lambda: (engine.has_browser() and self._count > count) or None)


async def handle_dialog(engine: BrowserEngine, action: HandleDialog, progress: Progress) -> ActionOutput:
    """Answer the dialog that the inner action opens; without one, answer all from now on."""
    dialogs, inner = engine.dialogs, action.action
    if inner is None:
        dialogs.answering = Answering(action.policy, action.text)
        return ActionOutput({"policy": str(action.policy)})
    title = title_of(inner, to_json(inner))
    with dialogs.answered(
        Answering(action.policy, action.text, stays=action.policy is not DialogPolicy.ACCEPT)
    ) as count:
        try:
            await engine.perform_inside(action, inner, progress)
        except NavigationFailed:
            # Staying on the page is what was asked for.
            if not any(each["type"] == LEAVING for each in dialogs.since(count)):
                raise
        progress.blocked_by(
            lambda waited_s: ActionTimeout(
                f"a dialog to open ({title!r} was carried out, but opened none)",
                waited_s,
                hint="see in the trace what the action did; a dialog made of HTML is clicked like any element",
            )
        )
        await dialogs.one_since(count, engine)
    return ActionOutput({"policy": str(action.policy), "dialogs": [*dialogs.since(count)]})
