"""What a sandboxed browser with a window needs of its screen, as files: the socket, and the pass for it.

Knows how DISPLAY and WAYLAND_DISPLAY name a screen. A screen that cannot be shown to the browser is refused before it
starts: Chromium itself says only that there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bykilt.browser.launch.errors import ChromiumNotStarted

_X_SOCKETS = Path("/tmp/.X11-unix")


@dataclass(frozen=True, slots=True)
class ScreenFiles:
    """Files that go into the sandbox under their own names."""

    sockets: tuple[Path, ...] = ()
    passes: tuple[Path, ...] = ()


def screen_files(environment: Mapping[str, str], *, own_network: bool, x_sockets: Path = _X_SOCKETS) -> ScreenFiles:
    """Return what the screen of a browser's environment is made of; nothing for a browser without a window.

    Raises:
        ChromiumNotStarted: The screen has no socket on this machine that could be shown to the browser.
    """
    wanted: list[Path] = []
    display = environment.get("DISPLAY", "")
    if display.startswith((":", "unix:")):
        wanted.append(x_sockets / ("X" + display.partition(":")[2].partition(".")[0]))
    if "WAYLAND_DISPLAY" in environment and "XDG_RUNTIME_DIR" in environment:
        wanted.append(Path(environment["XDG_RUNTIME_DIR"]) / environment["WAYLAND_DISPLAY"])
    sockets = tuple(path for path in wanted if path.is_socket())
    if display and not sockets and own_network:
        raise ChromiumNotStarted(
            f"the screen {display} cannot be shown to the sandboxed browser: "
            + (f"there is no socket {wanted[0]}" if wanted else "it is reached by the network, which the sandbox cuts"),
            hint="use a screen of this machine, such as `xvfb-run` makes one, or run headless",
        )
    passes = (Path(environment["XAUTHORITY"]),) if "XAUTHORITY" in environment else ()
    return ScreenFiles(sockets, passes)
