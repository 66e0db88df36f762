"""From what the injected scripts saw of an element to the contract's errors; shared by both engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bykilt.browser.engine.errors import (
    ActionError,
    ActionTimeout,
    ElementCovered,
    ElementDetached,
    ElementDisabled,
    ElementNotEditable,
    ElementNotFound,
    ElementNotStable,
    ElementNotVisible,
    ElementOutsideViewport,
    OptionNotFound,
    WrongElement,
)
from bykilt.browser.engine.progress import Blocker

_WITH_SEEN: dict[str, Callable[[str, str, float], ActionError]] = {
    "not_visible": ElementNotVisible,
    "moving": ElementNotStable,
    "disabled": ElementDisabled,
    "not_editable": ElementNotEditable,
    "covered": ElementCovered,
    "outside_viewport": ElementOutsideViewport,
}


def shown(selector: tuple[str, ...]) -> str:
    """Return alternatives the way an error message names them."""
    return " | ".join(selector)


def blocker_for(selector: tuple[str, ...], answer: Mapping[str, object], where: str = "the page") -> Blocker:
    """Return the error, still without its waiting time, for an answer that was not ok."""
    reason, seen, name = str(answer.get("blocked", "")), str(answer.get("seen", "")), shown(selector)
    make = _WITH_SEEN.get(reason)
    if make is not None:
        return lambda waited_s: make(name, seen, waited_s)
    if reason == "not_found":
        return lambda waited_s: ElementNotFound(name, waited_s, where=where or "the page")
    if reason == "detached":
        return lambda waited_s: ElementDetached(name, waited_s)
    return lambda waited_s: ActionTimeout(f"{name} ({reason}{': ' + seen if seen else ''})", waited_s)


def refused_choice(selector: str, answer: Mapping[str, Any], waited_s: float) -> ActionError:
    """Return the error for options that a select does not have or does not let be chosen."""
    if answer["reason"] in ("not_a_select", "not_multiple"):
        return WrongElement(
            selector, str(answer["seen"]), waited_s, hint="point the selector at a select that allows the choice"
        )
    options = [option["label"] or option["value"] for option in answer.get("available") or []]
    return OptionNotFound(
        f"{selector}: {answer['seen']}",
        hint=f"its options are: {', '.join(options[:20])}" if options else "it has no options now; wait for them first",
    )
