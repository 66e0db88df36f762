"""From a name to an engine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bykilt.browser.engine.browser_engine import EngineType
from bykilt.browser.engine.errors import UnknownEngine
from bykilt.browser.engine.loader import EngineLoader


def test_without_a_name_the_engine_is_cdp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spec: the default."""
    monkeypatch.delenv("RUNNER_ENGINE", raising=False)

    assert EngineLoader.load_engine().engine_type is EngineType.CDP
    assert EngineLoader.load_engine(None).engine_type is EngineType.CDP


@pytest.mark.parametrize("name", ["cdp", "playwright"])
def test_an_engine_goes_by_its_name(name: str) -> None:
    """Spec: as text or as a word of the enumeration."""
    assert EngineLoader.load_engine(name).engine_type == name
    assert EngineLoader.load_engine(EngineType(name)).engine_type == name


def test_the_environment_may_name_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spec: RUNNER_ENGINE counts when the program names none."""
    monkeypatch.setenv("RUNNER_ENGINE", "playwright")

    assert EngineLoader.load_engine().engine_type is EngineType.PLAYWRIGHT
    assert EngineLoader.load_engine("cdp").engine_type is EngineType.CDP


def test_an_unknown_engine_is_an_error_that_lists_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spec: and says where the name came from."""
    with pytest.raises(UnknownEngine, match=r"'selenium'.*cdp, playwright"):
        EngineLoader.load_engine("selenium")

    monkeypatch.setenv("RUNNER_ENGINE", "webdriver")
    with pytest.raises(UnknownEngine, match=r"'webdriver'.*RUNNER_ENGINE.*cdp, playwright"):
        EngineLoader.load_engine()


def test_loading_one_engine_does_not_import_the_other() -> None:
    """Spec: Playwright costs time and memory that the CDP engine's users need not pay."""
    code = (
        "import sys; from bykilt.browser.engine.loader import EngineLoader; EngineLoader.load_engine('cdp');"
        " sys.exit('playwright' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
