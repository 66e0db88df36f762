"""Elements that pictures must not show: their selectors, and the script that keeps them from being painted.

Knows how they are checked. How a script gets into every document is each engine's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bykilt.browser import injected
from bykilt.browser.engine.actions import EvaluateJs
from bykilt.browser.engine.progress import Progress
from bykilt.errors import InvalidInput
from bykilt.events.model import Unheard
from bykilt.ids import CallId

if TYPE_CHECKING:
    from bykilt.browser.engine.browser_engine import BrowserEngine

_PATIENCE_S = 10.0
_KNOWN = "(selectors) => selectors.filter((selector) => !CSS.supports(`selector(${selector})`))"


def covering_script(selectors: Sequence[str]) -> str:
    """Return what has to run in each document before it is painted; nothing without selectors.

    The script leaves no name behind, since it may run in the page's own world.
    """
    if not selectors:
        return ""
    called = f"bykiltCovers.cover({json.dumps(list(selectors))});"
    return f"{injected.source(injected.COVERS)}\n{called} delete globalThis.bykiltCovers;"


async def check_hidden(engine: BrowserEngine, selectors: Sequence[str]) -> None:
    """Ask the browser whether it knows the selectors: one that it does not know would hide nothing.

    Raises:
        InvalidInput: It does not.
    """
    if not selectors:
        return
    progress = Progress(CallId("launch"), EvaluateJs.type, _PATIENCE_S, engine.clock, Unheard())
    output = await engine.perform(EvaluateJs(expression=_KNOWN, arg=list(selectors)), progress)
    unknown = output.metadata["result"]
    if unknown:
        raise InvalidInput(
            f"hidden_elements: {unknown[0]!r} is no CSS selector that this browser knows",
            hint="write one selector in each entry, for instance '#iban'",
        )
