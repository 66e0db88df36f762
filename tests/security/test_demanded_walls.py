"""A wall that is demanded stands, or the browser does not start. On both engines, on this very machine."""

from __future__ import annotations

from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import EngineType
from bykilt.browser.engine.errors import SandboxRefused
from bykilt.browser.engine.launch_context import LaunchContext
from bykilt.browser.engine.loader import EngineLoader
from bykilt.browser.sandbox.apparmor import PROFILE, AppArmorFacts, is_under
from bykilt.browser.sandbox.probe import find_bwrap
from bykilt.events.model import SandboxAttested
from tests.support.engines import Facts


async def test_apparmor_that_is_demanded_is_seen_or_nothing_starts(engine_type: EngineType) -> None:
    """Promise: where the profile is not loaded, the refusal says how to load it."""
    facts = Facts()
    engine = EngineLoader.load_engine(engine_type, facts=facts)
    context = LaunchContext(sandbox_network_mode="none", enable_apparmor=True)
    if AppArmorFacts.gather().obstacle(find_bwrap() or ""):
        with pytest.raises(SandboxRefused, match="AppArmor") as caught:
            await engine.launch(context)
        assert "apparmor_parser" in (caught.value.hint or "")
        assert facts.of(SandboxAttested) == []
        return
    await engine.launch(context)
    await engine.shutdown()
    seen: Any = facts.of(SandboxAttested)[0]
    assert seen.attestation["apparmor"]
    assert all(is_under(label, PROFILE) for label in seen.attestation["apparmor"])


async def test_apparmor_that_nobody_demands_stops_nothing(engine_type: EngineType) -> None:
    """Contract: left open, a machine without it runs browsers all the same."""
    facts = Facts()
    engine = EngineLoader.load_engine(engine_type, facts=facts)
    await engine.launch(LaunchContext(sandbox_network_mode="none"))
    await engine.shutdown()
    seen: Any = facts.of(SandboxAttested)[0]
    assert seen.policy["apparmor"] is None
    assert seen.attestation["holds"] is True
