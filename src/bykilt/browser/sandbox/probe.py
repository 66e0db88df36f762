"""Looks at this machine, and really starts a sandbox with another one in it, as Chromium will.

Knows where the facts are. Does not know what they come to (`machine`). Everything here waits: call it from a worker
thread in async code.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bykilt.browser.sandbox.errors import SandboxUnavailable
from bykilt.browser.sandbox.machine import (
    OPTIONS_NEEDED,
    OUTER_NAMESPACES,
    MachineFacts,
    SandboxReport,
    Trial,
    judge,
)
from bykilt.browser.sandbox.seccomp_filter import SeccompOptions, SeccompUnavailable, build_filters

OWN_BWRAP = "/usr/local/lib/bykilt/bwrap"
_PATIENCE_S = 20
# The user that owns nothing. As root the trial is made as this one: root may do what the browser's user may not.
_NOBODY = 65534
_SYSTEM_PATH = f"{os.defpath}:/usr/sbin:/sbin"
_NESTED = "nested"
# In the inner one a root folder is changed, too: that needs the rights that some profiles let a sandbox have and
# take from what it starts. Chromium's sandbox is made so.
_LOOK = (
    f"for kind in {' '.join(OUTER_NAMESPACES)}; do readlink /proc/self/ns/$kind; done; echo {_NESTED}; "
    "exec unshare --user --map-root-user --pid --net --fork --root=/ "
    "readlink /proc/self/ns/user /proc/self/ns/pid /proc/self/ns/net"
)


def find_bwrap() -> str | None:
    """Return the path of bubblewrap: a copy made for bykilt, for which AppArmor can have a profile, else any."""
    own = shutil.which(OWN_BWRAP)
    return own or shutil.which("bwrap", path=f"{_SYSTEM_PATH}:/usr/local/bin")


def probe_sandbox(bwrap: str | None = None) -> SandboxReport:
    """Return whether this machine can sandbox a browser. Takes some 70 ms and leaves nothing.

    Without `bwrap`, it is what `find_bwrap` finds.
    """
    return judge(gather_facts(bwrap))


def require_sandbox(bwrap: str | None = None) -> SandboxReport:
    """Return the report of a machine that can sandbox a browser.

    Raises:
        SandboxUnavailable: It cannot; with the reason, and how to mend it.
    """
    report = probe_sandbox(bwrap)
    if not report.ok:
        raise SandboxUnavailable(
            f"this machine cannot sandbox the browser ({report.code}): {report.problem}", hint=report.fix
        )
    return report


def gather_facts(bwrap: str | None = None) -> MachineFacts:
    """Return what is to be known of this machine. A sandbox is tried only where its parts are there."""
    if sys.platform != "linux":
        return MachineFacts(system=sys.platform, kernel=platform.release())
    path = find_bwrap() if bwrap is None else shutil.which(bwrap)
    options_missing, version = ((), "") if path is None else _about_bwrap(path)
    needed = ("unshare", "setpriv") if os.geteuid() == 0 else ("unshare",)
    tools_missing = tuple(tool for tool in needed if _find(tool) is None)
    has_libseccomp = _has_libseccomp()
    filter_problem = _filter_problem() if has_libseccomp else None
    is_setuid = path is not None and bool(os.stat(path).st_mode & stat.S_ISUID)
    ready = (
        path is not None and not (is_setuid or options_missing or tools_missing or filter_problem) and has_libseccomp
    )
    return MachineFacts(
        system=sys.platform,
        kernel=platform.release(),
        bwrap=path,
        bwrap_version=version,
        bwrap_is_setuid=is_setuid,
        options_missing=options_missing,
        has_libseccomp=has_libseccomp,
        filter_problem=filter_problem,
        tools_missing=tools_missing,
        container=_container(os.environ),
        seccomp=_own_seccomp(),
        max_user_namespaces=_number_in("/proc/sys/user/max_user_namespaces"),
        unprivileged_userns_clone=_number_in("/proc/sys/kernel/unprivileged_userns_clone"),
        apparmor_restricts_userns=_number_in("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
        own_namespaces=_own_namespaces(),
        trial=try_sandbox(path) if ready and path is not None else None,
    )


def try_sandbox(bwrap: str, *, through: Sequence[str] = ()) -> Trial:
    """Return what became of a sandbox in which another one is made, by an ordinary user.

    `through` are words of a command that runs bubblewrap in its turn.
    """
    command = [*_as_nobody(), *through, bwrap, *_WALLS, *_machine(), "--", "/bin/sh", "-c", _LOOK]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            env={"PATH": _SYSTEM_PATH, "LC_ALL": "C"},
            cwd="/",
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Trial(-1, f"it was not ready after {_PATIENCE_S} s")
    except OSError as error:
        return Trial(-1, f"it could not be started: {error}")
    outer, _, nested = done.stdout.decode(errors="replace").partition(f"{_NESTED}\n")
    return Trial(done.returncode, done.stderr.decode(errors="replace"), _namespaces(outer), _namespaces(nested))


_WALLS = (
    *(f"--unshare-{kind}" for kind in ("user", "pid", "ipc", "uts", "cgroup", "net")),
    *("--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"),
    *("--die-with-parent", "--new-session", "--clearenv", "--setenv", "PATH", "/usr/bin:/bin:/usr/sbin:/sbin"),
)


def _machine() -> list[str]:
    """The programs that look, and their libraries; with a merged /usr the old names are links."""
    result = ["--ro-bind", "/usr", "/usr"]
    for name in ("/bin", "/sbin", "/lib", "/lib64"):
        if os.path.islink(name):
            result += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            result += ["--ro-bind", name, name]
    result += ["--proc", "/proc", "--dev", "/dev", "--size", str(1 << 20), "--perms", "1777", "--tmpfs", "/tmp"]
    return [*result, "--remount-ro", "/"]


def _as_nobody() -> list[str]:
    if os.geteuid() != 0:
        return []
    who = [f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
    return [_find("setpriv") or "setpriv", *who, "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"]


def _namespaces(text: str) -> dict[str, str]:
    """Return namespaces by kind, from lines such as `user:[4026531837]`."""
    return {line.partition(":")[0]: line for line in text.split() if line.endswith("]")}


def _about_bwrap(path: str) -> tuple[tuple[str, ...], str]:
    helped, version = _said_by(path, "--help"), _said_by(path, "--version")
    known = set(helped.split())
    return tuple(option for option in OPTIONS_NEEDED if option not in known), version.strip()


def _said_by(*command: str) -> str:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout + done.stderr).decode(errors="replace")


def _find(tool: str) -> str | None:
    return shutil.which(tool, path=_SYSTEM_PATH)


def _has_libseccomp() -> bool:
    try:
        ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return False
    return True


def _filter_problem() -> tuple[str, str] | None:
    """Build what a browser would get; one that is too old has the library, but not the calls that the policy names."""
    try:
        build_filters(SeccompOptions())
    except SeccompUnavailable as error:
        return error.message, error.hint
    return None


def _container(environment: Mapping[str, str]) -> str | None:
    """Return what kind of container this is, as far as it says so itself."""
    for kind, path in (("docker", "/.dockerenv"), ("podman", "/run/.containerenv")):
        if os.path.exists(path):
            return kind
    if "KUBERNETES_SERVICE_HOST" in environment:
        return "kubernetes"
    return environment.get("container") or None


def _own_seccomp() -> int | None:
    """Return the mode of our own filter. Source: proc(5)"""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("Seccomp:")), None)


def _own_namespaces() -> dict[str, str]:
    found: dict[str, str] = {}
    for kind in OUTER_NAMESPACES:
        try:
            found[kind] = os.readlink(f"/proc/self/ns/{kind}")
        except OSError:
            continue
    return found


def _number_in(path: str) -> int | None:
    try:
        return int(Path(path).read_text().strip())
    except (OSError, ValueError):
        return None
