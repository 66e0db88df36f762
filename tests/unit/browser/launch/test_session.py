"""What one browser's session knows of it before it starts. Nothing is started."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bykilt.browser.launch.session import open_session
from bykilt.browser.launch.settings import ChromiumSettings
from bykilt.browser.sandbox.profile import SandboxProfile


@pytest.mark.parametrize("walls", [None, SandboxProfile.of("none")], ids=["bare", "sandboxed"])
def test_only_our_own_user_without_walls_sees_our_files(walls: SandboxProfile | None) -> None:
    """Contract: whoever does not is lent copies, or an upload would be an empty one."""
    session = open_session(ChromiumSettings(sandbox=walls), None)
    lent, session.folder = session.folder, replace(session.folder, identity=None)
    try:
        assert session.sees_our_files is (walls is None)
        session.folder = lent
        assert session.sees_our_files is (walls is None and lent.identity is None)
    finally:
        session.folder = lent
        session.discard()
