"""One Chromium for all drivers: a script that starts it without root and with its own sandbox on."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bykilt.browser.launch.executable import find_chromium
from bykilt.browser.launch.identity import pick_identity

_SCRIPT = """#!/bin/sh
for argument in "$@"; do
  shift
  case $argument in
    --no-sandbox) ;;
    --user-data-dir=*) mkdir -p "${{argument#*=}}"; {give} "${{argument#*=}}"; set -- "$@" "$argument" ;;
    *) set -- "$@" "$argument" ;;
  esac
done
export HOME={home} XDG_CONFIG_HOME={home} XDG_CACHE_HOME={home}
exec {drop} {chromium} "$@"
"""


@contextmanager
def unprivileged_chromium() -> Iterator[str]:
    """Yield the path of the script."""
    identity = pick_identity()
    with tempfile.TemporaryDirectory(prefix="bykilt-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        home.mkdir()
        os.chmod(folder, 0o755)
        drop, give = "", "true"
        if identity is not None:
            os.chown(home, identity.uid, identity.gid)
            drop = f"setpriv --reuid={identity.uid} --regid={identity.gid} --clear-groups"
            give = f"chown -R {identity.uid}:{identity.gid}"
        script = Path(folder) / "chromium"
        chromium = shlex.quote(str(find_chromium()))
        script.write_text(_SCRIPT.format(home=shlex.quote(str(home)), drop=drop, give=give, chromium=chromium))
        script.chmod(0o755)
        yield str(script)
