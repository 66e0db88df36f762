"""Where Chromium is on this machine. Knows names and places; starts nothing, so it costs almost nothing.

Whether the executable really is a Chromium shows when it is started; `bykilt doctor` asks for its version.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bykilt.browser.launch.errors import ChromiumNotFound
from bykilt.browser.launch.identity import Identity
from bykilt.browser.sandbox.profile import BrowserFlavor

# Where scripts/_setup.sh lets root install Playwright's Chromium: another user cannot reach root's own cache.
SET_UP_BY_ROOT = Path("/var/lib/bykilt/browsers")


@dataclass(frozen=True, slots=True)
class _Make:
    """How one flavor of Chromium is found: its variable, its names on PATH, fixed places, Playwright's folders."""

    what: str
    variable: str
    on_path: tuple[str, ...]
    elsewhere: tuple[Path, ...]
    builds: str
    hint: str


_MAKES = {
    BrowserFlavor.CHROMIUM: _Make(
        what="Chrome or Chromium",
        variable="CHROME_PATH",
        on_path=("google-chrome", "google-chrome-stable", "chromium", "chromium-browser"),
        elsewhere=(Path("/usr/lib/chromium/chromium"), Path("/opt/google/chrome/chrome")),
        builds="chromium-*/chrome-linux*/chrome",
        hint=(
            "install one (Debian: `apt-get install chromium`; anywhere: `playwright install chromium`),"
            " or set CHROME_PATH to the executable"
        ),
    ),
    BrowserFlavor.HEADLESS_SHELL: _Make(
        what="headless shell of Chromium",
        variable="HEADLESS_SHELL_PATH",
        on_path=("chromium-headless-shell", "chrome-headless-shell"),
        elsewhere=(Path("/usr/lib/chromium/chromium-headless-shell"),),
        builds="chromium_headless_shell-*/chrom*-linux*/*headless*shell",
        hint=(
            "install one (Debian: `apt-get install chromium-headless-shell`; anywhere:"
            " `playwright install chromium-headless-shell`), set HEADLESS_SHELL_PATH to the executable,"
            " or leave browser_flavor out to use the whole browser"
        ),
    ),
}

# A distribution's launcher is a shell script that takes 30 ms and more to add flags of its own, such as
# `--load-extension`. The program that it ends in starts just as well by itself, and is the same on every machine.
_LAUNCHERS = {
    Path("/usr/bin/chromium"): Path("/usr/lib/chromium/chromium"),
    Path("/usr/bin/chromium-headless-shell"): Path("/usr/lib/chromium/chromium-headless-shell"),
    Path("/usr/bin/google-chrome-stable"): Path("/opt/google/chrome/chrome"),
    Path("/opt/google/chrome/google-chrome"): Path("/opt/google/chrome/chrome"),
}


def find_chromium(
    identity: Identity | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    flavor: BrowserFlavor = BrowserFlavor.CHROMIUM,
) -> Path:
    """Return the browser to start: the variable's (`CHROME_PATH`), else one of the system, else Playwright's.

    With `identity`, only one that this user can execute.

    Raises:
        ChromiumNotFound: There is none, or the variable names something else; it is never passed over in silence.
    """
    environ = os.environ if environ is None else environ
    make = _MAKES[flavor]
    chosen = environ.get(make.variable)
    if chosen:
        path = _program_behind(Path(chosen))
        reason = _why_unusable(path, identity)
        if reason:
            raise ChromiumNotFound(
                f"{make.variable} is {chosen}, but {reason}",
                hint=f"set {make.variable} to the executable of a {make.what}, or unset it to use the one installed",
            )
        return path
    tried: list[str] = []
    for path in _candidates(make, environ):
        reason = _why_unusable(path, identity)
        if not reason:
            return path
        if reason != _ABSENT:
            tried.append(f"{path} ({reason})")
    names = ", ".join((*make.on_path, *map(str, make.elsewhere)))
    unusable = f"; found but not usable: {', '.join(tried)}" if tried else ""
    raise ChromiumNotFound(
        f"no {make.what} was found: tried {make.variable} (not set), {names} and Playwright's in "
        f"{_playwright_folder(environ)}{unusable}",
        hint=make.hint,
    )


def _candidates(make: _Make, environ: Mapping[str, str]) -> Iterator[Path]:
    for name in make.on_path:
        found = shutil.which(name, path=environ.get("PATH"))
        if found:
            yield _program_behind(Path(found))
    yield from make.elsewhere
    folders = (_playwright_folder(environ), SET_UP_BY_ROOT)
    builds = [build for folder in folders for build in folder.glob(make.builds)]
    yield from sorted(builds, key=_build_number, reverse=True)


def _playwright_folder(environ: Mapping[str, str]) -> Path:
    chosen = environ.get("PLAYWRIGHT_BROWSERS_PATH")
    return Path(chosen) if chosen and chosen != "0" else Path.home() / ".cache" / "ms-playwright"


def _build_number(path: Path) -> int:
    found = re.search(r"/chromium[a-z_]*-(\d+)/", str(path))
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
