"""Giving up root, for a browser that runs without an outer sandbox. Chromium's own sandbox is always on.

With the outer sandbox it is the `warden` that gives root up.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from bykilt.browser.launch.errors import ChromiumNotStarted
from bykilt.browser.launch.identity import Identity


def as_user(command: Sequence[str], identity: Identity | None) -> list[str]:
    """Return the command that runs another one as this user; the same one if we are no root and need no other user.

    Raises:
        ChromiumNotStarted: This machine cannot do it; there is no falling back to less.
    """
    if identity is None:
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
        f"--reuid={identity.uid}",
        f"--regid={identity.gid}",
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
        "--no-new-privs",
        "--",
        *command,
    ]
