"""The folder of an engine's files: made when it is needed, and left by no path of an action.

Knows where a file goes. Does not know what is in it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bykilt.browser.engine.errors import InvalidAction


class ArtifactFolder:
    """The folder that is given, or a temporary one."""

    def __init__(self, given: Path | None) -> None:
        self._path = given
        # A run's folder: flow files are not trusted, and name nothing outside of it.
        self._confined = given is not None

    def made(self) -> Path:
        """Return the folder; it is there."""
        if self._path is None:
            self._path = Path(tempfile.mkdtemp(prefix="bykilt-artifacts-"))
        self._path.mkdir(parents=True, exist_ok=True)
        return self._path

    def browser_log(self) -> Path | None:
        """Return where the browser writes what it has to say: only into a folder that somebody looks into."""
        return self.made() / "chromium.log" if self._confined else None

    def place(self, wanted: str | None, folder: str, default_name: str) -> Path:
        """Return where a file goes, its folder made: as `default_name` into `folder`, or where it is wanted.

        A relative path is inside the artifact folder. Where that was given, nothing outside of it may be named.

        Raises:
            InvalidAction: The path leaves the artifact folder.
        """
        root = self.made().resolve()
        path = root / folder / default_name if wanted is None else (root / wanted).resolve()
        if wanted is not None and self._confined and not path.is_relative_to(root):
            raise InvalidAction(
                f"path {wanted!r} is outside the run folder", field="path", hint="use a relative path without '..'"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
