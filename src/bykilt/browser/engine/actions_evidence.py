"""The vocabulary of what is kept of a page: its accessibility tree.

Knows the fields and which go together. Does not know how anything is carried out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bykilt.browser.engine.action_model import Action, register
from bykilt.browser.engine.field_kinds import NodeLimit, Selector


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class AccessibilitySnapshot(Action):
    type: ClassVar[str] = "accessibility_snapshot"
    summary: ClassVar[str] = "Describe the page, its frames included, by roles, names, states and references."
    selector: Selector | None = None
    limit: NodeLimit = 1500
