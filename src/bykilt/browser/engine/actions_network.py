"""The actions about the network. Knows their fields, not how they are carried out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bykilt.browser.engine.action_model import Action, register
from bykilt.browser.engine.intercept_reading import PatternsField, RulesField


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class InterceptNetwork(Action):
    type: ClassVar[str] = "intercept_network"
    summary: ClassVar[str] = "Observe requests and block, answer or change them, from now on; no patterns end it."
    patterns: PatternsField = ("*",)
    rules: RulesField = ()
