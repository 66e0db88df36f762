"""What bykilt needs of a machine, one function for each need.

Knows how to find out, why it matters and what to do. Does not know how findings are shown (`doctor_command`).
Every check answers within seconds and changes nothing on the machine.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import anyio
import anyio.to_thread

from bykilt.browser.engine.loader import EngineLoader
from bykilt.browser.launch.executable import find_chromium
from bykilt.browser.sandbox.probe import probe_sandbox
from bykilt.cli.doctor_browser import Probe, probe_chromium
from bykilt.cli.doctor_finding import Check as Check
from bykilt.cli.doctor_finding import Finding as Finding
from bykilt.cli.doctor_finding import Status as Status
from bykilt.cli.doctor_models import models
from bykilt.cli.doctor_vault import vault
from bykilt.errors import BykiltError
from bykilt.settings import Settings
from bykilt.trace.viewer import viewer_dir

_COMMAND_PATIENCE_S = 10
_MIN_FREE_BYTES, _ENOUGH_FREE_BYTES = 200 * 1024**2, 2 * 1024**3


async def python(_: Settings) -> Finding:
    """Is this Python new enough?"""
    good = sys.version_info >= (3, 11)
    return Finding(
        "python",
        "Python",
        Status.OK if good else Status.FAIL,
        f"{platform.python_version()} at {sys.executable}",
        "bykilt needs Python 3.11 or newer",
        "" if good else "install a newer Python, then set bykilt up again",
    )


async def home(settings: Settings) -> Finding:
    """Can runs be kept?"""
    why = "history, traces and data of every run are kept there"
    place = settings.home
    # Nothing is made: the first run makes the folder.
    existing = next(folder for folder in (place, *place.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        detail = f"{place}: {error.strerror}"
        return Finding("home", "Home folder", Status.FAIL, detail, why, "set BYKILT_HOME to a folder of yours")
    detail = str(place) if place.exists() else f"{place} (made by the first run)"
    return Finding("home", "Home folder", Status.OK, detail, why)


async def disk(settings: Settings) -> Finding:
    """Is there room for a run, and for Chromium's profile?"""
    why = "a run writes pictures and a trace; Chromium writes its profile into the temporary folder"
    free: dict[str, int] = {}
    for place in (settings.home, Path(tempfile.gettempdir())):
        existing = next(folder for folder in (place, *place.parents) if folder.exists())
        free[str(place)] = shutil.disk_usage(existing).free
    least = min(free.values())
    status = Status.OK if least >= _ENOUGH_FREE_BYTES else Status.WARN if least >= _MIN_FREE_BYTES else Status.FAIL
    detail = ", ".join(f"{size / 1024**3:.1f} GiB free at {place}" for place, size in free.items())
    fix = "" if status is Status.OK else "free some space; `bykilt runs delete` removes old runs with their files"
    return Finding("disk", "Disk space", status, detail, why, fix)


async def engine(settings: Settings) -> Finding:
    """Does RUNNER_ENGINE name an engine?"""
    why = "RUNNER_ENGINE chooses the engine of runs that name none"
    try:
        chosen = EngineLoader.resolve(settings.engine)
    except BykiltError as error:
        return Finding(
            "engine", "Default engine", Status.FAIL, error.message, why, "unset RUNNER_ENGINE, or correct it"
        )
    origin = "RUNNER_ENGINE" if settings.engine else "the default"
    return Finding("engine", "Default engine", Status.OK, f"{chosen} ({origin})", why)


async def chromium_found(_: Settings) -> Finding:
    """Is there a Chromium?"""
    why = "runs are carried out in it"
    try:
        path = await anyio.to_thread.run_sync(find_chromium)
    except BykiltError as error:
        return Finding("chromium", "Chromium", Status.FAIL, error.message, why, error.hint)
    return Finding("chromium", "Chromium", Status.OK, str(path), why)


async def chromium_starts(_: Settings) -> Finding:
    """Does it start, as an unprivileged user, with its sandbox on?"""
    why = "pages are not trusted: Chromium's sandbox keeps them from this machine"
    title = "Chromium starts in its sandbox"
    try:
        probe = await probe_chromium()
    except BykiltError as error:
        return Finding("chromium_starts", title, Status.FAIL, error.message, why, error.hint)
    wrong = what_is_wrong(probe)
    if wrong:
        fix = "report this as a bug of bykilt, with the output of `bykilt doctor --json`"
        return Finding("chromium_starts", title, Status.FAIL, wrong, why, fix)
    detail = f"{probe.product} answered in {probe.start_ms:.0f} ms, as uid {probe.uid}, renderers filtered and apart"
    return Finding("chromium_starts", title, Status.OK, detail, why)


def what_is_wrong(probe: Probe) -> str:
    """Return what is wrong with a Chromium that started; empty when nothing is."""
    if probe.as_root:
        return f"{probe.as_root} of its {probe.processes} processes run as root"
    if probe.weakened_by:
        return f"its sandbox was weakened by {' '.join(probe.weakened_by)}"
    if not probe.renderers:
        return "no renderer process was seen, so that its sandbox could not be checked"
    if not probe.seccomp:
        return "its renderers have no system call filter"
    return "" if probe.own_namespace else "its renderers are in no namespace of their own"


