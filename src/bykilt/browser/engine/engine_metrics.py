"""What an engine counts. Knows results of actions, nothing of how they came about."""

from __future__ import annotations

from dataclasses import dataclass, field

from bykilt.browser.engine.action_result import ActionResult


@dataclass
class EngineMetrics:
    """Counts since launch. Times in ms."""

    engine_type: str = ""
    launch_duration_ms: float = 0.0
    total_actions: int = 0
    failed_actions: int = 0
    total_duration_ms: float = 0.0
    actions_by_type: dict[str, int] = field(default_factory=dict)
    errors_by_code: dict[str, int] = field(default_factory=dict)

    @property
    def average_duration_ms(self) -> float:
        """Mean time of an action; 0 before the first."""
        return self.total_duration_ms / self.total_actions if self.total_actions else 0.0

    def count(self, result: ActionResult) -> None:
        """Add one finished action."""
        self.total_actions += 1
        self.total_duration_ms += result.duration_ms
        self.actions_by_type[result.action_type] = self.actions_by_type.get(result.action_type, 0) + 1
        if not result.success:
            self.failed_actions += 1
            code = str(result.metadata.get("error_code", ""))
            self.errors_by_code[code] = self.errors_by_code.get(code, 0) + 1
