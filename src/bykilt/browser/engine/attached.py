"""Files between us and a browser that somebody else started, which may run as another user, or on another machine.

Knows the folder that both can use if they share a file system.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

UNREACHABLE_HINT = (
    "start the browser with --remote-debugging-port, and give what it asks for in cdp_headers; or leave cdp_url out"
)

# Everybody may put files there, nobody may list it, and only we remove what others put: names in it are not guessed.
_MODE = 0o1733


def make_shared_folder() -> Path:
    """Return a new folder for the downloads of a browser that was attached to."""
    folder = Path(tempfile.mkdtemp(prefix="bykilt-downloads-"))
    folder.chmod(_MODE)
    return folder


def remove_shared_folder(folder: Path | None) -> None:
    """Remove it with what is in it."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
