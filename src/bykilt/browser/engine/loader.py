"""From a name to an engine. Knows which engines there are; imports only the one that is asked for."""

from __future__ import annotations

import os
from pathlib import Path

from bykilt.browser.engine.browser_engine import BrowserEngine, EngineType
from bykilt.browser.engine.errors import UnknownEngine
from bykilt.browser.engine.secret_text import Secrets
from bykilt.clock import Clock
from bykilt.events.model import FactSink
from bykilt.events.redactor import KEEP_ALL, Redactor

DEFAULT_ENGINE = EngineType.CDP


class EngineLoader:
    """Makes engines by name."""

    @staticmethod
    def resolve(name: str | EngineType | None = None) -> EngineType:
        """Return the engine that a name, or without one the environment (`RUNNER_ENGINE`), stands for.

        Raises:
            UnknownEngine: No engine has that name; the message lists them.
        """
        origin = "as asked for"
        if name is None:
            name = os.environ.get("RUNNER_ENGINE") or DEFAULT_ENGINE
            origin = "from RUNNER_ENGINE"
        try:
            return EngineType(name.strip().lower())
        except ValueError:
            raise UnknownEngine(name, [str(known) for known in EngineType], origin) from None

    @staticmethod
    def load_engine(
        engine_type: str | EngineType | None = None,
        *,
        facts: FactSink | None = None,
        artifact_dir: Path | None = None,
        clock: Clock | None = None,
        redactor: Redactor = KEEP_ALL,
        secrets: Secrets | None = None,
    ) -> BrowserEngine:
        """Return a new engine, not yet launched.

        Raises:
            UnknownEngine: No engine has that name; the message lists them.
        """
        if EngineLoader.resolve(engine_type) is EngineType.PLAYWRIGHT:
            from bykilt.browser.engine.playwright_engine import PlaywrightEngine

            return PlaywrightEngine(
                facts=facts, artifact_dir=artifact_dir, clock=clock, redactor=redactor, secrets=secrets
            )
        from bykilt.browser.engine.cdp_engine import CDPEngine

        return CDPEngine(facts=facts, artifact_dir=artifact_dir, clock=clock, redactor=redactor, secrets=secrets)
