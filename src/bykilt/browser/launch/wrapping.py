"""The seam where an outer sandbox goes around Chromium: from one command line to another.

A `Wrapping` gets the command that would start Chromium and returns the command to start instead. Descriptors
0 to 4 pass through it unchanged, and the last process of the chain is Chromium itself. `Plain` adds no sandbox of
its own: it only gives up root, so that Chromium (with its own sandbox, always on) runs as the session's user.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Protocol

from bykilt.browser.launch.errors import ChromiumNotStarted
from bykilt.browser.launch.profile import SessionFolder


class Wrapping(Protocol):
    """What goes around the command."""

    def wrap(self, command: Sequence[str], folder: SessionFolder, environment: Mapping[str, str]) -> list[str]:
        """Return the command to execute, as the user that we are.

        Raises:
            ChromiumNotStarted: This machine cannot do it; there is no falling back to less.
        """
        ...


class Plain:
    """No outer sandbox; root is given up."""

    def wrap(self, command: Sequence[str], folder: SessionFolder, environment: Mapping[str, str]) -> list[str]:
        if folder.identity is None:
            return list(command)
        setpriv = shutil.which("setpriv", path=os.defpath + ":/usr/sbin:/sbin")
        if setpriv is None:
            raise ChromiumNotStarted(
                "setpriv is missing, and without it Chromium would run as root, which it must not",
                hint="install util-linux, or start bykilt as an ordinary user",
            )
        # No process can get the rights back: neither by a setuid program nor from the bounding set.
        return [
            setpriv,
            f"--reuid={folder.identity.uid}",
            f"--regid={folder.identity.gid}",
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
            "--no-new-privs",
            "--",
            *command,
        ]
