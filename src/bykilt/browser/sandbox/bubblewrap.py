"""The options of bubblewrap, as a pure function of what the browser may see.

Knows which files of the machine Chromium needs, and that it gets nothing else: no shell, no home, no /run, no /sys.
Does not start anything, and knows nothing of who waits for it (`warden`), nor of how the options get to bubblewrap.
Source: bwrap(1)
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HOST_NAME = "sandbox"
# Who the browser is inside. Outside, this is the session's user.
INNER_ID = 1000

_FONTS = (
    "/etc/fonts",
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/usr/share/fontconfig",
    # Without the cache, fontconfig reads every font at each start.
    "/var/cache/fontconfig",
)
_SHARED = (
    *_FONTS,
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/usr/lib/locale",
    "/usr/share/mime",
    "/usr/share/zoneinfo",
    "/usr/share/X11/xkb",
)
# Where programs of all kinds lie: the browser is taken out of such a folder alone.
_CROWDED = frozenset(map(Path, ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin")))


@dataclass(frozen=True, slots=True)
class SyntheticFiles:
    """Files on the host that take the place of the machine's own: path inside → path outside."""

    places: Mapping[str, Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one browser sees. Folders that it writes to are in memory, but for `downloads` and a profile that is kept.

    `home` and `profile` keep their names inside. Sizes in bytes.
    """

    executable: Path
    environment: Mapping[str, str]
    home: Path
    profile: Path
    keeps_profile: bool
    uploads: Path
    downloads: Path
    synthetic: SyntheticFiles
    own_network: bool
    shm_bytes: int
    tmp_bytes: int
    home_bytes: int
    sockets: Sequence[Path] = field(default=())
    read_only: Sequence[Path] = field(default=())


def bubblewrap_options(view: View, *, info_fd: int, seccomp_fds: Sequence[int]) -> list[str]:
    """Return everything that bubblewrap is told, but for what is to run in the sandbox."""
    namespaces = ["user", "pid", "ipc", "uts", "cgroup", *(["net"] if view.own_network else [])]
    result = [f"--unshare-{name}" for name in namespaces]
    result += ["--uid", str(INNER_ID), "--gid", str(INNER_ID), "--hostname", HOST_NAME]
    result += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    for name, value in view.environment.items():
        result += ["--setenv", name, value]
    result += _machine(view.executable)
    result += ["--proc", "/proc", "--dev", "/dev"]
    result += _memory("/dev/shm", view.shm_bytes, 0o1777) + _memory("/tmp", view.tmp_bytes, 0o1777)
    result += _own(view)
    for inside, outside in view.synthetic.places.items():
        result += ["--ro-bind", str(outside), inside]
    for path in (*view.sockets, *view.read_only):
        result += ["--ro-bind", str(path), str(path)]
    result += ["--remount-ro", "/", "--chdir", str(view.home)]
    for fd in seccomp_fds:
        result += ["--add-seccomp-fd", str(fd)]
    return [*result, "--info-fd", str(info_fd)]


def _memory(path: str, size: int, mode: int) -> list[str]:
    return ["--size", str(size), "--perms", f"{mode:04o}", "--tmpfs", path]


def _own(view: View) -> list[str]:
    """The folders of the session, under the names that they have outside, so that the protocol's paths fit."""
    result = _memory(str(view.home), view.home_bytes, 0o700)
    if view.keeps_profile:
        result += ["--bind", str(view.profile), str(view.profile)]
    else:
        result += _memory(str(view.profile), view.home_bytes, 0o700)
    result += ["--ro-bind", str(view.uploads), str(view.uploads)]
    return [*result, "--bind", str(view.downloads), str(view.downloads)]


def _machine(executable: Path) -> list[str]:
    """The browser itself, its libraries, and fonts; nothing that could be run besides."""
    result: list[str] = []
    for path in _library_folders():
        result += ["--ro-bind", path, path]
    # With a merged /usr the old names are links; the dynamic linker is looked for under /lib64.
    for name in ("/lib", "/lib64"):
        if os.path.islink(name):
            result += ["--symlink", os.readlink(name), name]
    for path in _SHARED:
        result += ["--ro-bind-try", path, path]
    real = Path(os.path.realpath(executable))
    for program in dict.fromkeys(_program(each) for each in (executable, real)):
        result += ["--ro-bind", str(program), str(program)]
    return result


def _program(executable: Path) -> Path:
    folder = executable.parent
    return executable if folder in _CROWDED else folder


def _library_folders() -> list[str]:
    """The folders of libraries that are no links to others: with a merged /usr all are below it."""
    triplet = f"{platform.machine()}-linux-gnu"
    names = (f"/usr/lib/{triplet}", "/usr/lib64", f"/lib/{triplet}", "/lib64")
    return [name for name in names if os.path.isdir(name) and os.path.realpath(name) == name]
