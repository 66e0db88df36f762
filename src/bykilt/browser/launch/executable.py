"""Where Chromium is on this machine. Knows names and places; starts nothing, so it costs almost nothing.

Whether the executable really is a Chromium shows when it is started; `bykilt doctor` asks for its version.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from bykilt.browser.launch.errors import ChromiumNotFound
from bykilt.browser.launch.identity import Identity

ON_PATH = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser")
# Where scripts/_setup.sh lets root install Playwright's Chromium: another user cannot reach root's own cache.
SET_UP_BY_ROOT = Path("/var/lib/bykilt/browsers")
ELSEWHERE = (Path("/usr/lib/chromium/chromium"), Path("/opt/google/chrome/chrome"))

# A distribution's launcher is a shell script that takes 30 ms and more to add flags of its own, such as
# `--load-extension`. The program that it ends in starts just as well by itself, and is the same on every machine.
_LAUNCHERS = {
    Path("/usr/bin/chromium"): Path("/usr/lib/chromium/chromium"),
    Path("/usr/bin/google-chrome-stable"): Path("/opt/google/chrome/chrome"),
    Path("/opt/google/chrome/google-chrome"): Path("/opt/google/chrome/chrome"),
}
_HINT = (
    "install one (Debian: `apt-get install chromium`; anywhere: `playwright install chromium`),"
    " or set CHROME_PATH to the executable"
)


def find_chromium(identity: Identity | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """Return the Chrome or Chromium to start: `CHROME_PATH`, else one of the system, else Playwright's.

    With `identity`, only one that this user can execute.

    Raises:
        ChromiumNotFound: There is none, or `CHROME_PATH` names something else; it is never passed over in silence.
    """
    environ = os.environ if environ is None else environ
    chosen = environ.get("CHROME_PATH")
    if chosen:
        path = _program_behind(Path(chosen))
        reason = _why_unusable(path, identity)
        if reason:
            raise ChromiumNotFound(
                f"CHROME_PATH is {chosen}, but {reason}",
                hint="set CHROME_PATH to the executable of Chrome or Chromium, or unset it to use the one installed",
            )
        return path
    tried: list[str] = []
    for path in _candidates(environ):
        reason = _why_unusable(path, identity)
        if not reason:
            return path
        if reason != _ABSENT:
            tried.append(f"{path} ({reason})")
    names = ", ".join((*ON_PATH, *map(str, ELSEWHERE)))
    unusable = f"; found but not usable: {', '.join(tried)}" if tried else ""
    raise ChromiumNotFound(
        f"no Chrome or Chromium was found: tried CHROME_PATH (not set), {names} and Playwright's in "
        f"{_playwright_folder(environ)}{unusable}",
        hint=_HINT,
    )


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    for name in ON_PATH:
        found = shutil.which(name, path=environ.get("PATH"))
        if found:
            yield _program_behind(Path(found))
    yield from ELSEWHERE
    folders = (_playwright_folder(environ), SET_UP_BY_ROOT)
    builds = [build for folder in folders for build in folder.glob("chromium-*/chrome-linux*/chrome")]
    yield from sorted(builds, key=_build_number, reverse=True)


def _playwright_folder(environ: Mapping[str, str]) -> Path:
    chosen = environ.get("PLAYWRIGHT_BROWSERS_PATH")
    return Path(chosen) if chosen and chosen != "0" else Path.home() / ".cache" / "ms-playwright"


def _build_number(path: Path) -> int:
    found = re.search(r"chromium-(\d+)", str(path))
    return int(found.group(1)) if found else 0


def _program_behind(path: Path) -> Path:
    for launcher in (path, Path(os.path.realpath(path))):
        program = _LAUNCHERS.get(launcher)
        if program is not None and os.access(program, os.X_OK):
            return program
    return path


_ABSENT = "no such file"


def _why_unusable(path: Path, identity: Identity | None) -> str:
    real = Path(os.path.realpath(path))
    try:
        is_file = stat.S_ISREG(real.stat().st_mode)
    except OSError as error:
        return _ABSENT if isinstance(error, FileNotFoundError | NotADirectoryError) else f"{error.strerror}"
    if not is_file:
        return "it is not a file"
    if not os.access(real, os.X_OK):
        return "it is not executable"
    if _is_snap(real):
        return "it is a snap, which can use neither our profile folder nor another user"
    if identity is not None:
        blocked = identity.blocked_at(real, os.X_OK)
        if blocked is not None:
            return (
                f"the unprivileged user that runs the browser cannot pass {blocked};"
                " move it to a folder that everybody can read"
            )
    return ""


def _is_snap(real: Path) -> bool:
    if real == Path("/usr/bin/snap") or real.is_relative_to("/snap"):
        return True
    try:
        if real.stat().st_size > 100_000:
            return False
        return b"/snap/bin/chromium" in real.read_bytes()
    except OSError:
        return False