_NAMESPACE_LIMITS: Mapping[str, Callable[[int], bool]] = {
    "/proc/sys/user/max_user_namespaces": lambda value: value > 0,
    "/proc/sys/kernel/unprivileged_userns_clone": lambda value: value == 1,
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": lambda value: value == 0,
}


async def user_namespaces(_: Settings) -> Finding:
    """May an ordinary user make a user namespace?"""
    why = "Chromium's sandbox is built on them"
    title = "User namespaces"
    seen, refused = [], []
    for path, allows in _NAMESPACE_LIMITS.items():
        value = _number_in(path)
        if value is not None:
            words = f"{path.removeprefix('/proc/sys/').replace('/', '.')}={value}"
            seen.append(words)
            if not allows(value):
                refused.append(words)
    if not refused:
        return Finding("user_namespaces", title, Status.OK, ", ".join(seen) or "not limited", why)
    # A profile for Chromium alone may allow them all the same: what counts is whether it starts.
    fix = "if Chromium does not start: allow them with sysctl, or with an AppArmor profile for Chromium's executable"
    return Finding("user_namespaces", title, Status.WARN, f"limited by {', '.join(refused)}", why, fix)


def _number_in(path: str) -> int | None:
    try:
        return int(Path(path).read_text().strip())
    except (OSError, ValueError):
        return None


async def sandbox(_: Settings) -> Finding:
    """Can the browser be walled off?"""
    why = "a browser without walls reaches this machine's network; none is started so unless that is asked for"
    title = "Sandbox"
    report = await anyio.to_thread.run_sync(probe_sandbox)
    if not report.ok:
        return Finding("sandbox", title, Status.FAIL, f"{report.problem} ({report.code})", why, report.fix)
    version = report.facts["bwrap_version"]
    return Finding("sandbox", title, Status.OK, f"{version}, with a sandbox inside a sandbox", why)


async def japanese_fonts(_: Settings) -> Finding:
    """Will Japanese text be more than boxes?"""
    why = "without one, Japanese pages are empty boxes in every picture"
    fix = "Debian and Ubuntu: apt-get install fonts-noto-cjk"
    title = "Fonts for Japanese"
    said = await _said_by("fc-list", ":lang=ja", "family")
    if said is None:
        return Finding("fonts_ja", title, Status.WARN, "fc-list is not installed, so that nothing is known", why, fix)
    families = sorted({line.split(",")[0].strip() for line in said.splitlines() if line.strip()})
    if not families:
        return Finding("fonts_ja", title, Status.WARN, "none", why, fix)
    more = f" and {len(families) - 3} more" if len(families) > 3 else ""
    return Finding("fonts_ja", title, Status.OK, ", ".join(families[:3]) + more, why)


async def playwright(_: Settings) -> Finding:
    """Is the second engine's driver there, and does it start?"""
    why = "it drives the engine `playwright` and brings the trace viewer"
    title = "Playwright"
    try:
        installed = version("playwright")
        folder = viewer_dir()
    except PackageNotFoundError:
        return Finding("playwright", title, Status.FAIL, "not installed", why, "set bykilt up again (`make demo`)")
    except BykiltError as error:
        return Finding("playwright", title, Status.FAIL, error.message, why, error.hint)
    node = next(parent for parent in folder.parents if parent.name == "driver") / "node"
    said = await _said_by(str(node), "--version")
    if said is None:
        fix = "Debian and Ubuntu: apt-get install libatomic1; the engine `cdp` works without it"
        return Finding("playwright", title, Status.WARN, f"{installed}, but its driver does not start", why, fix)
    return Finding("playwright", title, Status.OK, f"{installed}, driver {said.strip()}, trace viewer found", why)


async def docker(_: Settings) -> Finding:
    """Is Docker there? Nothing needs it yet."""
    why = "nothing needs it today"
    said = await _said_by("docker", "version", "--format", "{{.Server.Version}}")
    installed = shutil.which("docker") is not None
    detail = f"server {said.strip()}" if said else "installed, no server answers" if installed else "not installed"
    return Finding("docker", "Docker", Status.INFO, detail, why)


async def _said_by(*command: str) -> str | None:
    """Return what a program wrote; None when it is not there, fails, or takes too long."""
    try:
        with anyio.fail_after(_COMMAND_PATIENCE_S):
            done = await anyio.run_process(
                command, check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ)
            )
    except (OSError, TimeoutError):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


CHECKS: tuple[Check, ...] = (
    python,
    home,
    disk,
    engine,
    chromium_found,
    chromium_starts,
    user_namespaces,
    sandbox,
    japanese_fonts,
    playwright,
    docker,
    vault,
    models,
)
"""In the order in which they are shown."""
