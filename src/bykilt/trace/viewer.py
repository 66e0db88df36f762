"""Where the stock trace viewer is: static files inside the installed `playwright` package.

Knows the package's layout and what a usable viewer consists of. Does not serve anything (`viewer_server`).

Source: `playwright/driver/package/lib/vite/traceViewer` in playwright 1.65. The package is not imported,
only found: importing it costs a tenth of a second and nothing of it is called.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from bykilt.errors import MissingCapability

_INSIDE_PACKAGE = Path("driver/package/lib/vite/traceViewer")
_NEEDED = ("index.html", "sw.bundle.js", "snapshot.html")


class ViewerMissing(MissingCapability):
    """The playwright package, or the viewer inside it, is not there."""

    code = "viewer_missing"


def viewer_dir() -> Path:
    """Return the folder of the viewer's files.

    Raises:
        ViewerMissing: With what was looked for.
    """
    spec = find_spec("playwright")
    if spec is None or not spec.submodule_search_locations:
        raise ViewerMissing(
            "the playwright package, which brings the trace viewer, is not installed",
            hint="install bykilt's dependencies again, for instance with `make demo`",
        )
    folder = Path(spec.submodule_search_locations[0]) / _INSIDE_PACKAGE
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if missing:
        raise ViewerMissing(
            f"the trace viewer in {folder} lacks {', '.join(missing)}",
            hint="the installed playwright package is damaged or of another version; install it again",
        )
    return folder
