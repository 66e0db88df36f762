"""The environment that Chromium gets: made from nothing, so that no secret of ours is in it.

Knows the variables and why each is there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bykilt.browser.launch.errors import ChromiumNotStarted
from bykilt.browser.launch.profile import SessionFolder
from bykilt.browser.launch.screen_pass import passes_for

_SCREEN = ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "XDG_RUNTIME_DIR")
# Where fonts are configured and which hour it is are facts of the machine, not of the user.
_MACHINE = ("TZ", "FONTCONFIG_FILE", "FONTCONFIG_PATH")


def browser_environment(
    folder: SessionFolder, *, headless: bool, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the variables for one session.

    Raises:
        ChromiumNotStarted: A window is wanted, and there is no screen to show it on.
    """
    environ = os.environ if environ is None else environ
    home = folder.home
    result = {
        "HOME": str(home),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        # Every machine has this one: the user's language would change the pages and so the run, and with a locale
        # that is not installed, Chromium cannot open files with other than English names.
        "LANG": "C.UTF-8",
        "TMPDIR": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        # Without these, Chromium looks for a bus for some tens of milliseconds, and may find the user's own.
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        "DBUS_SYSTEM_BUS_ADDRESS": "disabled:",
    }
    result.update({name: environ[name] for name in _MACHINE if environ.get(name)})
    if not headless:
        result.update(_screen(home, folder, environ))
    return result


def _screen(home: Path, folder: SessionFolder, environ: Mapping[str, str]) -> dict[str, str]:
    found = {name: environ[name] for name in _SCREEN if environ.get(name)}
    if "DISPLAY" not in found and "WAYLAND_DISPLAY" not in found:
        raise ChromiumNotStarted(
            "a browser window was asked for, but there is no screen (DISPLAY and WAYLAND_DISPLAY are not set)",
            hint="run headless, or inside a desktop session, or under `xvfb-run`",
        )
    pass_file = environ.get("XAUTHORITY") or os.path.join(environ.get("HOME", "/"), ".Xauthority")
    if os.path.isfile(pass_file):
        # The browser's user cannot read ours.
        copied = home / ".Xauthority"
        copied.write_bytes(passes_for(found.get("DISPLAY", ""), Path(pass_file).read_bytes()))
        copied.chmod(0o600)
        if folder.identity is not None:
            os.chown(copied, folder.identity.uid, folder.identity.gid)
        found["XAUTHORITY"] = str(copied)
    return found
