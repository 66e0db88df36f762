"""The vocabulary of what is kept of a page: its accessibility tree, and the page as PDF.

Knows the fields and which go together. Does not know how anything is carried out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bykilt.browser.engine.action_model import Action, register
from bykilt.browser.engine.errors import InvalidAction
from bykilt.browser.engine.field_kinds import (
    Flag,
    MarginField,
    NodeLimit,
    NonEmpty,
    PaperField,
    PaperFormat,
    Selector,
    paper_inches,
)
from bykilt.browser.engine.lengths import parse_margin


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class AccessibilitySnapshot(Action):
    type: ClassVar[str] = "accessibility_snapshot"
    summary: ClassVar[str] = "Describe the page, its frames included, by roles, names, states and references."
    only_looks: ClassVar[bool] = True
    selector: Selector | None = None
    limit: NodeLimit = 1500
    without_hidden: Flag = False


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Pdf(Action):
    type: ClassVar[str] = "pdf"
    summary: ClassVar[str] = "Print the page into a PDF file."
    only_looks: ClassVar[bool] = True
    path: NonEmpty | None = None
    format: PaperField = PaperFormat.A4
    landscape: Flag = False
    print_background: Flag = False
    page_ranges: NonEmpty | None = None
    margin: MarginField = "1cm"

    def check(self) -> None:
        width, height = paper_inches(self.format, landscape=self.landscape)
        margin = parse_margin(self.margin)
        if margin.left + margin.right >= width or margin.top + margin.bottom >= height:
            raise InvalidAction(
                f"margins of {self.margin!r} leave no room on the paper", field="margin", hint="make them smaller"
            )
