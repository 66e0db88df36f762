"""A screen that nobody looks at: an X server of the test's own, with a pass as a desktop session has one.

Knows Xvfb and the format of ~/.Xauthority. Scripts/_setup.sh installs Xvfb.
"""

from __future__ import annotations

import os
import secrets
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_FAMILY_LOCAL = 256
_COOKIE = b"MIT-MAGIC-COOKIE-1"


@dataclass(frozen=True, slots=True)
class Screen:
    """What a program needs to show a window on it."""

    environment: dict[str, str]
    memory: Path

    def shows(self, red: int, green: int, blue: int) -> bool:
        """Return whether a line of pixels of this colour is to be seen."""
        return bytes((blue, green, red, 0xFF)) * 64 in self.memory.read_bytes()


@contextmanager
def open_screen(folder: Path) -> Iterator[Screen]:
    """Run an X server on a display that is free; it takes only whoever has the pass, which lies in `folder`."""
    passes = folder / "Xauthority"
    cookie = secrets.token_bytes(16)
    passes.write_bytes(_entry("", cookie))
    tell, told = os.pipe()
    command = ["Xvfb", "-displayfd", str(told), "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-auth", str(passes)]
    command += ["-fbdir", str(folder)]
    with subprocess.Popen(command, pass_fds=[told], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        os.close(told)
        with open(tell) as lines:
            number = lines.readline().strip()
        try:
            passes.write_bytes(_entry(number, cookie))
            yield Screen({"DISPLAY": f":{number}", "XAUTHORITY": str(passes)}, folder / "Xvfb_screen0")
        finally:
            server.terminate()


def _entry(number: str, cookie: bytes) -> bytes:
    """Return one pass for this machine, as a desktop session writes it. Source: Xau(3)"""
    parts = (socket.gethostname().encode(), number.encode(), _COOKIE, cookie)
    return struct.pack(">H", _FAMILY_LOCAL) + b"".join(struct.pack(">H", len(part)) + part for part in parts)
