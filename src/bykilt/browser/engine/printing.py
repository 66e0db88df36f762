"""Printing a page into a PDF file; the same for both engines. Knows sizes of paper, and no engine."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from bykilt.browser.engine.action_result import ActionOutput
from bykilt.browser.engine.actions_evidence import Pdf
from bykilt.browser.engine.field_kinds import PaperFormat

if TYPE_CHECKING:
    from bykilt.browser.engine.browser_engine import BrowserEngine

_INCHES = {
    PaperFormat.A3: (11.7, 16.54),
    PaperFormat.A4: (8.27, 11.7),
    PaperFormat.A5: (5.83, 8.27),
    PaperFormat.LETTER: (8.5, 11.0),
    PaperFormat.LEGAL: (8.5, 14.0),
    PaperFormat.TABLOID: (11.0, 17.0),
}


def print_parameters(action: Pdf) -> dict[str, Any]:
    """Return the parameters of `Page.printToPDF`."""
    width, height = _INCHES[action.format]
    return {
        "paperWidth": width,
        "paperHeight": height,
        "landscape": action.landscape,
        "printBackground": action.print_background,
        "pageRanges": action.page_ranges or "",
    }


def keep_pdf(engine: BrowserEngine, action: Pdf, data: str) -> ActionOutput:
    """Write the answer of `Page.printToPDF` into its file."""
    path = engine.artifact_path(action.path, "page", ".pdf")
    content = base64.b64decode(data)
    path.write_bytes(content)
    return ActionOutput({"size_bytes": len(content)}, {"pdf_path": str(path)})
