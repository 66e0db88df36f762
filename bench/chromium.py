"""One Chromium for all drivers: a script that starts it without root and with its own sandbox on."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
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


class ListeningChromium:
    """A headless Chromium with a debugging port, for drivers that attach to one."""

    def __init__(self) -> None:
        self._profile = tempfile.mkdtemp(prefix="bykilt-bench-profile-")

    async def start(self, chromium: str) -> str:
        """Start it and return its WebSocket address."""
        self._process = await asyncio.create_subprocess_exec(
            chromium,
            "--headless=new",
            "--remote-debugging-port=0",
            f"--user-data-dir={self._profile}",
            "--no-first-run",
            "--disable-background-networking",
            "--window-size=1280,720",
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if b"DevTools listening on " in line:
                self._drain = asyncio.create_task(self._process.stderr.read())
                return line.decode().split("listening on ")[1].strip()
        raise SystemExit("Chromium ended without naming its address")

    async def ended(self) -> None:
        """Wait for its end and remove its profile."""
        await self._process.wait()
        await self._drain
        shutil.rmtree(self._profile, ignore_errors=True)

    async def stop(self) -> None:
        """End it."""
        self._process.terminate()
        await self.ended()
