"""How one action ended: for the handler that carried it out, and for whoever asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ActionOutput:
    """What an engine's handler gives back: values for programs, files by name."""

    metadata: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ActionResult:
    """How one action ended. `error` is for people; `metadata["error_code"]` for programs. Times in ms."""

    success: bool
    action_type: str
    duration_ms: float
    error: str | None = None
    artifacts: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
