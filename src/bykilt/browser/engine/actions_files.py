"""The actions about what comes out of an action: the page that it opens, the file that it downloads.

Knows their fields, defaults and which go together. Does not know how any is carried out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bykilt.browser.engine.action_model import Action, NestedAction, register


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForPopup(Action):
    type: ClassVar[str] = "wait_for_popup"
    summary: ClassVar[str] = "Carry out an action and wait for the page that it opens; the current page stays."
    action: NestedAction


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForDownload(Action):
    type: ClassVar[str] = "wait_for_download"
    summary: ClassVar[str] = "Carry out an action and keep the file that it downloads."
    action: NestedAction
