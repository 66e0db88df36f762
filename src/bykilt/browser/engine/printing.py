"""Printing a page into a PDF file; the same for both engines. Knows no engine."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import anyio

from bykilt.browser.engine.action_result import ActionOutput
from bykilt.browser.engine.actions_evidence import Pdf
from bykilt.browser.engine.field_kinds import paper_inches
from bykilt.browser.engine.lengths import parse_margin

if TYPE_CHECKING:
    from bykilt.browser.engine.browser_engine import BrowserEngine

_PAUSE_S = 0.5


def print_parameters(action: Pdf) -> dict[str, Any]:
    """Return the parameters of `Page.printToPDF`."""
    width, height = paper_inches(action.format)
    margin = parse_margin(action.margin)
    return {
        "paperWidth": width,
        "paperHeight": height,
        "landscape": action.landscape,
        "marginTop": margin.top,
        "marginRight": margin.right,
        "marginBottom": margin.bottom,
        "marginLeft": margin.left,
        "printBackground": action.print_background,
        "pageRanges": action.page_ranges or "",
    }


async def asked_twice(ask: Callable[[], Awaitable[Any]], refusal: type[Exception]) -> Any:
    """Return the answer of `Page.printToPDF`; a refusal counts the second time.

    Chromium 156 said "Printing is not available" of the first page that a fresh browser on a busy machine was to print.
    """
    try:
        return await ask()
    except refusal:
        await anyio.sleep(_PAUSE_S)
    return await ask()


def keep_pdf(engine: BrowserEngine, action: Pdf, data: str) -> ActionOutput:
    """Write the answer of `Page.printToPDF` into its file."""
    path = engine.artifact_path(action.path, "pdf", "page", ".pdf")
    content = base64.b64decode(data)
    path.write_bytes(content)
    return ActionOutput({"size_bytes": len(content)}, {"pdf_path": str(path)})
